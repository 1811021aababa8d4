"""`annex plan` and `annex apply` over a set-up of a script: exit codes, questions, errors that name the change."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.bootstrap import Annex
from app.cli.apply import APPLY, ROUNDS_MAX
from app.cli.plan import PLAN
from kernel.errors import Misconfigured, Rejected, Unreachable
from kernel.mapping import Change, Setup


class Script:
    """A portal that is a set of words: each is made or dropped by its change."""

    def __init__(self, *wanted: str, there: tuple[str, ...] = (), also: tuple[Change, ...] = ()) -> None:
        self.wanted, self.there, self.also = wanted, list(there), also
        self.fails: dict[str, Exception] = {}

    def plan(self) -> list[Change]:
        missing = [word for word in self.wanted if word not in self.there]
        # As in production: what depends on something that is not there yet has to wait for the next round.
        changes = [Change("create", word, make=self._do(word) if n == 0 else None) for n, word in enumerate(missing)]
        extra = [word for word in self.there if word not in self.wanted]
        return [*changes, *(Change("drop", word, records=7, make=self._do(word)) for word in extra), *self.also]

    def _do(self, word: str) -> Callable[[], None]:
        def make() -> None:
            if word in self.fails:
                raise self.fails[word]
            (self.there.remove if word in self.there else self.there.append)(word)

        return make


def annex(setup: Setup | None, by_hand: tuple[str, ...] = ()) -> Annex:
    connector = SimpleNamespace(title="Toy", setup=None if setup is None else lambda a_connection: setup)
    mapping = SimpleNamespace(portal=SimpleNamespace(by_hand=list(by_hand)))
    runtime = SimpleNamespace(connector=connector, connection=None, portal=SimpleNamespace(connections={}))
    return cast(Annex, SimpleNamespace(runtime=runtime, mapping=mapping, migrate=lambda: None))


def plan(made: Annex, *, as_json: bool = False) -> int:
    return PLAN.run(made, argparse.Namespace(json=as_json))


def apply(made: Annex, *, yes: bool = False, cards: bool = False) -> int:
    return APPLY.run(made, argparse.Namespace(yes=yes, cards=cards))


NOTE, MANUAL = Change("note", "somebody's own"), Change("manual", "robot on a stage", "click there")


def test_a_plan_says_two_if_there_is_something_to_do_and_notes_do_not_count(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan(annex(Script("a", there=("a",), also=(NOTE,)), ("grant rights",))) == 0
    output = capsys.readouterr().out
    assert "· somebody's own" in output and "✓" in output and "[ ] grant rights" in output
    assert plan(annex(Script("a", "b"))) == 2
    assert plan(annex(Script("a", there=("a",), also=(MANUAL,)))) == 2


def test_a_plan_as_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert plan(annex(Script("a", there=("old",), also=(NOTE, MANUAL)), ("by hand",)), as_json=True) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["to_do"] == 3 and document["by_hand"] == ["by hand"]
    assert {"kind": "drop", "what": "old", "detail": "", "records": 7} in document["changes"]


def test_apply_goes_on_until_nothing_is_left_that_can_be_made(capsys: pytest.CaptureFixture[str]) -> None:
    script = Script("a", "b", "c", also=(NOTE,))
    assert apply(annex(script)) == 0 and script.there == ["a", "b", "c"]
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("✓ +")] == ["✓ + a", "✓ + b", "✓ + c"]
    assert apply(annex(Script("a", also=(MANUAL,)))) == 2, "something is left to a person"


def test_nobody_to_ask_means_no(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    script = Script("a", there=("a", "old"))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False))
    assert apply(annex(script)) == 2 and script.there == ["a", "old"]
    assert "records that hold data: 7" in capsys.readouterr().out
    assert apply(annex(script), yes=True) == 0 and script.there == ["a"]


@pytest.mark.parametrize(
    ("answers", "left", "code"), [(["n", "y"], ["old"], 2), (["", "no"], ["old", "older"], 2), (["y", "да"], [], 0)]
)
def test_each_drop_is_asked_about_once(
    monkeypatch: pytest.MonkeyPatch, answers: list[str], left: list[str], code: int
) -> None:
    script, given = Script(there=("old", "older")), iter(answers)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("builtins.input", lambda _question: next(given))
    assert apply(annex(script)) == code and script.there == left
    assert next(given, None) is None


@pytest.mark.parametrize(("answers", "code"), [(["y"], 0), (["n"], 2), ([""], 2)])
def test_what_only_a_person_can_do_is_asked_about_once_where_nobody_can_see_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answers: list[str], code: int
) -> None:
    script, asked = Script("a"), list[str]()
    script.also = (MANUAL, Change("manual", "rights", "take them away", make=lambda: setattr(script, "also", ())))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False))
    assert apply(annex(script), yes=True) == 2 and len(script.also) == 2, "nobody has said that it is done"
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("builtins.input", lambda question: (asked.append(question), answers[len(asked) - 1])[1])
    assert apply(annex(script)) == code and len(asked) == 1
    assert "! rights: take them away" in capsys.readouterr().out and "is it done?" in asked[0]


class Cards(Script):
    """Beside words, a card that staff arranged; `stubborn`: the portal takes an arrangement and shows another."""

    def __init__(self, *wanted: str, stubborn: bool = False, **more: Any) -> None:
        super().__init__(*wanted, **more)
        self.arranged, self.stubborn = 0, stubborn

    def plan(self) -> list[Change]:
        def make() -> None:
            self.arranged += 1

        differs = self.stubborn or not self.arranged
        card = Change("arrange", "the client's card", "now A; shall be B", make=make)
        return [*super().plan(), *([card] if differs else [])]


@pytest.mark.row("BR-16")
def test_a_card_that_staff_arranged_is_overwritten_only_if_somebody_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False))
    script = Cards("a", there=("old",))
    assert plan(annex(script)) == 2 and "# the client's card: now A; shall be B" in capsys.readouterr().out
    assert apply(annex(script), yes=True) == 2 and (script.there, script.arranged) == (["a"], 0), "yes is about data"
    assert apply(annex(script), cards=True) == 0 and script.arranged == 1

    given: Iterator[str] = iter(["n", "y"])
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    questions: list[str] = []
    monkeypatch.setattr("builtins.input", lambda question: questions.append(question) or next(given))
    asked = Cards()
    assert apply(annex(asked)) == 2 and asked.arranged == 0 and "overwrite" in questions[0]
    assert apply(annex(asked)) == 0 and asked.arranged == 1


def test_an_arrangement_that_the_portal_shows_otherwise_is_told_and_not_made_for_ever(
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = Cards(stubborn=True)
    assert apply(annex(script), cards=True) == 2 and script.arranged == 1
    assert "# the client's card" in capsys.readouterr().out


@pytest.mark.parametrize("fault", [Rejected("no right: ask the administrator"), Unreachable("no answer")])
def test_an_error_names_the_change_and_says_that_the_next_apply_goes_on(
    fault: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    script = Script("a", "b", "c")
    script.fails["b"] = fault
    assert apply(annex(script)) == 1
    output = capsys.readouterr()
    assert "b: " in output.err and str(fault) in output.err and "goes on from here" in output.err and "✓ + a" in output.out
    script.fails.clear()
    assert apply(annex(script)) == 0


def test_a_portal_that_never_agrees_ends_it(capsys: pytest.CaptureFixture[str]) -> None:
    made: list[str] = []

    class Stubborn:
        def plan(self) -> list[Change]:
            return [Change("change", "the label", make=lambda: made.append("again"))]

    assert apply(annex(Stubborn())) == 1 and len(made) == ROUNDS_MAX
    assert "the label" in capsys.readouterr().err


def test_a_connector_without_a_set_up_says_so() -> None:
    with pytest.raises(Misconfigured, match="Toy"):
        plan(annex(None))
