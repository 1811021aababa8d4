"""Deleted records: told once, whoever finds it; nothing is written to them, and what was waiting needs no person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from kernel.crm import Changed
from kernel.crm.gone import gone_since
from kernel.errors import Rejected, Unreachable
from kernel.extension import Keeps, Plugin, Sweeping
from kernel.extension.portal import Unit
from kernel.extension.sweep import sweep
from kernel.extension.tests.small import Small
from kernel.storage import Tx

FEW = Sweeping(every_seconds=20, calm_seconds=20, existing_turns=2, existing_ids=3)


@pytest.fixture
def small(both: Small) -> Small:
    both.plugins.append(Plugin("keeper", "Keeper", keeps=(Keeps("deal", _ids, _told("gone"), _told("back")),)))
    return both


TOLD: list[tuple[str, str]] = []


@pytest.fixture(autouse=True)
def nothing_told() -> Iterator[None]:
    TOLD.clear()
    yield
    TOLD.clear()


def _ids(tx: Tx, portal: str, after: str, most: int) -> Sequence[str]:
    rows = tx.all(
        "SELECT id FROM crm_seen WHERE portal = :p AND entity = 'deal' AND id > :a ORDER BY id LIMIT :m",
        p=portal, a=after, m=most,
    )  # fmt: skip
    return [row["id"] for row in rows]


def _told(word: str):  # type: ignore[no-untyped-def]
    return lambda unit, record_id: TOLD.append((word, record_id))


def read_all(small: Small, count: int) -> list[str]:
    deals = [small.deal, *(small.crm.staff.new("deal", asked=f"угода {n}") for n in range(count - 1))]
    for deal in deals:
        small.deliver(deal)
    small.run()
    return deals


def swept(small: Small, turns: int = 1) -> int:
    found = 0
    for _ in range(turns):
        small.clock.advance(seconds=20)
        found += sweep(small.portal, small.plugins, FEW)
        small.clock.advance(seconds=2)
        small.run()
    return found


def gone(small: Small, deal: str) -> bool:
    with small.database.read() as tx:
        return gone_since(tx, small.portal.name, "deal", deal) is not None


@pytest.mark.row("PL-15")
def test_a_row_that_outlives_its_record_is_not_read_at_each_sweep(small: Small) -> None:
    deal, row = small.deal, small.crm.staff.add_row("deal", small.deal, "line", text="а")
    read_all(small, 2)
    small.crm.staff.delete("deal", deal)
    small.deliver(deal)
    small.run()
    assert gone(small, deal)
    moment = small.clock.now()
    small.crm.changed = lambda since: [Changed("deal/line", row, moment, owner=deal)]  # type: ignore[method-assign]
    small.crm.called.clear()
    assert swept(small, 4) == 0 and "get" not in small.crm.called
    small.crm.staff.restore("deal", deal)
    swept(small, 6)
    assert not gone(small, deal), "that it is back is found all the same"


@pytest.mark.row("PL-15")
def test_the_sweep_finds_a_deletion_that_nothing_told_of_and_the_way_back(small: Small) -> None:
    deals = read_all(small, 8)
    swept(small, 6)
    small.crm.called.clear()
    swept(small, 6)
    assert small.crm.called.count("existing") == 3, "one small question every second sweep, and nothing else"
    assert "get" not in small.crm.called and TOLD == []
    for deal in (deals[1], deals[6]):
        small.crm.staff.delete("deal", deal)
    swept(small, 8)
    assert sorted(TOLD) == [("gone", deals[1]), ("gone", deals[6])]
    small.crm.called.clear()
    assert swept(small, 12) == 0 and "get" not in small.crm.called and len(TOLD) == 2, "told once, and not read again"
    small.crm.staff.restore("deal", deals[6])
    swept(small, 8)
    assert TOLD[2:] == [("back", deals[6])] and not gone(small, deals[6]) and gone(small, deals[1])


def test_an_event_tells_at_once_and_a_second_one_nothing_new(small: Small) -> None:
    [deal, _other] = read_all(small, 2)
    for _twice in range(2):
        small.crm.staff.delete("deal", deal)
        for _delivery in range(2):
            small.deliver(deal)
            small.run()
        small.crm.staff.restore("deal", deal)
        small.deliver(deal)
        small.run()
    assert [("gone", deal), ("back", deal)] * 2 == TOLD


@pytest.mark.row("PL-04")
def test_a_write_to_what_was_deleted_meanwhile_is_dropped_with_its_reason(small: Small) -> None:
    deal = small.deal

    def deleted_in_between(unit: Unit, seen: object) -> None:
        small.act = lambda _unit, _seen: None
        unit.update("deal", deal, {"note": "а"})
        unit.comment("deal", deal, "привіт", key="c-1")
        unit.put_row("deal", deal, "line", {"text": "б"}, row="r-1")
        small.crm.staff.delete("deal", deal)

    small.act = deleted_in_between
    small.deliver()
    small.run()
    states = small.states()
    assert [state for state, _reason in states] == ["dropped"] * 3
    assert all(f"no longer has deal {deal}" in reason for _state, reason in states)
    assert [("gone", deal)] == TOLD, "the write found it out, no event did"
    with small.portal.unit() as unit:
        unit.update("deal", deal, {"note": "ще"})
    assert len(small.states()) == 3, "nothing is written to what is known to be gone"
    small.crm.staff.restore("deal", deal)
    small.deliver()
    small.run()
    with small.portal.unit() as unit:
        unit.update("deal", deal, {"note": "ще"})
    small.run()
    assert small.field("note") == "ще"


def test_a_refusal_of_a_record_that_is_there_still_needs_a_person(small: Small) -> None:
    with small.portal.unit() as unit:
        unit.update("deal", small.deal, {"note": "а"})
    small.crm.fail_next(Rejected("no such field"), on="update")
    small.run()
    assert small.states() == [("failed", "no such field")] and not gone(small, small.deal)


def test_whether_it_is_gone_is_asked_again_where_the_crm_does_not_answer(small: Small) -> None:
    with small.portal.unit() as unit:
        unit.update("deal", small.deal, {"note": "а"})
    small.crm.staff.delete("deal", small.deal)
    small.crm.fail_next(Unreachable("down"), on="existing", times=2)
    small.run()
    assert [state for state, _reason in small.states()] == ["dropped"]


def test_what_was_deleted_is_restored_by_a_call_and_read_again(small: Small) -> None:
    read_all(small, 1)
    small.crm.staff.delete("deal", small.deal)
    small.deliver()
    small.run()
    for _twice in range(2):
        with small.portal.unit() as unit:
            unit.restore("deal", small.deal, key="restore-1")
    small.run()
    assert [("gone", small.deal), ("back", small.deal)] == TOLD and small.crm.called.count("restore") == 1
