"""The simulation of registrations sees what it is for: with one fault planted in the product, one of a few seeds fails."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from app.simulation.backoffice import PROMISES, SimulatedBackOffice
from app.simulation.run import Failed
from kernel.extension.account_verbs import ACCOUNT_VERBS
from plugins.opening import handover
from plugins.terms import handlers as terms
from tests.simulation.stories import story

SET, STEPS = "broker-bitrix24", 120
TWICE = r"is registered \d times|was carried out \d times"


def with_promise(promise: str) -> Iterable[int]:
    """Seeds in which the back office promises that, and believes whatever comes."""
    return [2 * turn + 1 for turn in range(18) if turn % 3 == PROMISES.index(promise) and turn // 3 % 3 != 2]


def first_failure(folder: Any, seeds: Iterable[int]) -> str:
    for seed in seeds:
        try:
            story(seed, SET, folder, steps=STEPS)
        except Failed as exc:
            return str(exc)
    return ""


def loses_answers(monkeypatch: Any) -> None:
    """Also when all is well: so that no story loses none."""
    turn = SimulatedBackOffice.turn

    def lossy(self: SimulatedBackOffice, chance: random.Random, rough: bool) -> None:
        turn(self, chance, rough)
        self._office.faults.set("lose_answer_next", 2)

    monkeypatch.setattr(SimulatedBackOffice, "turn", lossy)


def test_a_request_that_nobody_looks_for_before_it_is_sent_again(monkeypatch, tmp_path):
    verb = ACCOUNT_VERBS["open_account_lookup"]
    blind = replace(verb, run=lambda connection, call, _maybe_done: verb.run(connection, call, False))
    monkeypatch.setitem(ACCOUNT_VERBS, "open_account_lookup", blind)
    loses_answers(monkeypatch)
    assert re.search(TWICE, first_failure(tmp_path, with_promise("lookup")))


def test_a_request_that_goes_out_again_though_nobody_can_look(monkeypatch, tmp_path):
    verb = ACCOUNT_VERBS["open_account_once"]
    monkeypatch.setitem(ACCOUNT_VERBS, "open_account_once", replace(verb, repeat="safe"))
    loses_answers(monkeypatch)
    assert re.search(TWICE, first_failure(tmp_path, with_promise("none")))


def test_a_deal_that_is_won_before_the_card_is_filled(monkeypatch, tmp_path):
    def skip(unit: Any, one: Any, _seen: Any) -> None:
        step = handover.store.steps(unit.tx, one.portal, one.deal)["card"]
        handover._step(unit, one, step, state="done", record=one.client_record, reason="")

    monkeypatch.setattr(handover, "fill_card", skip)
    assert "holds no ClientID" in first_failure(tmp_path, with_promise("request_id"))


def test_a_deal_whose_terms_hold_nobody_back(monkeypatch, tmp_path):
    monkeypatch.setattr(terms, "unanswered", lambda portal, values: [])
    assert re.search("are not answered|nobody is asked", first_failure(tmp_path, range(5, 17, 2)))
