"""What differs, for heads: each with its reason in words and the one button that puts it right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Response, abort, redirect, render_template, request, url_for

from kernel import texts
from kernel.errors import BadInput
from kernel.extension.portal import Portal
from kernel.values import from_micros
from kernel.web import Nav, Pages, current_user
from kernel.web.links import User
from kernel.web.site import site
from kernel.web.words import language
from plugins.client_check import acting, finding, store
from plugins.client_check.model import KINDS, Difference
from plugins.client_check.settings import EVERYTHING, NAME, settings_of
from plugins.client_check.telling import may_see
from plugins.dossier.api import clients
from plugins.stage_lock.api import Sight, sight_of

HERE = Path(__file__).parent
NAV = (Nav("list_page", "chk_title"),)
ADDRESS = "dossier/check"
DONE_SHOWN = 20


def pages(portal: Portal) -> Pages:
    """The blueprint, for one portal."""
    for folder in ("locale", "locale_pages"):
        texts.add_folder(HERE / folder)
    blueprint = Pages(NAME, __name__, nav=NAV, version=store.version, address=ADDRESS)
    sight = sight_of(portal, EVERYTHING)
    _words(blueprint, portal)

    @blueprint.get("")
    def list_page() -> str:
        return _page(portal, sight)

    @blueprint.post("")
    def decide() -> Response | tuple[str, int]:
        form, user = request.form, current_user()
        key = (form.get("kind", ""), form.get("entity", ""), form.get("record", ""), form.get("number", ""))
        try:
            with portal.unit(author=user.name) as unit:
                one = acting.find(unit, key, form.get("action", ""), form.get("right", ""))
                if not may_see(sight(user), one):
                    abort(403)
                acting.act(unit, one, keep=form.get("keep", ""), by=user.name or user.person_id)
        except BadInput as exc:
            return _page(portal, sight, trouble=exc.message(language())), 409
        return redirect(url_for(".list_page"), 303)  # type: ignore[return-value]

    return blueprint


def _words(pages: Pages, portal: Portal) -> None:
    def moment(micros: int) -> datetime:
        return from_micros(micros, portal.zone)

    @pages.context_processor
    def values() -> dict[str, Any]:
        return {
            "moment": moment, "link": portal.crm.link, "candidate": _candidate(portal),
            "what": lambda one: finding.what(one, language()), "why": lambda one: finding.why(one, language()),
        }  # fmt: skip


def _candidate(portal: Portal) -> str:
    """What staff call the status of whom the back office does not know yet."""
    settings = settings_of(portal)
    fields = (portal.mapping.entity(entity).field.get(settings.status) for entity in clients(portal.mapping))
    return next((field.values.get(settings.candidate, settings.candidate) for field in fields if field), settings.candidate)


def _page(portal: Portal, sight_for: Callable[[User], Sight], trouble: str = "") -> str:
    user, live = current_user(), site().live.version()
    sight = sight_for(user)
    with portal.read() as unit:
        found = [one for one in finding.differences(unit) if may_see(sight, one)]
        done = store.done(unit.tx, portal.name, DONE_SHOWN)
    groups: list[tuple[str, list[Difference]]] = [(kind, [one for one in found if one.kind == kind]) for kind in KINDS]
    return render_template(
        "client_check/list.html", groups=groups, count=len(found), done=done if sight.groups is None else [],
        trouble=trouble, version=live,
    )  # fmt: skip
