"""No test depends on speed: it waits by `kernel.testing.until` or another generous deadline, and judges no elapsed time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.checkout import ROOT

SECONDS_MIN = 30
MEASURING = ("tests/bench/", "tests/crash/", "tests/mutants/")  # what they do is to measure, or to kill at a chance moment
CLOCKS = ("monotonic", "perf_counter", "time")
# What may stand there after all, and why it does not depend on speed.
ALLOWED = {
    "kernel/http/tests/test_gate.py: time.sleep(max(0.0, arrived - time.monotonic()))": "it notes when it meant to arrive",
    "kernel/http/tests/test_gate.py: time.sleep(chosen.choice((0.0, 0.0, 0.06)))": "answers take their time, or longer",
    "kernel/extension/tests/test_staff.py: within=10": "how old a list may be, by a clock that the test moves",
    "kernel/jobs/tests/test_waking.py: time.sleep(0.5)": "an upper bound is looked at: a slow machine does less",
    "kernel/jobs/tests/test_waking.py: time.sleep(OBSERVED_SECONDS)": "the same",
    "kernel/storage/tests/test_away.py: time.sleep(1.5)": "longer than the second that the database bears; more is no harm",
    "plugins/exchange/tests/test_guard.py: timeout=0.4": "who comes later finds the other done, as is allowed",
    "plugins/exchange/tests/crash/burst.py: time.sleep(pause())": "kills come at chance moments",
    "plugins/opening/tests/crash/burst.py: time.sleep(pause())": "kills come at chance moments",
    "plugins/partners/tests/crash/burst.py: time.sleep(pause())": "kills come at chance moments",
    "sandbox/conftest.py: time.monotonic() < deadline": "its own `until`: a sandbox shares no code with us",
    "sandbox/conftest.py: time.sleep(0.005)": "the same",
    "tests/e2e/test_broker.py: time.sleep(workday_days.FRESH_SECONDS + 1)": "what is known of a day gets old by the clock",
    "tests/e2e/test_broker.py: time.sleep(2)": "a robot acts once or twice, or not yet: all three must end alike",
    "tests/e2e/test_broker.py: time.sleep(3)": "an outage lasts",
    "tests/e2e/test_broker_stage_lock.py: time.sleep(FRESH_SECONDS + 0.1)": "what is known of a day gets old by the clock",
    "tests/security/test_secrets.py: time.sleep(0.2)": "looks again and again while the process lives",
    "tests/toy/test_processes.py: time.sleep(chance.random() * 0.3)": "kills come at chance moments",
    "tests/toy/test_processes.py: time.sleep(chance.random() * 0.1)": "the same",
    "tests/upgrade/store.py: time.sleep(0.3)": "made at a release, not in a test",
    "tests/upgrade/store.py: time.sleep(2 * SLOW_ANSWER_SECONDS)": "the same",
}


def files() -> list[Path]:
    found = [path for path in ROOT.glob("**/*.py") if "tests" in path.relative_to(ROOT).parts or path.name == "conftest.py"]
    return sorted(
        path for path in found
        if not where(path).startswith((*MEASURING, ".", "build/")) and path.name != Path(__file__).name
    )  # fmt: skip


def where(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def hasty(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Pauses of a fixed length, short time-outs, and comparisons of what time.monotonic() gave with a number."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) == "time.sleep":
            yield node.lineno, ast.unparse(node)
        if isinstance(node, ast.Call):
            for word in node.keywords:
                short = _number(word.value)
                if word.arg in ("timeout", "within", "within_seconds") and short is not None and short < SECONDS_MIN:
                    yield node.lineno, f"{word.arg}={ast.unparse(word.value)}"
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and _asks_the_clock(node.left):
            short = _number(node.right)
            if short is not None and short < SECONDS_MIN:
                yield node.lineno, ast.unparse(node)
        if isinstance(node, ast.Compare) and any(_asks_the_clock(part) for part in ast.walk(node)):
            yield node.lineno, ast.unparse(node)


def _asks_the_clock(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and _name(node.func) in {f"time.{name}" for name in CLOCKS}


def _name(node: ast.AST) -> str:
    return ast.unparse(node) if isinstance(node, ast.Attribute | ast.Name) else ""


def _number(node: ast.AST) -> float | None:
    return float(node.value) if isinstance(node, ast.Constant) and isinstance(node.value, int | float) else None


def found(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return [
        f"{where(path)}:{line}: {what}"
        for line, what in sorted(set(hasty(ast.parse(text))))
        if f"{where(path)}: {what}" not in ALLOWED
    ]


@pytest.mark.parametrize(
    "text",
    ["time.sleep(1)", "get(url, timeout=5)", "end = time.monotonic() + 3", "assert time.monotonic() - began < 2",
     "while time.time() < end: pass"],
)  # fmt: skip
def test_haste_is_seen(text: str) -> None:
    assert list(hasty(ast.parse(text)))


def test_nothing_is_allowed_that_is_not_there() -> None:
    there = {f"{where(path)}: {what}" for path in files() for _line, what in hasty(ast.parse(path.read_text("utf-8")))}
    assert set(ALLOWED) <= there


def test_no_test_waits_for_a_fixed_time_or_judges_speed() -> None:
    hits = [hit for path in files() for hit in found(path)]
    assert hits == [], "\n".join(hits)
