"""The database is restored from a copy, and the back office knows more than it: nothing is sent before it was asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from kernel.datasets import Accepted, FoundClient
from kernel.errors import NoRight, Unreachable
from kernel.mapping import MappingSet
from plugins.opening.tests.office import BAD_INN, SET, Office, rejected

pytestmark = pytest.mark.row("BR-08")
TOLD_AGAIN = ("was told 2 times", "told was carried out twice")  #: what the copy does not know of


def served(service: dict[str, str]) -> MappingSet:
    push = SET.pushes["open_account"]
    changed = push.model_copy(update={"service": push.service.model_copy(update=service)})
    return replace(SET, pushes={"open_account": changed})


def faults(office: Office, deal: str, client: str) -> list[str]:
    return [one for one in office.faults(deal, client) if not one.endswith(TOLD_AGAIN)]


@pytest.mark.parametrize("promise", ["request_id", "lookup"])
@pytest.mark.parametrize("rejections", [0, 1, 3])
def test_a_registration_since_the_copy_is_found_whatever_its_number(
    office_of: Callable[..., Office], promise: str, rejections: int
) -> None:
    office = office_of(promise=promise)
    client = office.client_card()
    deal = office.deal(client)
    copy = office.copy()
    office.accounts.answers = [rejected(BAD_INN)] * rejections
    office.pushes(deal)
    for n in range(rejections):
        office.corrects(client, inn=("500100732259", "770123456703")[n % 2])
    assert len(office.accounts.clients) == 1 and f":{rejections + 1}" in office.accounts.clients[0].partition("\n")[0]
    office.staff.set("contact", client, client_id="", client_status="Кандидат")  # nobody had filled it yet
    sent = len(office.accounts.sent)
    office.restored(copy)
    office.hears(deal)
    office.rests()
    assert len(office.accounts.sent) == sent and faults(office, deal, client) == []


def test_a_number_in_between_that_never_arrived_hides_nothing(office: Office) -> None:
    """A person had said of it that no client came of it, and the next one went out."""
    client = office.client_card()
    deal = office.deal(client)
    office.accounts.opened[f"annex:main:{deal}:2"] = Accepted("1000500", "B-1000500", office.clock.now().date())
    office.accounts.clients.append("known")
    office.restored(office.copy())
    office.push(deal)
    office.rests()
    assert office.accounts.sent == [] and office.faults(deal, client) == []


@pytest.mark.parametrize("promise", ["request_id", "lookup"])
def test_a_request_that_waits_in_the_copy_is_asked_for_and_the_next_one_too(
    office_of: Callable[..., Office], promise: str
) -> None:
    office = office_of(promise=promise)
    client = office.client_card()
    deal = office.deal(client)
    office.accounts.faults = [Unreachable("refused")] * 3
    office.pushes(deal)
    copy = office.copy()
    assert office.state(deal) in ("ready", "uncertain")
    office.accounts.faults, office.accounts.answers = [], [rejected(BAD_INN)]
    office.rests()
    office.corrects(client, inn="500100732259")  # rejected, corrected, and accepted under the next number
    office.rests()
    assert office.faults(deal, client) == []
    sent = len(office.accounts.sent)
    office.restored(copy)
    assert office.state(deal) == "asking"
    office.rests()
    assert len(office.accounts.sent) == sent and faults(office, deal, client) == []
    with office.tx() as tx:
        states = tx.all("SELECT number, state FROM opening_request ORDER BY number")
    assert [(one["number"], one["state"]) for one in states] == [(1, "rejected"), (2, "accepted")]


def test_what_never_left_leaves_as_it_was_written(office_of: Callable[..., Office]) -> None:
    office = office_of(promise="lookup")
    client = office.client_card()
    deal = office.deal(client)
    office.accounts.faults = [Unreachable("refused")] * 40
    office.pushes(deal)
    copy, tried = office.copy(), len(office.accounts.sent)
    office.restored(copy)
    office.rests()
    assert office.accounts.asked >= 2 and len(office.accounts.sent) > tried
    office.accounts.faults = []
    office.rests(10)
    office.rests()
    assert office.faults(deal, client) == [] and len(set(office.accounts.sent)) == 1


def test_a_deal_made_after_the_restore_is_sent_at_once(office: Office) -> None:
    office.restored(office.copy())
    office.clock.advance(hours=3)
    client = office.client_card()
    deal = office.deal(client)
    office.push(deal)
    assert office.accounts.asked == 0
    office.rests()
    assert office.faults(deal, client) == []


def test_each_deal_is_asked_for_once(office: Office) -> None:
    client = office.client_card(inn="")
    deal = office.deal(client)
    office.restored(office.copy())
    office.accounts.answers = [rejected(BAD_INN)]
    office.push(deal)
    assert office.accounts.asked == 2 and len(office.accounts.sent) == 1
    office.corrects(client, inn="770987654347")
    office.rests()
    assert office.accounts.asked == 2 and office.faults(deal, client) == []


def test_without_a_look_up_a_person_looks_before_anything_leaves(office_of: Callable[..., Office]) -> None:
    office = office_of(promise="none")
    client = office.client_card()
    deal, other = office.deal(client), office.deal(office.client_card(inn="500100732259"))
    office.accounts.faults = [Unreachable("refused")]
    office.pushes(other)
    office.restored(office.copy())
    office.push(deal)
    office.rests()
    assert len(office.accounts.sent) == 1, "of the one that was refused a connection before the copy was made"
    for one in (deal, other):
        assert office.state(one) == "uncertain" and "восстановлена из копии" in office.told(one)[-1]
    assert office.presses(office.head, deal, "deny") == 303
    assert office.presses(office.head, other, "confirm", client_id="1000417") == 303
    office.rests()
    assert len(office.accounts.sent) == 2 and office.record(deal).stage == "opened" == office.record(other).stage


def test_by_inn_alone_a_client_who_is_there_is_linked(office_of: Callable[..., Office]) -> None:
    office = office_of(promise="lookup", mapping=served({"status": ""}))
    client = office.client_card()
    deal = office.deal(client)
    copy = office.copy()
    office.pushes(deal)
    office.staff.set("contact", client, client_id="", client_status="Кандидат")
    office.restored(copy)
    office.hears(deal)
    office.rests()
    assert len(office.accounts.sent) == 1 and faults(office, deal, client) == []


def test_several_of_that_inn_are_a_persons_matter(office_of: Callable[..., Office]) -> None:
    office = office_of(promise="lookup", mapping=served({"status": ""}))
    deal = office.deal(office.client_card())
    office.accounts.there = [FoundClient("1000417", "Новиков"), FoundClient("1000418", "Новиков")]
    office.restored(office.copy())
    office.push(deal)
    office.rests()
    assert office.state(deal) == "asking" and office.accounts.sent == []
    assert "Ничего не отправлено" in office.told(deal)[0] and "спрашиваем" in office.page(office.head, "/opening/")[1]
    assert office.presses(office.head, deal, "confirm", client_id="1000418") == 303
    office.rests()
    assert office.record(deal).stage == "opened" and office.accounts.sent == []


def test_an_access_that_is_refused_is_asked_again_when_a_person_says_so(office: Office) -> None:
    client = office.client_card()
    deal = office.deal(client)
    office.restored(office.copy())
    office.accounts.ask_faults = [NoRight("AUTH", vendor_code="AUTH")]
    office.push(deal)
    assert office.state(deal) == "asking" and "Ничего не отправлено" in office.told(deal)[0]
    assert office.presses(office.irina, deal, "again") == 303
    office.rests()
    assert office.faults(deal, client) == []
    assert office.presses(office.irina, deal, "again") == 409


def test_nothing_found_may_be_said_by_a_person_too(office: Office) -> None:
    client = office.client_card()
    deal = office.deal(client)
    office.accounts.faults = [Unreachable("refused")] * 5
    office.pushes(deal)
    office.restored(office.copy())
    office.accounts.faults, office.accounts.ask_faults = [], [NoRight("AUTH", vendor_code="AUTH")]
    office.rests()
    assert office.state(deal) == "asking"
    assert office.presses(office.irina, deal, "deny") == 303
    office.rests()
    assert office.faults(deal, client) == []


def test_the_next_deal_that_was_made_since_is_found_by_its_key(office: Office) -> None:
    client = office.client_card()
    deal = office.deal(client)
    office.accounts.lose = 1
    office.pushes(deal)
    copy = office.copy()
    office.rests()
    assert office.faults(deal, client) == []
    office.restored(copy)
    office.rests()
    assert faults(office, deal, client) == []
