"""The field into which the CRM's script puts our link or our words: emptied by us once the link is used or its time is up.

Where a set maps no such field there is nothing to empty: the answer may go into a comment, or nowhere.
"""

from __future__ import annotations

from datetime import timedelta

from kernel.clock import Clock
from kernel.extension.portal import Portal, Unit
from kernel.storage import Tx
from kernel.telemetry import log
from kernel.values import to_micros
from kernel.web.links import FIELD_LINK_SECONDS, hashed

FIELD = "board_link"  #: our word for it, in whichever entity has one
EMPTIED_EVERY = timedelta(seconds=30)


def shown(tx: Tx, entity: str, record_id: str, link: str, clock: Clock) -> None:
    """The script is about to show this, in place of what it showed before. `link`: the hash of the token, if it is one."""
    tx.run(
        "INSERT INTO web_shown (entity, record_id, link, until) VALUES (:e, :r, :l, :u) "
        "ON CONFLICT (entity, record_id) DO UPDATE SET link = excluded.link, until = excluded.until",
        e=entity, r=record_id, l=link, u=to_micros(clock.now() + timedelta(seconds=FIELD_LINK_SECONDS)),
    )  # fmt: skip


def used(portal: Portal, token: str) -> None:
    """That link has let somebody in: the field is emptied, unless something newer stands in it."""
    with portal.unit() as unit:
        _empty(unit, "link = :link", link=hashed(token))


def empty_fields(portal: Portal) -> None:
    """Regular work: empty what has stood for its two minutes."""
    now = to_micros(portal.clock.now())
    with portal.database.read() as tx:
        if not tx.value("SELECT COUNT(*) FROM web_shown WHERE until <= :now", now=now):
            return
    with portal.unit() as unit:
        _empty(unit, "until <= :now", now=now)


def _empty(unit: Unit, which: str, **values: object) -> None:
    rows = unit.tx.all(f"SELECT entity, record_id FROM web_shown WHERE {which}", **values)
    unit.tx.run(f"DELETE FROM web_shown WHERE {which}", **values)
    for row in rows:
        entity = unit.portal.mapping.entities.get(row["entity"])
        if entity is not None and FIELD in entity.field:
            unit.update(row["entity"], row["record_id"], {FIELD: None})
            log.info("link.field_emptied", entity=row["entity"], record=row["record_id"])
