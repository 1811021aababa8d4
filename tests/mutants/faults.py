"""The list of faults, which stands in data/*.toml, one file a room."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Fault:
    """One thing that could be wrong: where `old` stands in the file, exactly once, `new` is put."""

    id: str
    room: str
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
            where = f"mend tests/mutants/data/{self.room}.toml"
            raise ValueError(f"{self.id}: its text stands {count} times in {self.file}; {where}")
        return text.replace(self.old, self.new)


def load(folder: Path = FOLDER) -> list[Fault]:
    """All faults, by room and in the order of their files. Raises ValueError for an id that stands twice."""
    found: list[Fault] = []
    for path in sorted(folder.glob("*.toml")):
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        for one in data["fault"]:
            tests = one.pop("tests", None) or _nearest(data["near"], one["file"])
            found.append(Fault(room=path.stem, tests=tuple(tests), **one))
    ids = [fault.id for fault in found]
    if twice := {one for one in ids if ids.count(one) > 1}:
        raise ValueError(f"faults with the same id: {', '.join(sorted(twice))}")
    return found


def _nearest(near: Mapping[str, Sequence[str]], file: str) -> Sequence[str]:
    """By the longest beginning of the path."""
    fitting = [start for start in near if file.startswith(start)]
    if not fitting:
        raise ValueError(f"no tests are named for {file}")
    return near[max(fitting, key=len)]
