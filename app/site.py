"""The web application of an Annex: pages, the door for webhooks, health."""

from __future__ import annotations

from flask import Flask

from app.bootstrap import Annex
from kernel.web import Frame, Links, Live, Site, create_app, idle_seconds, secret_of
from webhooks.door import Door, Doorway


def make_site(annex: Annex, *, listeners_max: int = 16) -> Flask:
    """Build the application; call it in the process that serves (after any fork).

    `listeners_max`: how many open pages may hold a thread each for live updates; the others ask now and then.
    """
    running, settings = annex.running, annex.settings
    portal = running.portal
    portal.links = Links(
        annex.database, annex.clock, annex.ids, secret_of(settings), portal.public_url, idle_seconds=idle_seconds(settings)
    )
    word = annex.mapping.portal.portal
    doorways = {(running.connector.name, word): Doorway(portal, running.connector, running.connecting, running.plugins)}
    frames, identify = {}, running.connector.identity
    if identify is not None:
        frames[running.connector.name, word] = Frame(portal, lambda opening: identify(opening, running.connecting))
    live = Live(annex.database, listeners_max=listeners_max)
    portal.changed = live.nudge
    site = Site(
        portals=[portal],
        plugins={portal.name: list(running.plugins)},
        settings=settings,
        database=annex.database,
        clock=annex.clock,
        ids=annex.ids,
        live=live,
        links=portal.links,
        rooms=annex.rooms,
        frames=frames,
        framed_by=running.connector.framed_by(running.connecting.settings),
    )
    made = create_app(site)
    made.wsgi_app = Door(doorways, made.wsgi_app)  # type: ignore[method-assign]
    return made
