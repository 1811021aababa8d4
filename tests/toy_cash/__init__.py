"""A toy plugin that keeps a book of its own beside the exchange desk: counted cash, place by place."""

from __future__ import annotations

from kernel.extension import Plugin
from kernel.extension.portal import Unit
from kernel.ledger import Account, Chart, Entry, Leg, Posting

CASH = Chart("cash", (Account("place", "asset", "money counted"), Account("difference", "clearing", "over and short")))

plugin = Plugin(name="cash", title="Каса", books=(CASH,))


def count(unit: Unit, subject: str, place: str, currency: str, minor: int, at: int) -> list[Entry]:
    """Somebody counted so much; a count of the same subject takes the place of the one before."""
    legs = (Leg("place", currency, minor, place, flow="in"), Leg("difference", currency, -minor, place))
    return unit.portal.books.book("cash").settle(
        unit.tx, subject, [Posting("client_in", at, legs, "1")], author="каса", trace="count"
    )
