"""One correction in an old deal with a long history behind it: until books, board, fields and cards all follow."""

from __future__ import annotations

import random
from decimal import Decimal

from kernel.storage import Database
from plugins.exchange.tests.desk import Desk, sell
from tests.bench.common import Bench, Table, ms, percentile, seconds
from tests.bench.history import filled

BEHIND, LIVE, CORRECTIONS = 100_000, 40, 400


def measured(bench: Bench) -> Table:
    table = Table("A correction in an old deal", ("store", "deals behind it", "median", "99 %", "slowest", "aim, 99 %"))
    for kind in ("sqlite", "postgresql"):
        database = bench.database(kind, "correction")
        filled(database, BEHIND)
        took = corrected(database)
        database.close()
        table.add(
            kind, f"{BEHIND:,}", ms(percentile(took, 0.5)), ms(percentile(took, 0.99)), ms(max(took)), "100 ms"
        )  # fmt: skip
    table.notes += [
        "From the sync to the commit that holds the new facts, the reversals and new postings, the balances, the rows of",
        "board and reports, and the calls that write the deal's fields and the client's card; the CRM is one in memory, so",
        "that its own time is left out. Each time the client's rate in one of the desk's own old deals is changed.",
    ]
    return table


def corrected(database: Database) -> list[float]:
    """Seconds for each correction. The deals were entered before all others."""
    desk = Desk(database.url)
    rng, took = random.Random(1), list[float]()
    olds = [desk.run_through(sell("500", "USD/UAH", "41.2", "41.1", partner=desk.partner)) for _ in range(LIVE)]
    for n in range(CORRECTIONS):
        deal = olds[n % LIVE]
        before = desk.journal()
        [row] = desk.row_keys(deal)
        desk.staff.edit_row("deal", deal, "operation", row, client_rate=str(Decimal(rng.randrange(40_000, 42_000)) / 1000))
        desk.deliver(deal)
        took.append(seconds(lambda: desk.queue.run_one(desk.handlers)))
        if desk.journal() <= before + 1:
            raise AssertionError("the correction was not booked")
        desk.run()  # what goes out to the CRM, and the sync that follows it
    desk.close()
    return took
