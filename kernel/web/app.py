"""The Flask app: shell, guards, headers, and every plugin's pages under /<plugin>/."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, abort, g, redirect, request, url_for

from kernel import texts
from kernel.extension.model import Plugin
from kernel.extension.roles import OPERATE
from kernel.extension.standing import Standing, standings
from kernel.telemetry import bind_trace, log
from kernel.web import (
    access,
    answers,
    assets,
    codes,
    connections,
    dates,
    frames,
    health,
    identity,
    jobs,
    live_pages,
    sessions,
    sign_in,
    words,
)
from kernel.web.identity import SAFE_METHODS, current_user
from kernel.web.links import Session, User
from kernel.web.pages import Pages
from kernel.web.rights import ANY_ROLE, BY_KEY, SIGNED_IN, needs
from kernel.web.site import EXTENSION, Site

BODY_BYTES_MAX = 2 * 1024 * 1024
OPEN_BLUEPRINTS = ("assets", "health", "frames")
YEAR_SECONDS = 365 * 86_400


def create_app(site: Site, blueprints: Sequence[Blueprint] = ()) -> Flask:
    """`blueprints` bring their own proof of who calls (webhooks, feeds): sessions and CSRF do not concern them."""
    app = Flask("kernel.web", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX
    app.jinja_options = {"finalize": words.clean, "trim_blocks": True, "lstrip_blocks": True}
    app.extensions[EXTENSION] = site
    for own in (
        assets.blueprint(), health.blueprint(site), identity.blueprint(site), sign_in.blueprint(site),
        live_pages.blueprint(site), jobs.blueprint(site), connections.blueprint(site), sessions.blueprint(site),
        frames.blueprint(site),
    ):  # fmt: skip
        app.register_blueprint(own)
    for free in blueprints:
        app.register_blueprint(free)
    nav = [_mount(app, site, plugin) for plugin in site.plugins]
    free_names = {*OPEN_BLUEPRINTS, *(free.name for free in blueprints)}
    _guard(app, site, free_names)
    _dress(app, site, [entry for entries in nav for entry in entries])
    answers.register(app)

    @app.get("/")
    @needs(ANY_ROLE)
    def home() -> Any:
        entries = app.extensions["annex_nav"](current_user())
        if not entries:
            abort(404)
        return redirect(entries[0]["address"])

    access.check_views(app, site, free_names)
    return app


def _mount(app: Flask, site: Site, plugin: Plugin) -> list[dict[str, Any]]:
    """The plugin's pages, under its name or the address that they name."""
    if plugin.pages is None:
        return []
    pages = plugin.pages(site.portal)
    address = pages.address if isinstance(pages, Pages) else ""
    app.register_blueprint(pages, name=plugin.name, url_prefix=f"/{address or plugin.name}")
    access.default_right(app, plugin.name, plugin.name)
    folder = Path(pages.root_path)
    assets.add_folder(plugin.name, folder / "static")
    texts.add_folder(folder / "locale_pages")
    if not isinstance(pages, Pages):
        return []
    if pages.version is not None:
        site.live.add(pages.version, pages.topic)
    if pages.opened is not None:
        site.opened[plugin.name] = pages.opened
    return [{"endpoint": f"{plugin.name}.{entry.view}", "title": entry.title} for entry in pages.nav]


