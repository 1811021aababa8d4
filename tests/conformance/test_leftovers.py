"""What a test leaves changed is found (tests/harness/leftovers.py), whatever it is compared with."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from tests.harness.leftovers import Modules


class Refusing:
    """Compares itself with nothing, as a column of a query does."""

    def __eq__(self, other: object) -> bool:
        raise TypeError("no truth in it")

    __hash__ = object.__hash__


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, Modules]:
    module = ModuleType("tests.made_up")
    module.NUMBER, module.CHOSEN, module.NAMES, module.COLUMN = 1, True, ["a"], Refusing()  # type: ignore[attr-defined]
    module.Thing = type("Thing", (), {"__module__": module.__name__, "size": 3})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    modules = Modules()
    modules.changes()
    assert modules.changes() == []
    return module, modules


@pytest.mark.parametrize(
    ("holder", "name", "value"),
    [("", "NUMBER", 2), ("", "NEW", 1), ("", "COLUMN", Refusing()), ("", "CHOSEN", 0), ("Thing", "size", 4)],
)
def test_a_changed_name_is_found_once(watched: tuple[ModuleType, Modules], holder: str, name: str, value: object) -> None:
    module, modules = watched
    setattr(getattr(module, holder) if holder else module, name, value)
    [found] = modules.changes()
    assert found.startswith(".".join(filter(None, ("tests.made_up", holder, name))) + " is ")
    assert modules.changes() == []


def test_what_went_and_what_grew_is_found(watched: tuple[ModuleType, Modules]) -> None:
    module, modules = watched
    del module.NUMBER
    module.NAMES.append("b")
    assert sorted(modules.changes()) == [
        "tests.made_up.NAMES holds 2 things instead of 1",
        "tests.made_up.NUMBER is nothing instead of 1",
    ]
