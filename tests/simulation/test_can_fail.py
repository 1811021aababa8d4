"""The simulation sees what it is for: with one fault planted in the product, one of the first seeds fails."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from app.simulation.run import Failed
from kernel.extension import sweep
from kernel.extension.crm_verbs import CRM_VERBS
from kernel.http.gate import SharedGate
from kernel.jobs import inbox
from kernel.ledger import store as books
from plugins.assignment import assigning, eligibility
from plugins.exchange import booking
from plugins.reception import handlers as reception
from plugins.stage_lock.rules import Pool
from plugins.workday import days
from tests.simulation.stories import story

SEEDS = range(1, 13)
LOSING = range(17, 40)  #: begins with stories that lose an answer to a creation


def first_failure(crm: str, folder: Any, steps: int = 150, *, desk: str = "exchange-desk", seeds: range = SEEDS) -> str:
    for seed in seeds:
        try:
            story(seed, f"{desk}-{crm}", folder, steps=steps)
        except Failed as exc:
            return str(exc)
    return ""


def never_looks(monkeypatch):
    """Every verb takes each try for the first."""
    for name, verb in CRM_VERBS.items():
        run = verb.run
        blind = replace(verb, run=lambda connection, call, _maybe_done, run=run: run(connection, call, False))
        monkeypatch.setitem(CRM_VERBS, name, blind)


def test_a_create_that_never_looks_for_its_key(monkeypatch, tmp_path):
    never_looks(monkeypatch)
    assert "stand in the portal" in first_failure("planfix", tmp_path, seeds=LOSING)


def test_a_gate_that_lets_everyone_through(monkeypatch, tmp_path):
    claim = SharedGate._claim

    def careless(self: SharedGate) -> float:
        claim(self)
        return 0.0

    monkeypatch.setattr(SharedGate, "_claim", careless)
    assert "limit was broken" in first_failure("planfix", tmp_path)


def test_a_reversal_that_is_forgotten(monkeypatch, tmp_path):
    wanted = books.changes
    monkeypatch.setattr(
        books, "changes", lambda *args, **more: [one for one in wanted(*args, **more) if one.kind != "reversal"]
    )
    assert "should not stand" in first_failure("bitrix24", tmp_path)


def test_books_that_are_settled_before_the_fact(monkeypatch, tmp_path):
    monkeypatch.setattr(booking, "postings", lambda deal, zone: [])
    assert "is missing" in first_failure("planfix", tmp_path)


def test_a_sweep_that_finds_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(sweep, "_missed", lambda portal, changed: [])
    assert "the sweep has not found" in first_failure("bitrix24", tmp_path)


def test_a_delivery_answered_and_not_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(inbox, "sync", lambda *args, **more: None)
    assert first_failure("planfix", tmp_path)


def test_a_request_that_nobody_gets(monkeypatch, tmp_path):
    monkeypatch.setattr(reception, "by_names", lambda people, names: [])
    assert "has no manager, executor" in first_failure("planfix", tmp_path)


def test_a_lead_for_somebody_who_is_not_at_work(monkeypatch, tmp_path):
    monkeypatch.setattr(days, "standing", lambda status, **_more: "started")
    assert "who was not at work at" in first_failure("bitrix24", tmp_path, desk="broker")


def test_a_bar_that_nobody_asks_about(monkeypatch, tmp_path):
    monkeypatch.setattr(eligibility, "with_exclusions", lambda tx, portal, found: list(found))
    assert "who was barred at" in first_failure("bitrix24", tmp_path, 300, desk="broker")


def test_a_lead_that_is_left_waiting(monkeypatch, tmp_path):
    monkeypatch.setattr(assigning, "give", lambda unit, name, **_more: 0)
    assert "may have them" in first_failure("bitrix24", tmp_path, desk="broker")


def test_a_lock_that_lets_everything_through(monkeypatch, tmp_path):
    monkeypatch.setattr(Pool, "reaches", lambda self, here, to, steps=1: True)
    assert re.search("may stand at|0 in cases", first_failure("bitrix24", tmp_path, desk="broker"))


def test_working_days_that_are_not_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(days, "keep", lambda *args, **more: None)
    assert "working days kept, and as they are" in first_failure("bitrix24", tmp_path, desk="broker")


def test_a_failure_plays_again_to_the_letter(monkeypatch, tmp_path):
    never_looks(monkeypatch)
    first = first_failure("planfix", tmp_path, seeds=LOSING)
    assert first and first == first_failure("planfix", tmp_path, seeds=LOSING)
