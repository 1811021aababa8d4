"""What the processes of a desk said, put into the report of a test that failed: whoever reads it may have nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

LINES_MAX, LINE_MAX = 60, 400
QUIET = ("debug", "info")


def told(folder: Path) -> str:
    """The last warnings of each log below the folder, and after them the last lines of any kind."""
    parts = []
    for file in sorted(folder.glob("*/*.log")):
        lines = list(_lines(file))
        warnings = [line for level, line in lines if level not in QUIET]
        shown = [*warnings[-LINES_MAX:], "...", *(line for _level, line in lines[-LINES_MAX // 2 :])]
        if lines:
            parts.append("\n".join([f"--- {file.parent.name}/{file.name}: {len(lines)} lines, of them", *shown]))
    return "\n".join(parts)


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            said = None
        yield str(said.get("level")) if isinstance(said, dict) else "other", line[:LINE_MAX]
