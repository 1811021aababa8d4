"""The process dies at every commit and every call: one task, one note, and the answers are written."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from kernel.crm import Ref
from kernel.testing.trouble import Crash
from plugins.terms.tests.office import ALL, ANSWERED, Office

MOST = 60


def dying_at(office: Office, nth: int, act: Callable[[], None]) -> bool:
    """Do it, dying at that point; then all that a restart brings about. Whether there was such a point."""
    office.trouble.crash_at(nth)
    with suppress(Crash):
        act()
    office.trouble.calm()
    office.restart()
    office.run()
    return office.queue.crashes > 0


def at_every_point(office: Office, one: Callable[[], Callable[[], None]]) -> int:
    """`one` prepares a case and gives what is done in it; how many points there were."""
    for nth in range(1, MOST):
        act, before = one(), len(office.trouble.passed)
        dying_at(office, nth, act)
        if len(office.trouble.passed) - before < nth:
            return nth - 1
    raise AssertionError("it has no end")


@pytest.mark.row("BR-07")
@pytest.mark.parametrize("template", [True, False])
def test_the_question_is_put_once_wherever_the_process_dies(office_of: Callable[..., Office], template: bool) -> None:
    office = office_of(template=template)
    deals: list[str] = []

    def one() -> Callable[[], None]:
        deals.append(office.deal("offer"))

        def comes() -> None:
            office.move(deals[-1], "terms")

        return comes

    assert at_every_point(office, one) > (8 if template else 5)
    for deal in deals:
        office.sync(deal)  # what died before it was kept, the CRM brings again, or the sweep does
    assert [len(office.running(deal)) for deal in deals] == [int(template)] * len(deals)
    assert len(office.crm.processes.begun) == len(deals) * template
    assert sorted(tag for tag, _person in office.crm.notices.kept) == sorted(f"TERMS|{deal}" for deal in deals)


@pytest.mark.row("BR-07")
def test_the_form_is_kept_whole_or_not_at_all_wherever_the_process_dies(by_task: Office) -> None:
    office, browser = by_task, by_task.browser(by_task.irina)
    deals: list[str] = []

    def one() -> Callable[[], None]:
        deals.append(office.deal())

        def sends() -> None:
            office.send(browser, deals[-1], **ANSWERED)
            office.run()

        return sends

    assert at_every_point(office, one) > 5
    for deal in deals:
        office.send(browser, deal, len(office.fills(deal)), **ANSWERED)  # a person presses again
        office.run()
        office.sync(deal)
        assert office.answers(deal) == ANSWERED and office.running(deal) == []
        assert office.question(deal).state == "filled"
    assert office.told(office.irina) == []


@pytest.mark.row("BR-07")
def test_another_owner_and_the_end_of_it_wherever_the_process_dies(by_task: Office) -> None:
    office = by_task
    deals: list[str] = []

    def one() -> Callable[[], None]:
        deals.append(office.deal())

        def passes_on() -> None:
            office.fill(deals[-1], assigned=Ref(office.boris))

        return passes_on

    assert at_every_point(office, one) > 8
    for deal in deals:
        office.sync(deal)
    assert [office.running(deal) for deal in deals] == [[office.boris]] * len(deals)
    assert office.told(office.irina) == [] and len(office.told(office.boris)) == len(deals)
    for deal in deals:
        office.fill(deal, **ALL)
    assert office.told(office.boris) == [] and not any(office.running(deal) for deal in deals)
