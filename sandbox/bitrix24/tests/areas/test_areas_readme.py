"""AREAS.md names every switch and every door of these areas, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import sandbox.bitrix24
from sandbox.bitrix24.doors import DOORS
from sandbox.bitrix24.more_switches import MORE
from sandbox.bitrix24.registry import METHODS
from sandbox.bitrix24.server import import_methods

FOLDER = Path(sandbox.bitrix24.__file__).parent
TEXT = (FOLDER / "AREAS.md").read_text(encoding="utf-8")
MODULES = set(re.findall(r"`(\w+)\.py`", TEXT)) | {"timeline"}


def test_switches_and_their_words() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| (.+) \|$", TEXT, re.MULTILINE)
    assert rows == [(name, str(switch.default), switch.help) for name, switch in MORE.items()]


def test_doors() -> None:
    import_methods()
    own = {pair for pair, run in DOORS.items() if run.__module__.rpartition(".")[2] in MODULES}
    named = {(verb, path) for verb, path in re.findall(r"^\| `(GET|POST) (/sandbox/\S+)` \|", TEXT, re.MULTILINE)}
    assert named == own


def test_modules_and_families_of_methods() -> None:
    assert all((FOLDER / f"{name}.py").exists() for name in MODULES)
    import_methods()
    own = {name for name, found in METHODS.items() if found.run.__module__.rpartition(".")[2] in MODULES}
    families = {name.partition(".")[0] for name in own}
    assert all(f"`{family}" in TEXT for family in families)
