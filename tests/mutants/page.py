"""What came of it, as docs/mutants.md tells it."""

from __future__ import annotations

from collections.abc import Sequence

from tests.mutants.planting import Result

INTRODUCTION = """# Faults on purpose

Tests that cannot fail prove nothing. `make mutants` plants one fault after another in a copy of the checkout (a wrong sign,
a rounding, a lost lock, a forgotten reversal, a day off by one, a page of a list skipped …), runs the tests nearest to it,
and counts which are noticed. The faults are data and stand beside the tests that have to notice them: a plugin, a connector
and a room of the kernel each have a `tests/mutants.toml`. This page is written by `make mutants ARGS=--write`.

- A fault counts as caught when a test fails, or does not end in time.
- The same tests pass in the same copy without a fault; else nothing is counted.
- Only the nearest tests run (named beside the faults), not all of them.
- The list was written before looking at the tests. At its first runs some sixty faults survived, and tests of the rules they
  broke were added. So the figure below says less than the next fault that somebody else plants.
"""


def page(results: Sequence[Result]) -> str:
    """The whole page."""
    counted = [result for result in results if result.outcome != "invalid"]
    caught, hangs = sum(r.caught for r in counted), sum(r.outcome == "hangs" for r in counted)
    lines = [INTRODUCTION, "| where | faults | caught |", "|---|---|---|"]
    for room in sorted({result.fault.room for result in counted}):
        mine = [result for result in counted if result.fault.room == room]
        lines.append(f"| {room} | {len(mine)} | {sum(r.caught for r in mine)} |")
    lines.append(f"| **together** | **{len(counted)}** | **{caught}** |")
    share = f"{100 * caught / len(counted):.1f}" if counted else "0"
    lines += ["", f"{share} of 100 are caught, {hangs} of them because the tests did not end.", ""]
    survivors = [result for result in counted if not result.caught]
    lines += ["## What survives", ""] + (
        ["| fault | what would be wrong | why no test notices |", "|---|---|---|"] if survivors else []
    )
    for fault in (result.fault for result in survivors):
        lines.append(f"| {fault.id} ({fault.file}) | {fault.wrong} | {fault.word or 'not looked at yet'} |")
    if not survivors:
        lines.append("Nothing of this list. That says something about the list, too: it holds what somebody thought of.")
    return "\n".join(lines) + "\n"
