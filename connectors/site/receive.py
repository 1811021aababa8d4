"""Its door, `/hooks/site/<portal>/<form>`: is it the site's server, and what did somebody fill in.

The body is JSON (one object of texts, numbers and yes or no) or a form (application/x-www-form-urlencoded). What the form's
file does not name is left out: a site sends what it likes.
"""

from __future__ import annotations

from connectors.site import browser, settings
from connectors.site.reading import as_json, ask, body_fields
from kernel.extension import Connection, Delivery, Received, Reply
from kernel.extension.arrivals import Turns
from kernel.extension.signed import SIGNATURE, check


def receive(delivery: Delivery, connection: Connection) -> Received:
    read = settings.read(connection.settings)
    form = connection.mapping.forms.get(delivery.rest)
    mine = form is not None and form.connection == connection.name
    if form is not None and mine and form.public and read.keys and SIGNATURE not in delivery.headers:
        return browser.receive(delivery, connection, form, form.public, read)
    signed_at = check(delivery, read.keys, connection.clock.now())
    if form is None or not mine:
        return Received(reply=as_json(404, {"error": "no such form"}))
    connection.memory.setdefault("turns", Turns()).take("all", read.per_minute, connection.clock.now())
    return Received(messages=(ask(form, body_fields(delivery), signed_at, delivery.body),), told=_accepted)


def _accepted(number: str) -> Reply:
    return as_json(200, {"ok": True, "id": number})
