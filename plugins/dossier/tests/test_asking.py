"""One question for all who open, whatever dies; good answers stay; everything is in the log."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest

from kernel.crm import Ref
from kernel.errors import BadAnswer, Maintenance, Moved, NoRight, NotFound, Unreachable
from kernel.extension import Plugin
from kernel.testing import until
from plugins.dossier import asking, cards, plugin, store, store_questions, views
from plugins.dossier.api import ANSWER_KEPT, CLIENT_CHANGED
from plugins.dossier.tests.office import CASH, CLIENT, SET

pytestmark = pytest.mark.row("BR-06")


def test_an_opening_asks_nothing_itself_and_many_are_one_question(office):
    for _ in range(5):
        office.open()
    assert not office.source.asked and office.kept() is None
    assert office.ask() == 1 and office.kept().answer.count == 9
    office.advance(seconds=9)
    office.open()
    assert office.ask() == 0, "fresh_s = 10"
    office.advance(seconds=2)
    office.open()
    assert office.ask() == 1
    assert [outcome for _, outcome in office.log()] == [*["joined"] * 4, "ok", "cached", "ok"]
    office.open(anew=True)
    assert office.ask() == 1, "the button asks whatever is kept"


def test_what_must_never_be_old_is_asked_each_time(office):
    office.source.put("blocks", CLIENT)
    for _ in range(2):
        office.open("blocks")
        assert office.ask() == 1
    assert office.log() == [("blocks", "empty")] * 2


def test_an_opening_long_after_the_question_left_gets_one_of_its_own(office):
    office.source.put("blocks", CLIENT)
    office.open("blocks")
    read, late = office.source.read, []

    def slow(*args, **more):
        if not late:
            late.append(1)
            office.advance(seconds=1.5)
            office.open("blocks")  # joins
            office.advance(seconds=1.5)
            office.open("blocks")  # more than join_s after it left
        return read(*args, **more)

    office.source.read = slow
    assert office.ask() == 2, "and by itself, as soon as the first has ended"
    assert sorted(outcome for _, outcome in office.log()) == ["empty", "empty", "joined"]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Unreachable(), "unavailable"), (Maintenance(), "maintenance"), (BadAnswer("x", sample="<a>"), "bad_answer"),
        (NoRight(), "refused"), (Moved(address="https://x"), "moved"), (NotFound(), "not_found"),
        (RuntimeError("our own"), "unavailable"),
    ],
)  # fmt: skip
def test_only_a_good_answer_replaces_anything(office, fault, outcome):
    office.open()
    office.ask()
    good = office.kept()
    office.advance(minutes=1)
    office.source.fail(fault)
    office.open()
    assert office.ask() == 1 and office.kept() == good
    assert office.log()[-1] == ("position", outcome)
    office.open()
    assert office.ask() == 1, "a failure is no answer that would be fresh"


def test_whatever_bytes_came_they_are_no_obstacle(both):
    both.source.fail(BadAnswer("x", sample="\x00\x01<<<\ud7ff ORA-00600"))
    both.open()
    assert both.ask() == 1 and both.log() == [("position", "bad_answer")]
    [row] = both.rows("SELECT sample FROM dossier_log")
    assert row["sample"] == "\ufffd\x01<<<\ud7ff ORA-00600"


def test_who_asks_dies_and_the_next_one_asks(office):
    office.open()
    question = asking.Question("position", CLIENT)

    class Killed(BaseException):
        pass

    def killed(*_args, **_more):
        office.source.asked.append(question)
        raise Killed

    read, office.source.read = office.source.read, killed
    with pytest.raises(Killed):
        office.ask()
    office.source.read = read
    office.restart()
    office.by_hand()
    office.advance(seconds=5)
    poke(office)
    office.ask()
    assert office.kept() is None, "it may still be alive"
    office.advance(seconds=6)
    poke(office)
    office.ask()
    assert len(office.source.asked) == 2 and office.kept() is not None


def poke(office):
    with office.tx() as tx:
        state = store_questions.standing(tx, office.portal.name, "position", CLIENT)
    asking.poke(office.portal, asking.Question("position", CLIENT), state)


def test_an_answer_that_comes_after_somebody_else_took_over_is_kept_all_the_same(office):
    office.open()
    read, other = office.source.read, office.fresh_portal()
    answers = []

    def late(*args, **more):
        answer = read(*args, **more)
        if not answers:
            answers.append(answer)
            office.advance(seconds=20)
            assert asking.ask(other, asking.Question("position", CLIENT))
        return answer

    office.source.read = late
    office.ask()
    assert office.kept().at > int(answers[0].asked_at.timestamp() * 1e6), "the newer one stays"
    assert [outcome for _, outcome in office.log()] == ["ok", "ok"]


def test_two_hundred_openings_over_two_processes_are_one_question(both):
    """With real threads: the back office answers only when all have opened."""
    office = both
    portals = [office.portal, office.fresh_portal()]
    for portal in portals:
        portal.memory[asking.MEMORY] = asking.Asker(portal)
    all_open, read, card = threading.Event(), office.source.read, office.the_card()

    def held(*args, **more):
        assert all_open.wait(20)
        return read(*args, **more)

    office.source.read = held

    def opening(portal):
        for _ in range(50):
            asking.open_set(portal, card, "position", office.irina)

    threads = [threading.Thread(target=opening, args=(portals[n % 2],)) for n in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    all_open.set()
    until(office.kept, "the answer is there")
    until(lambda: not [one for one in threading.enumerate() if one.name == "annex-dossier"], "the pools are at rest")
    assert len(office.source.asked) == 1
    assert sorted(outcome for _, outcome in office.log()) == ["joined"] * 199 + ["ok"]
    assert [views.tab(portals[n % 2], "position", CLIENT, "ru").at for n in range(200)] == [str(office.kept().at)] * 200


def test_a_process_that_remembers_an_answer_sees_the_newer_one_of_another(both):
    office, other = both, both.fresh_portal()
    seen = []
    for balance in ("1.00", "2.00"):
        office.source.put("position", CLIENT, cash=[{**CASH[0], "balance": Decimal(balance)}])
        office.open(anew=True)
        office.ask()
        shown = [views.tab(portal, "position", CLIENT, "ru") for portal in (office.portal, other)]
        assert {one.at for one in shown} == {str(office.kept().at)}
        tables = [views.tables(office.portal, office.portal.mapping.sets["position"], one.answer, "ru") for one in shown]
        assert tables[0] == tables[1], "what is remembered from the asking is what is read from the store"
        seen.append([cell.text for cell in tables[0][0].rows[0].cells])
        office.advance(minutes=1)
    assert seen[0] != seen[1] and [len(one) for one in seen] == [len(seen[0])] * 2


def test_of_two_hundred_who_wait_nobody_is_lost_when_the_one_who_asks_is_killed(both):
    office, other = both, both.fresh_portal()
    pools = []
    other.memory[asking.MEMORY] = asking.Asker(other, pools.append)
    card = office.the_card()

    class Killed(BaseException):
        pass

    def killed(*_args, **_more):
        office.source.asked.append(asking.Question("position", CLIENT))
        raise Killed

    read, office.source.read = office.source.read, killed
    for n in range(200):
        asking.open_set((office.portal, other)[n % 2], card, "position", office.irina)
    with pytest.raises(Killed):
        office.ask()
    office.source.read = read
    pools.pop()()
    assert views.tab(other, "position", CLIENT, "ru").said.waits and office.kept() is None, "it may still be alive"
    office.advance(seconds=11)
    for _ in range(100):
        views.tab(other, "position", CLIENT, "ru")
    for work in pools:
        work()
    found = [views.tab(other, "position", CLIENT, "ru") for _ in range(200)]
    assert len(office.source.asked) == 2 and {one.at for one in found} == {str(office.kept().at)}
    assert not any(one.said.waits for one in found)


def test_what_it_tells_other_plugins_and_a_changed_client(office_of):
    told = []
    listening = Plugin(
        "listening", "Listening",
        hooks=(
            ANSWER_KEPT.by(lambda unit, *what: told.append(("kept", *what))),
            CLIENT_CHANGED.by(lambda unit, *what: told.append(("changed", *what))),
        ),
    )  # fmt: skip
    office = office_of(plugins=[plugin, listening])
    office.open()
    office.ask()
    assert told == [("kept", "contact", office.card, CLIENT, "position")]
    office.crm.staff.set("contact", office.card, client_id="1000999")
    assert office.the_card().client_id == CLIENT, "read a moment ago"
    office.advance(seconds=61)
    assert office.the_card().client_id == "1000999"
    assert told[1:] == [("changed", "contact", office.card, CLIENT)]


def test_a_deal_leads_to_its_clients_card(office):
    office.crm.staff.set("contact", office.card, client_id=" 0000417 ")
    deal = office.crm.staff.new("deal", stage="new", name="Счёт", client=Ref(office.card))
    card, own = cards.read(office.portal, "deal", deal)
    assert (card.own, card.client_id, own.name) == (("contact", office.card), "0000417", "Пётр Ильин")
    empty, nobody = cards.read(office.portal, "deal", office.crm.staff.new("deal", stage="new", name="Пусто"))
    assert (empty.own, empty.client_id, nobody) == (("", ""), "", None)
    assert cards.clients(SET) == ("company", "contact")
    assert cards.has_dossier(SET, "deal") and not cards.has_dossier(SET, "lead")


def test_a_forgotten_client_is_not_kept_by_an_answer_in_flight(office):
    office.open()
    read = office.source.read

    def forgotten(*args, **more):
        with office.portal.unit() as unit:
            store.forget(unit.tx, office.portal.name, CLIENT)
        return read(*args, **more)

    office.source.read = forgotten
    office.ask()
    assert office.kept() is None and office.log() == []
