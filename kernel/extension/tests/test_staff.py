"""The list of people: never older than five minutes, asked by one at a time, renewed behind whoever reads pages."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from kernel.crm import Person
from kernel.errors import AnnexError, Unreachable
from kernel.extension import staff
from kernel.extension.staff import FAILED_SECONDS, RENEW_SECONDS, RETRY_SECONDS, STAFF_SECONDS_MAX, StaffList
from kernel.testing import FakeClock

ANNA = Person("1", "Анна", "staff")


class Asked:
    """A CRM whose people are counted as they are asked for; what runs in the background waits for the test."""

    def __init__(self) -> None:
        self.clock, self.times = FakeClock(), 0
        self.fault: AnnexError | None = None
        self.behind: list[Callable[[], None]] = []
        self.meanwhile: Callable[[], Any] = lambda: None
        self.list = StaffList(self.ask, self.clock, self.behind.append)

    def ask(self) -> list[Person]:
        self.times += 1
        self.meanwhile()
        if self.fault:
            raise self.fault
        return [ANNA]


@pytest.fixture
def crm() -> Asked:
    return Asked()


def test_it_is_asked_once_and_never_older_than_the_limit(crm: Asked) -> None:
    assert crm.list.people() == crm.list.people() == [ANNA] and crm.times == 1
    crm.clock.advance(seconds=STAFF_SECONDS_MAX)
    assert crm.list.people() and crm.times == 1
    crm.clock.advance(seconds=1)
    assert crm.list.people() and crm.times == 2


def test_its_age_counts_from_the_question_not_from_the_answer(crm: Asked) -> None:
    """What changed while the CRM was answering may be missing from the answer."""
    crm.meanwhile = lambda: crm.clock.advance(seconds=60)
    crm.list.people()
    crm.meanwhile = lambda: None
    crm.clock.advance(seconds=STAFF_SECONDS_MAX - 59)
    crm.list.people()
    assert crm.times == 2


def test_pages_get_the_list_at_once_while_a_newer_one_is_fetched(crm: Asked) -> None:
    crm.list.for_pages()
    crm.clock.advance(seconds=RENEW_SECONDS + 1)
    for _ in range(5):
        assert crm.list.for_pages() == [ANNA]
    assert crm.times == 1 and len(crm.behind) == 1, "one flight, however many ask"
    crm.behind.pop()()
    assert crm.times == 2
    crm.clock.advance(seconds=STAFF_SECONDS_MAX - 1)
    assert crm.list.for_pages() and crm.times == 2, "renewed, it counts anew"


def test_a_failed_renewal_leaves_the_crm_alone_for_a_while_and_the_list_good_until_its_limit(crm: Asked) -> None:
    crm.list.for_pages()
    crm.fault = Unreachable("no answer")
    crm.clock.advance(seconds=RENEW_SECONDS + 1)
    crm.list.for_pages()
    crm.behind.pop()()
    assert crm.list.for_pages() == [ANNA] and not crm.behind
    crm.clock.advance(seconds=RETRY_SECONDS)
    assert crm.list.for_pages() == [ANNA] and len(crm.behind) == 1
    crm.behind.pop()()
    crm.clock.advance(seconds=STAFF_SECONDS_MAX)
    asked = crm.times
    for _ in range(3):
        with pytest.raises(Unreachable):
            crm.list.for_pages()
    assert crm.times == asked + 1, "a failure answers for those who ask in the same moment"
    crm.fault = None
    crm.clock.advance(seconds=FAILED_SECONDS)
    assert crm.list.for_pages() == [ANNA]


def test_a_caller_who_wants_it_newer_gets_it_newer_and_may_forget_it(crm: Asked) -> None:
    crm.list.people()
    crm.clock.advance(seconds=20)
    crm.list.people(within=30)
    assert crm.times == 1
    crm.list.people(within=10)
    assert crm.times == 2
    crm.list.forget()
    crm.list.people()
    assert crm.times == 3


def test_many_at_once_ask_once(crm: Asked) -> None:
    gate = threading.Event()
    crm.meanwhile = lambda: gate.wait(20)
    found: list[list[Person]] = []
    threads = [threading.Thread(target=lambda: found.append(crm.list.for_pages())) for _ in range(8)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(20)
    assert found == [[ANNA]] * 8 and crm.times == 1


def test_work_that_can_do_with_an_older_list_waits_for_nobody(crm: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staff, "WARM_SECONDS_MAX", 0.01)
    crm.list.warm()
    with pytest.raises(Unreachable):
        crm.list.known()
    crm.list.warm()
    assert len(crm.behind) == 1, "asked once, in the background"
    crm.behind.pop()()
    assert crm.list.known() == [ANNA]
    crm.clock.advance(seconds=STAFF_SECONDS_MAX + 1)
    crm.fault = Unreachable("away")
    crm.list.warm()
    crm.behind.pop()()
    crm.list.warm()
    assert crm.behind == [] and crm.list.known() == [ANNA], "the CRM is left alone for a while"
    crm.clock.advance(seconds=RETRY_SECONDS)
    crm.list.warm()
    assert len(crm.behind) == 1


def test_work_waits_a_moment_for_a_list_that_comes() -> None:
    listed = StaffList(lambda: [ANNA], FakeClock())
    listed.warm()
    assert listed.known() == [ANNA]
