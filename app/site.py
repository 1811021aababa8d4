"""The web application of an Annex: pages, the door for webhooks, health."""

from __future__ import annotations

from flask import Flask

from app.bootstrap import Annex, signing_secret
from kernel.web import Links, Live, Site, create_app
from webhooks.door import Doorway, blueprint


def make_site(annex: Annex) -> Flask:
    """Build the application; call it in the process that serves (after any fork)."""
    running, settings = annex.running, annex.settings
    portal = running.portal
    portal.links = Links(annex.database, annex.clock, annex.ids, signing_secret(settings), portal.public_url)
    word = annex.mapping.portal.portal
    door = blueprint(
        {(running.connector.name, word): Doorway(portal, running.connector, running.connecting.settings, running.plugins)}
    )
    site = Site(
        portals=[portal],
        plugins={portal.name: list(running.plugins)},
        settings=settings,
        database=annex.database,
        clock=annex.clock,
        ids=annex.ids,
        live=Live(annex.database),
        links=portal.links,
        rooms=annex.rooms,
    )
    return create_app(site, [door])
