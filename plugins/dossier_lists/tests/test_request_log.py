"""The request log in a list of the CRM: fifty lines a minute, none lost, none twice, and none for longer than a week."""

from __future__ import annotations

from argparse import Namespace
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kernel.crm import ListElement, Ref
from kernel.testing.trouble import Crash
from kernel.values import to_micros
from plugins.dossier import commands, logbook
from plugins.dossier.store_log import Line
from plugins.dossier_lists.tests.office import CLIENT, SET, Lists, cash

pytestmark = pytest.mark.row("BR-15")


def asked(lists: Lists, *, ago: float = 0, outcome: str = "ok", **other: Any) -> str:
    """A question ended, and its line is written down; it left so many seconds ago."""
    lists.clock.advance(milliseconds=1)
    at = to_micros(lists.clock.now() - timedelta(seconds=ago))
    values = {
        "set_name": "position", "client_id": CLIENT, "person": lists.irina, "face": "soap", "entity": "contact",
        "record": lists.card, **other,
    }  # fmt: skip
    line = Line(lists.ids.new(), lists.portal.name, at, outcome=outcome, **values)
    with lists.portal.unit() as unit:
        logbook.keep(unit, line)
    return line.id


def held(lists: Lists) -> list[ListElement]:
    return lists.held("request_log")


@pytest.fixture
def lists(lists_of: Any) -> Lists:
    made: Lists = lists_of()
    made.irina = made.crm.staff.hire("Ирина Белова").id  # type: ignore[attr-defined]
    return made


def test_a_line_says_what_our_own_log_says(lists: Lists) -> None:
    asked(
        lists, outcome="unavailable", ms=8003, bytes=12, row_count=3, bad_cells=1, code="BUSY", trace_id="T-9", trace="ours"
    )
    assert lists.settle(5) == 1
    [line] = held(lists)
    assert line.name == "Биржевая позиция — не отвечает" and (line.entity, line.record_id) == ("", "")
    assert line.values.pop("asked_at") == datetime(2026, 11, 21, 11, 2, 0, 1000, tzinfo=UTC)
    assert line.values == {
        "data_set": "Биржевая позиция", "client_id": CLIENT, "asked_by": Ref(lists.irina), "card": f"contact:{lists.card}",
        "face": "soap", "outcome": "не отвечает", "duration_ms": "8003", "size_bytes": "12", "row_count": "3",
        "bad_cells": "1", "error_code": "BUSY", "trace_id": "T-9", "trace": "ours",
    }  # fmt: skip


def test_what_needed_no_request_is_not_in_the_list(lists: Lists) -> None:
    for outcome in ("joined", "cached"):
        asked(lists, outcome=outcome)
    assert lists.next_step() is None
    asked(lists)
    lists.settle()
    assert len(held(lists)) == 1


def test_fifty_a_minute_and_no_more_oldest_first(lists: Lists) -> None:
    every = [asked(lists) for _ in range(120)]
    assert lists.settle(55) == 1
    assert [one.code for one in sorted(held(lists), key=lambda one: one.values["asked_at"])] == every[:50]
    assert lists.settle(61) == 1 and len(held(lists)) == 100
    asked(lists)
    assert lists.settle(60) == 1 and len(held(lists)) == 121
    lists.settle()
    asked(lists)
    assert lists.settle(1) == 1, "after a quiet minute the next one goes at once"
    asked(lists)
    assert lists.settle(50) == 0 and lists.settle(61) == 1


def test_a_question_that_took_long_comes_in_behind_and_none_is_written_twice(lists: Lists) -> None:
    asked(lists)
    lists.settle(5)
    lists.advance(minutes=2)
    late = asked(lists, ago=130)
    lists.settle(70)
    assert late in {one.code for one in held(lists)} and len(held(lists)) == 2
    for _ in range(3):
        asked(lists)
        lists.settle(70)
    assert len(held(lists)) == 5 and sum(len(one.changes) for one in lists.lists.writes) == 5


def test_after_a_week_a_line_leaves_the_list_and_stays_in_our_log(lists: Lists) -> None:
    old = asked(lists)
    lists.settle(5)
    lists.advance(days=6, hours=23)
    young = asked(lists)
    lists.settle(70)
    lists.work("dossier_lists.watch")
    lists.settle(70)
    assert {one.code for one in held(lists)} == {old, young}
    lists.advance(hours=2)
    lists.work("dossier_lists.watch")
    lists.settle(70)
    assert [one.code for one in held(lists)] == [young]
    assert len(lists.rows("SELECT * FROM dossier_log")) == 2


def test_switched_on_late_it_begins_with_the_week_behind(lists: Lists) -> None:
    lists.configure("dossier_lists", {"log_list": ""})
    for ago in (8 * 86400, 3 * 86400):
        asked(lists, ago=ago)
    assert lists.settle() == 0
    lists.configure("dossier_lists", {})
    asked(lists)
    lists.settle()
    assert len(held(lists)) == 2


def test_a_list_that_gets_the_log_no_more_is_emptied(lists: Lists) -> None:
    asked(lists)
    lists.stored(cash=cash(1))
    lists.configure("dossier_lists", {"log_list": ""})
    lists.work("dossier_lists.watch")
    lists.settle()
    assert held(lists) == [] and len(lists.held()) == 1
    lists.configure("dossier_lists", {"log_list": "no_such"})
    [said] = list(lists.plugins[1].doctor(lists.portal))
    assert "list.no_such.toml" in said


def test_lists_that_are_off_still_get_the_log(lists: Lists) -> None:
    lists.configure("dossier_lists", {"lists": "off"})
    asked(lists)
    lists.work("dossier_lists.watch")
    lists.settle()
    assert len(held(lists)) == 1


def test_a_forgotten_client_is_in_the_log_no_more_and_another_cards_change_leaves_it(lists: Lists) -> None:
    asked(lists)
    other = asked(lists, client_id="2")
    lists.settle()
    lists.changed()
    lists.settle()
    assert len(held(lists)) == 2, "that a card is somebody else's now changes nothing of what was asked"
    asked(lists)
    commands.command(lists.portal, Namespace(what="forget", client_id=CLIENT))
    lists.settle()
    assert [one.code for one in held(lists)] == [other]


def test_a_list_with_fewer_or_other_fields_gets_what_it_has(lists_of: Any) -> None:
    one = SET.lists["request_log"]
    fields = {
        "asked_at": one.field["client_id"], "duration_ms": one.field["client_id"].model_copy(update={"type": "decimal"}),
        "asked_by": one.field["client_id"], "outcome": one.field["asked_at"],
    }  # fmt: skip
    lists = lists_of(mapping=replace(SET, lists={**SET.lists, "request_log": one.model_copy(update={"field": fields})}))
    lists.irina = "u1"
    asked(lists, ms=7)
    lists.settle()
    [line] = held(lists)
    assert {name: str(value) for name, value in line.values.items()} == {
        "asked_at": "21.11.2026 14:02:00", "duration_ms": "7", "asked_by": "u1",
    }  # fmt: skip


def test_wherever_the_process_dies_each_line_is_there_once(lists: Lists) -> None:
    nth, wanted = 1, set[str]()
    while True:
        lists.advance(minutes=2)
        wanted |= {asked(lists) for _ in range(3)}
        lists.trouble.passed.clear()
        lists.trouble.crash_at(nth)
        with suppress(Crash):
            lists.settle(30)
        died = nth <= len(lists.trouble.passed)
        lists.trouble.calm()
        lists.restart()
        lists.run()
        lists.settle(600)
        assert {one.code for one in held(lists)} == wanted
        if not died:
            break
        nth += 1
    assert nth > 5