def _guard(app: Flask, site: Site, free: set[str]) -> None:
    """Who is it, may they do that, and does an unsafe request come from a page of ours."""

    @app.before_request
    def trace() -> None:
        g.trace = site.ids.new()
        g.stack = ExitStack()
        g.stack.enter_context(bind_trace(g.trace))

    @app.teardown_request
    def untrace(_exc: BaseException | None) -> None:
        if stack := g.pop("stack", None):
            stack.close()

    @app.before_request
    def texts_only() -> None:
        """A zero byte is in no name and no text of ours, and PostgreSQL would stumble over it."""
        if "\x00" in request.path or any("\x00" in value for value in request.args.values()):
            abort(404)

    @app.before_request
    def guard() -> Response | None:
        g.user = None
        if request.blueprint in free:
            return None
        if request.endpoint and access.right_of(app, request.endpoint) == BY_KEY:
            return None
        if chosen := request.args.get("language", ""):
            g.language = chosen if chosen in words.LANGUAGES else ""
        if request.endpoint in access.LINK_VIEWS:
            return None
        session = site.links.session(request.cookies.get(identity.COOKIE, ""))
        wanted = access.right_of(app, request.endpoint) if request.endpoint else ANY_ROLE
        try:
            g.user = _user(site, session, wanted)
        except access.RightsUnknown as exc:
            log.warning("page.rights_unknown", reason=str(exc))
            refused = answers.answer(503, words.t("web_rights_unknown"))
            refused.headers["Retry-After"] = "30"
            return refused
        if g.user is None:
            return answers.not_signed_in(by_code=codes.offered(site.portal))
        if request.method not in SAFE_METHODS and not identity.csrf_is_right(g.user):
            return answers.answer(403, words.t("web_csrf"))
        if wanted is None or not g.user.may(wanted):
            return answers.answer(403, "" if g.user.may(ANY_ROLE) else words.t("web_no_role", name=g.user.name))
        return None

    @app.after_request
    def headers(response: Response) -> Response:
        ancestors = site.settings.get("ANNEX_FRAME_ANCESTORS") or " ".join(("'self'", *site.framed_by))
        response.headers.setdefault(
            "Content-Security-Policy",
            "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
            f"frame-ancestors {' '.join(ancestors.split()).replace(';', '')}",
        )
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        response.headers.setdefault("Cache-Control", "no-store")
        if g.get("language"):
            response.set_cookie(words.COOKIE, g.language, max_age=YEAR_SECONDS, samesite="Lax", secure=site.links.https)
        return response


def _user(site: Site, session: Session | None, wanted: str | None) -> User | None:
    """Who asks, with the roles they have now. Raises RightsUnknown; whoever only leaves is not looked up."""
    if session is None:
        return identity.open_user(site)
    if wanted == SIGNED_IN:
        return User(session.name, session.csrf, person_id=session.person_id, session=session.hash)
    return access.user_of(site, session)


def _dress(app: Flask, site: Site, nav: Sequence[dict[str, Any]]) -> None:
    """What every template may use."""
    kernel = (
        ("jobs.show", "web_nav_jobs"), ("connections.show", "web_nav_connections"), ("sessions.show", "web_nav_sessions"),
    )  # fmt: skip

    def entries(user: User | None) -> list[dict[str, Any]]:
        if user is None:
            return []
        found = [
            {"address": url_for(entry["endpoint"]), "title": words.t(entry["title"])}
            for entry in nav
            if user.may(access.right_of(app, entry["endpoint"]) or "")
        ]
        if user.may(OPERATE):
            found += [{"address": url_for(endpoint), "title": words.t(title)} for endpoint, title in kernel]
        return found

    def alarms(user: User | None) -> list[Standing]:
        if user is None or not user.may(OPERATE):
            return []
        try:
            with site.database.read() as tx:
                return [one for one in standings(tx, site.portal) if one.alarm]
        except Exception as exc:  # a page that tells of an error says enough
            log.warning("page.alarms", error=str(exc))
            return []

    app.extensions["annex_nav"] = entries
    app.jinja_env.filters.update(when=words.when, day=words.day, lines=words.lines, with_args=words.with_args)

    @app.context_processor
    def shell() -> dict[str, Any]:
        user, language = g.get("user"), words.language()
        return {
            "t": partial(texts.translate, language), "language": language, "languages": words.LANGUAGES, "user": user,
            "nav": entries(user), "alarms": partial(alarms, user),
            "asset": assets.asset, "trace": g.get("trace", ""), "day_field": dates.day_field,
            "moment_field": dates.moment_field,
        }  # fmt: skip
