"""Pages of 50: `start`, `total`, `next`; `start=-1` switches counting off (contract, section 3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sandbox.bitrix24.registry import Call, Listed

PAGE = 50
Row = TypeVar("Row")


def start(call: Call) -> int:
    """The offset asked for; nonsense is 0."""
    try:
        return int(call.get("start", 0) or 0)
    except (TypeError, ValueError):
        return 0


def page(
    call: Call,
    rows: Sequence[Row],
    show: Callable[[Row], Any] | None = None,
    wrap: Callable[[list[Any]], Any] = lambda shown: shown,
) -> Listed:
    """One page of all matching rows. `show` is applied to this page only, `wrap` makes `{"items": […]}` of it."""
    begin = start(call)
    offset = max(begin, 0)
    cut = rows[offset : offset + PAGE]
    result = wrap([show(row) for row in cut] if show else list(cut))
    if begin < 0:
        return Listed(result)
    end = offset + PAGE
    return Listed(result, len(rows), end if end < len(rows) else None)
