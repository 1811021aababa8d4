"""What must hold of the plugin's tables, whatever happened."""

from __future__ import annotations

from collections.abc import Iterator

from kernel.datasets import unpack_opened
from kernel.extension.portal import Unit
from plugins.opening import store


def verify(unit: Unit) -> Iterator[str]:
    for row in store.all_deals(unit.tx, unit.portal.name):
        accepted = row["request"] == "accepted" and "Accepted" in type(unpack_opened(row["answer"])).__name__
        if row["state"] == "open" and row["request"] != "open":
            yield f"deal {row['deal']}: a request is said to be out, and none is written down"
        if row["state"] == "accepted" and row["finished_at"] is not None:
            steps = store.steps(unit.tx, unit.portal.name, row["deal"]).values()
            if undone := [step.step for step in steps if not step.over]:
                yield f"deal {row['deal']}: handed over, and without {', '.join(undone)}"
        if accepted and row["state"] != "accepted":
            yield f"deal {row['deal']}: an account was opened, and the deal is {row['state']}"
