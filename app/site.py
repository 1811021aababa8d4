"""The web application of an Annex: pages, the door for webhooks, health."""

from __future__ import annotations

from functools import partial

from flask import Flask

from app.bootstrap import Annex
from kernel.extension import Connection, FrameRequest, Visitor
from kernel.web import Frame, Live, Site, create_app
from webhooks.door import Door


def make_site(annex: Annex, *, listeners_max: int = 16) -> Flask:
    """Build the application; call it in the process that serves (after any fork).

    `listeners_max`: how many open pages may hold a thread each for live updates; the others ask now and then.
    """
    runtime, settings = annex.runtime, annex.settings
    portal = runtime.portal
    portal.links = annex.make_links()
    frames = {
        (one.connector.name, one.name): Frame(
            portal, partial(_visitor, one), partial(_proven, one) if one.connector.prove else None
        )
        for one in portal.connections.values()
        if one.connector.sign_in is not None
    }
    live = Live(annex.database, listeners_max=listeners_max)
    portal.changed = live.nudge
    site = Site(
        portal=portal,
        plugins=list(runtime.plugins),
        settings=settings,
        database=annex.database,
        clock=annex.clock,
        ids=annex.ids,
        live=live,
        links=portal.links,
        migration_sets=annex.migration_sets,
        frames=frames,
        framed_by=runtime.connector.framed_by(runtime.connection.settings),
    )
    made = create_app(site)
    made.wsgi_app = Door.before(portal, runtime.plugins, made.wsgi_app)  # type: ignore[method-assign]
    return made


def _visitor(connection: Connection, opened: FrameRequest) -> Visitor:
    assert connection.connector.sign_in is not None
    return connection.connector.sign_in(opened, connection)


def _proven(connection: Connection, opened: FrameRequest) -> Visitor:
    assert connection.connector.prove is not None
    return connection.connector.prove(opened, connection)
