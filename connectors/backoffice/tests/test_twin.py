"""What plugins test with, and what they run with, answer alike."""

from __future__ import annotations

from decimal import Decimal

import pytest

from connectors.backoffice.tests.office import CLIENT, NOBODY
from kernel.datasets import Accepted, Unread, outcome_of
from kernel.errors import Maintenance, NotFound, Unreachable
from kernel.testing import FakeClock
from kernel.testing.source import MemorySource


@pytest.fixture
def twin(office):
    """With what the emulated back office says of its clients."""
    twin, source = MemorySource(office.connection.mapping, FakeClock()), office.source()
    for client in (CLIENT, NOBODY):
        for name, declared in office.connection.mapping.sets.items():
            answer = source.read(name, client)
            twin.put(name, client, **{
                table: [
                    {column.name: cell for column, cell in zip(declared.table[table].columns, row.cells, strict=True)}
                    for row in rows.rows
                ]
                for table, rows in answer.tables.items()
            })  # fmt: skip
    return twin


def test_both_make_the_same_rows_keys_and_counts(office, twin):
    source = office.source()
    for client in (CLIENT, NOBODY):
        for name in office.connection.mapping.sets:
            one, other = source.read(name, client), twin.read(name, client)
            assert one.tables == other.tables and one.outcome == other.outcome, name
    for each in (source, twin):
        assert list(each.read("position", CLIENT, tables=["cash"]).tables) == ["cash"]
        with pytest.raises(NotFound) as raised:
            each.read("position", "7777777")
        assert (raised.value.vendor_code, outcome_of(raised.value)) == ("CLIENT_NOT_FOUND", "not_found")


def test_the_twin_fails_as_it_is_told(office, twin):
    twin.fail(Maintenance(), Unreachable())
    for kind in (Maintenance, Unreachable):
        with pytest.raises(kind):
            twin.read("blocks", CLIENT)
    assert twin.read("blocks", CLIENT).outcome == "ok" and len(twin.asked) == 3
    twin.put("activity", "1", trading=[{"month": "2026-11", "market": "M", "currency": "RUB", "turnover": Unread("x")}])
    rows = twin.read("activity", "1").tables["trading"]
    assert (rows.bad_cells, rows.keyless) == (1, 0)
    twin.put("position", "1", cash=[{"currency": "RUB", "balance": Decimal(1)}] * 2)
    assert twin.read("position", "1").tables["cash"].keyless == 2


def test_its_accounts_are_opened_once(twin):
    request = twin.accounts.compose("open_account", "r-1", [("Person/INN", "770123456703")])
    twin.accounts.lose = 1
    with pytest.raises(Unreachable):
        twin.accounts.open("open_account", request)
    assert isinstance(twin.accounts.standing("open_account", "r-1").answer, Accepted)
    assert twin.accounts.open("open_account", request) == twin.accounts.standing("open_account", "r-1").answer
    assert len(twin.accounts.find("open_account", inn="770123456703")) == 1
    assert twin.accounts.standing("open_account", "r-2").state == "unknown"
