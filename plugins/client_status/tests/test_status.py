"""Closed contracts in the back office, and the client's card."""

from __future__ import annotations

from contextlib import suppress

import pytest

from kernel.datasets import Unread, pack_answer
from kernel.testing import MemorySource, World
from kernel.testing.trouble import Crash
from kernel.values import to_micros
from plugins.client_status import plugin
from plugins.dossier import plugin as dossier
from plugins.dossier import store as dossier_store
from plugins.dossier.api import ANSWER_KEPT
from plugins.dossier_lists.tests.office import SET

pytestmark = pytest.mark.row("BR-21")
CLIENT = "1000417"


class Desk(World):
    def __init__(self, url, archive="tell", entity="contact"):
        self.entity = entity
        super().__init__(url, SET, [dossier, plugin], settings={"client_status": {"archive": archive}})
        self.source = MemorySource(SET, self.clock)
        self.irina = self.crm.staff.hire("Ирина Белова")
        self.card = self.crm.staff.new(entity, name="Пётр", client_id=CLIENT, client_status="active", assigned=self.irina)

    def contracts(self, *states):
        self.advance(seconds=40)
        rows = [{"number": f"B-{n}", "status": state} for n, state in enumerate(states)]
        self.source.put("contracts", CLIENT, contracts=rows)
        answer = self.source.read("contracts", CLIENT)
        with self.portal.unit() as unit:
            dossier_store.keep(unit.tx, self.portal.name, answer, pack_answer(answer), to_micros(self.clock.now()))
            for run in ANSWER_KEPT.functions(self.portal):
                run(unit, self.entity, self.card, CLIENT, "contracts")

    def seen(self, *states):
        self.contracts(*states)
        self.work()

    @property
    def comments(self):
        return [effect.text for effect in self.crm.effects if effect.verb == "comment"]

    @property
    def status(self):
        return self.record(self.card).values["client_status"]


@pytest.fixture
def desk_of(fresh_sqlite, closing):
    return lambda archive="tell", **how: closing(Desk(fresh_sqlite(), archive, **how))


def test_the_manager_is_told_once_when_all_are_closed(desk_of):
    desk = desk_of()
    desk.seen("OPEN", "CLOSED")
    assert desk.comments == []
    for _again in range(3):
        desk.seen("CLOSED", "CLOSED")
    [text] = desk.comments
    assert CLIENT in text and "«Договор расторгнут»" in text and desk.status == "active"
    [effect] = [one for one in desk.crm.effects if one.verb == "comment"]
    assert effect.to and effect.record_id == desk.card


def test_a_companys_card_as_a_persons(desk_of):
    desk = desk_of("set", entity="company")
    desk.seen("CLOSED")
    assert desk.status == "closed" and len(desk.comments) == 1
    assert {(one.entity, one.record_id) for one in desk.crm.effects} == {("company", desk.card)}


def test_the_card_is_set_and_set_back(desk_of):
    desk = desk_of("set")
    desk.seen("CLOSED")
    assert desk.status == "closed" and len(desk.comments) == 1
    desk.seen("CLOSED", "OPEN")
    assert desk.status == "active" and len(desk.comments) == 2 and "снова открыт" in desk.comments[1]


def test_a_candidate_with_an_open_contract_is_nobodys_matter_here(desk_of):
    desk = desk_of("set")
    desk.crm.staff.set("contact", desk.card, client_status="candidate")
    desk.seen("OPEN")
    assert desk.status == "candidate" and desk.comments == []


def test_what_the_answer_does_not_say_means_nothing(desk_of):
    desk = desk_of("set")
    for states in ((), (Unread("???"), "CLOSED"), (None,)):
        desk.seen(*states)
    assert desk.status == "active" and desk.comments == []


def test_off_is_off(desk_of):
    desk = desk_of("off")
    desk.seen("CLOSED")
    assert desk.status == "active" and desk.comments == []


def test_told_once_wherever_the_process_dies(desk_of):
    desk = desk_of("set")
    for nth in range(1, 12):
        desk.seen("OPEN")
        before = len(desk.comments)
        desk.trouble.crash_at(nth)
        with suppress(Crash):
            desk.seen("CLOSED")
        desk.trouble.calm()
        desk.restart()
        desk.run()
        desk.seen("CLOSED")
        assert desk.status == "closed" and len(desk.comments) == before + 1
