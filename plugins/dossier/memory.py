"""What this process remembers of answers, so that whoever types into a filter need not wait until one is unpacked."""

from __future__ import annotations

import threading
from typing import Any

from kernel.datasets import Rows as Found
from kernel.extension.portal import Portal
from kernel.mapping import SetTable
from plugins.dossier import store
from plugins.dossier.rules.rows import Rows
from plugins.dossier.store import KeptAnswer

ANSWERS, ANSWERS_MAX = "dossier.answers", 8
TABLES, TABLES_MAX = "dossier.tables", 16
_lock = threading.Lock()
Asked = tuple[str, str]  #: set and client


def kept(portal: Portal, asked: Asked, at: int) -> KeptAnswer | None:
    """The answer that is kept, as of that moment."""
    found: KeptAnswer | None = _held(portal, ANSWERS, tuple(asked))
    if found is not None and found.at == at:
        return found
    with portal.read() as unit:
        found = store.kept(unit.tx, portal.name, *asked)
    if found is not None:
        remember(portal, asked, found)
    return found


def remember(portal: Portal, asked: Asked, answer: KeptAnswer) -> None:
    _hold(portal, ANSWERS, tuple(asked), answer, ANSWERS_MAX)


def rows_of(portal: Portal, plan: SetTable, name: str, answer: KeptAnswer) -> Rows:
    """The rows of a table of that answer."""
    key = (answer.answer.set, answer.answer.client_id, name)
    at, rows = _held(portal, TABLES, key) or (0, None)
    if rows is None or at != answer.at:
        found: Found | None = answer.answer.tables.get(name)
        rows = Rows(plan, found.rows if found else ())
        _hold(portal, TABLES, key, (answer.at, rows), TABLES_MAX)
    return rows


def _held(portal: Portal, name: str, key: tuple[str, ...]) -> Any:
    with _lock:
        return portal.memory.setdefault(name, {}).get(key)


def _hold(portal: Portal, name: str, key: tuple[str, ...], found: Any, most: int) -> None:
    """In the place of the one that was put there longest ago."""
    with _lock:
        held = portal.memory.setdefault(name, {})
        held.pop(key, None)
        held[key] = found
        while len(held) > most:
            del held[next(iter(held))]
