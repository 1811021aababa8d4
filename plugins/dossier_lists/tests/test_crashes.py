"""The process dies at every commit, every call and between any two elements of a request; two processes work at once."""

from __future__ import annotations

from contextlib import suppress

import pytest

from kernel.extension.timing import run_due
from kernel.testing.trouble import Crash
from plugins.dossier_lists.tests.office import cash

pytestmark = pytest.mark.row("BR-06")
ROWS = 53  # more than a request


def after_death(lists):
    """Another process goes on with what stands written down."""
    lists.trouble.calm()
    lists.restart()
    lists.run()
    lists.settle()


def content(lists):
    return [(one.code, one.name, one.values["amount"]) for one in lists.held()]


@pytest.mark.parametrize("what", ["new", "changed", "fewer"])
def test_a_pass_ends_right_wherever_the_process_dies(lists, what):
    rows = {"new": cash(ROWS), "changed": cash(ROWS, amount="7.00"), "fewer": cash(20, first=10, amount="3.00")}[what]
    nth = 1
    while True:
        lists.forgotten()
        lists.settle()
        if what != "new":
            lists.stored(cash=cash(ROWS))
        lists.advance(seconds=61)
        lists.answered(cash=rows)
        lists.trouble.passed.clear()
        lists.trouble.crash_at(nth)
        with suppress(Crash):
            lists.settle()
        died = nth <= len(lists.trouble.passed)
        after_death(lists)
        assert [(name, amount) for _code, name, amount in content(lists)] == [
            (f"{row['contract']} · MOEX · RUB", row["balance"]) for row in rows
        ]
        assert lists.stored(cash=rows) == 1, "and nothing is left to do"
        if not died:
            break
        nth += 1 if nth < 8 else 9  # between the elements of a request one place is like another
    assert nth > 50


def test_two_processes_do_each_step_once(lists):
    lists.answered(cash=cash(120))
    lists.advance(seconds=1)
    other = lists.fresh_portal()
    for _step in range(12):
        for portal in (lists.portal, other):
            run_due(portal, lists.plugins)
        lists.run()
        lists.advance(seconds=5)
    assert lists.requests == 1 + 3 and len(lists.held()) == 120


def test_a_job_that_two_workers_run_writes_the_same(lists):
    lists.answered(cash=cash(3))
    lists.advance(seconds=1)
    lists.timers()
    lists.stored(cash=cash(3, amount="2.00"))
    assert [one.values["amount"] for one in lists.held()] == [row["balance"] for row in cash(3, amount="2.00")]


def test_a_newer_answer_that_comes_while_a_request_is_on_its_way_is_not_lost(lists):
    lists.stored(cash=cash(3))
    lists.advance(seconds=61)
    lists.answered(cash=cash(3, amount="2.00"))
    lists.clock.advance(seconds=5)
    run_due(lists.portal, lists.plugins)  # the call is written down, and not sent yet
    lists.clock.advance(seconds=61)
    lists.answered(cash=cash(3, amount="9.00"))
    lists.run()
    lists.settle()
    assert [one.values["amount"] for one in lists.held()] == [row["balance"] for row in cash(3, amount="9.00")]
