"""How each connection stands: one reading, for the page, the metrics, /readyz and `annex doctor`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from kernel.crm.unconfigured import UnconfiguredCRM
from kernel.extension.connector import Connection
from kernel.extension.portal import Portal
from kernel.extension.sweep import Swept, last_sweep
from kernel.http.gate import BREAKER_AFTER_FAILURES
from kernel.jobs import listeners, outgoing
from kernel.jobs.inbox import ASKED, SWEPT
from kernel.jobs.listeners import Listening
from kernel.storage import Tx
from kernel.values import from_micros, to_micros

NOBODY_LISTENS = "nobody listens: no worker runs, or it has just begun"  #: over in a moment, as a rule


@dataclass(frozen=True)
class Standing:
    """One connection at this moment."""

    name: str  #: the customer's
    full_name: str
    title: str  #: the connector's
    calls: Mapping[str, int]  #: by state: waiting, sending, uncertain, failed
    arrived: int  #: deliveries and messages that wait to be handled
    failures: int  #: answers in a row that were none
    last_failure: str
    requests_today: int
    listens: bool  #: whether it has a socket of its own
    listening: Listening | None
    swept: Swept | None  #: of a CRM
    unset: str  #: why it cannot be used at all

    @property
    def trouble(self) -> str:
        """What keeps it from working just now; empty if nothing does."""
        if self.unset:
            return self.unset
        if self.swept and self.swept.down_since:
            return self.swept.reason
        if self.failures >= BREAKER_AFTER_FAILURES:
            return self.last_failure
        if self.listens and not (self.listening and self.listening.connected_at):
            return (self.listening and self.listening.reason) or NOBODY_LISTENS
        return ""

    @property
    def alarm(self) -> str:
        """The same without what is over in a moment, for every page of whoever can fix it."""
        return "" if self.trouble == NOBODY_LISTENS else self.trouble


def standings(tx: Tx, portal: Portal) -> list[Standing]:
    """Of all connections of the set, the CRM's first."""
    return [standing(tx, portal, one) for one in portal.connections.values()]


def standing(tx: Tx, portal: Portal, connection: Connection) -> Standing:
    name, is_crm = connection.full_name, connection.full_name == portal.name
    now = portal.clock.now()
    gate = tx.one("SELECT failures, last_failure, used, day FROM http_gate WHERE name = :n", n=name)
    arrived = tx.value("SELECT COUNT(*) FROM incoming_message WHERE connection = :c AND state = 'new'", c=name)
    if is_crm:
        arrived += tx.value("SELECT COUNT(*) FROM inbox WHERE portal = :p AND state = 'new'", p=name)
    return Standing(
        name=connection.name,
        full_name=name,
        title=connection.connector.title,
        calls=outgoing.counts(tx, name),
        arrived=int(arrived),
        failures=gate["failures"] if gate else 0,
        last_failure=gate["last_failure"] if gate else "",
        requests_today=gate["used"] if gate and gate["day"] == from_micros(to_micros(now)).date().isoformat() else 0,
        listens=connection.connector.listen is not None,
        listening=listeners.current(tx, name, now),
        swept=last_sweep(tx, name) if is_crm else None,
        unset=portal.crm.reason if is_crm and isinstance(portal.crm, UnconfiguredCRM) else "",
    )


def told_at(tx: Tx, portal: Portal, connection: Connection) -> datetime | None:
    """When it last told us something."""
    name = connection.full_name
    found = [tx.value("SELECT MAX(received_at) FROM incoming_message WHERE connection = :c", c=name)]
    if name == portal.name:
        found.append(
            tx.value(
                "SELECT MAX(received_at) FROM inbox WHERE portal = :p AND event NOT IN (:a, :s)", p=name, a=ASKED, s=SWEPT
            )
        )
    moments = [one for one in found if one]
    return from_micros(max(moments), portal.zone) if moments else None
