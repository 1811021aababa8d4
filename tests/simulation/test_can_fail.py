"""The simulation sees what it is for: with one fault planted in the product, one of the first seeds fails."""

from __future__ import annotations

from typing import Any

from app.simulation.run import Failed
from kernel.extension import calls, sweep
from kernel.http.gate import SharedGate
from kernel.jobs import inbox
from kernel.ledger import store as books
from plugins.exchange import handlers
from tests.simulation.stories import story

SEEDS = range(1, 13)


def first_failure(crm: str, folder: Any, steps: int = 150) -> str:
    for seed in SEEDS:
        try:
            story(seed, f"exchange-desk-{crm}", folder, steps=steps)
        except Failed as exc:
            return str(exc)
    return ""


def test_a_create_that_never_looks_for_its_key(monkeypatch, tmp_path):
    send = calls._send
    monkeypatch.setattr(calls, "_send", lambda portal, call, *, maybe_done: send(portal, call, maybe_done=False))
    assert "stand in the portal" in first_failure("planfix", tmp_path)


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
    monkeypatch.setattr(handlers, "postings", lambda deal, zone: [])
    assert "is missing" in first_failure("planfix", tmp_path)


def test_a_sweep_that_finds_nothing(monkeypatch, tmp_path):
    monkeypatch.setattr(sweep, "_missed", lambda portal, changed: [])
    assert "the sweep has not found" in first_failure("bitrix24", tmp_path)


def test_a_delivery_answered_and_not_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(inbox, "look", lambda *args, **more: None)
    assert first_failure("planfix", tmp_path)


def test_a_failure_plays_again_to_the_letter(monkeypatch, tmp_path):
    send = calls._send
    monkeypatch.setattr(calls, "_send", lambda portal, call, *, maybe_done: send(portal, call, maybe_done=False))
    first = first_failure("planfix", tmp_path)
    assert first and first == first_failure("planfix", tmp_path)
