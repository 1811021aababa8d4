"""The list of faults. Each plugin, connector and room of the kernel keeps its own in tests/mutants.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FOLDERS = ("kernel", "connectors", "plugins", "webhooks", "app")  #: where code and its faults may stand
FILE = "tests/mutants.toml"


@dataclass(frozen=True)
class Fault:
    """One thing that could be wrong: where `old` stands in the file, exactly once, `new` is put."""

    id: str
    room: str  #: the folder it belongs to, whose tests/mutants.toml names it
    file: str
    old: str
    new: str
    wrong: str  #: what goes wrong by it, in the product's words
    tests: tuple[str, ...]  #: the nearest ones, run in this order until one fails
    postgresql: bool = False  #: it concerns what SQLite does in another way, so the tests run on PostgreSQL, too
    word: str = ""  #: why it may survive, where it does

    @property
    def module(self) -> str:
        """What has to be importable with the fault in it; empty for a file that is no Python."""
        name = self.file.removesuffix(".py").removesuffix("/__init__")
        return name.replace("/", ".") if self.file.endswith(".py") else ""

    def planted(self, root: Path = ROOT) -> str:
        """The file's text with the fault in it. Raises ValueError if the place is not there, or not the only one."""
        return self.planted_in((root / self.file).read_text(encoding="utf-8"))

    def planted_in(self, text: str) -> str:
        if (count := text.count(self.old)) != 1:
            where = f"fix {self.room}/{FILE}"
            raise ValueError(f"{self.id}: its text stands {count} times in {self.file}; {where}")
        return text.replace(self.old, self.new)


def load(root: Path = ROOT) -> list[Fault]:
    """All faults, by room and in the order of their files. Raises ValueError for an id that stands twice."""
    found: list[Fault] = []
    for path in sorted(path for folder in FOLDERS for path in (root / folder).glob(f"**/{FILE}")):
        room = path.parents[1].relative_to(root).as_posix()
        found += _of_room(room, tomllib.loads(path.read_text(encoding="utf-8")))
    ids = [fault.id for fault in found]
    if twice := {one for one in ids if ids.count(one) > 1}:
        raise ValueError(f"faults with the same id: {', '.join(sorted(twice))}")
    return found


def _of_room(room: str, data: Mapping[str, Any]) -> Iterator[Fault]:
    for one in data["fault"]:
        if not one["file"].startswith(f"{room}/"):
            raise ValueError(f"{one['id']} stands in {room}/{FILE}, but {one['file']} is not of that room")
        tests = one.pop("tests", None) or _nearest(data["near"], one["file"])
        yield Fault(room=room, tests=tuple(tests), **one)


def _nearest(near: Mapping[str, Sequence[str]], file: str) -> Sequence[str]:
    """By the longest beginning of the path."""
    fitting = [start for start in near if file.startswith(start)]
    if not fitting:
        raise ValueError(f"no tests are named for {file}")
    return near[max(fitting, key=len)]
