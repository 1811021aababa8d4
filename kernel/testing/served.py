"""The pages of a `World`, as the service shows them, without a server: clients of Flask's own with a session or without."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kernel.extension import Plugin
from kernel.extension.portal import Portal
from kernel.settings import Settings
from kernel.testing.signing import session
from kernel.web import WEB_SETTINGS, Links, Live, Site, create_app, idle_seconds

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from flask import Blueprint, Flask
    from flask.testing import FlaskClient

Door = Callable[[Portal, Sequence[Plugin], "WSGIApplication"], "WSGIApplication"]  #: `webhooks.door.Door.before`
SECRET = b"a secret of the tests"


@dataclass
class Served:
    app: Flask
    site: Site

    def client(self, person: str = "", role: str = "owner", name: str = "") -> FlaskClient:
        """A browser in which that person of the CRM is signed in, or else somebody with that role (see `session`)."""
        client = self.app.test_client()
        client.set_cookie("annex_session", session(self.site, role, name or self._name_of(person), person))
        return client

    def csrf(self, client: FlaskClient) -> str:
        """What has to come along with a form of that browser."""
        cookie = client.get_cookie("annex_session")
        assert cookie is not None, "nobody is signed in"
        return self.site.links.csrf(cookie.value)

    def _name_of(self, person: str) -> str:
        people = self.site.portal.crm.people
        known = people.all() if people and person else ()
        return next((one.name for one in known if one.id == person), "Олена Власниця")

    def close(self) -> None:
        self.site.live.close()


def serve(
    portal: Portal,
    plugins: Sequence[Plugin],
    *,
    door: Door | None = None,
    blueprints: Sequence[Blueprint] = (),
    live: Live | None = None,
    environment: dict[str, str] | None = None,
    **more: Any,
) -> Served:
    """Put the pages together as app does. `environment`: settings; `more`: of `Site`."""
    settings = Settings(environment or {}, also=WEB_SETTINGS)
    database, clock, ids = portal.database, portal.clock, portal.ids
    live = live or Live(database)
    address = settings["ANNEX_PUBLIC_URL"]
    portal.links = Links(database, clock, ids, SECRET, address, idle_seconds=idle_seconds(settings))
    portal.changed = live.nudge
    site = Site(portal, list(plugins), settings, database, clock, ids, live, portal.links, **more)
    app = create_app(site, blueprints)
    if door is not None:
        app.wsgi_app = door(portal, plugins, app.wsgi_app)  # type: ignore[method-assign,assignment]
    return Served(app, site)
