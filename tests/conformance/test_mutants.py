"""The faults that `make mutants` plants still fit the code: a fault that cannot be planted would prove nothing."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict

import pytest

from tests.conformance.checkout import ROOT
from tests.mutants.faults import Fault, load

FAULTS_MIN = 100
FAULTS_PER_ROOM_MIN = 20


def misfits(file: str, faults: list[Fault]) -> list[str]:
    """What is wrong with the faults of one file. All of them at once parse: only if they do not, each is tried alone."""
    try:
        text = (ROOT / file).read_text(encoding="utf-8")
        together = text
        for fault in faults:
            fault.planted_in(text)
            together = together.replace(fault.old, fault.new)
        if file.endswith(".py"):
            ast.parse(together)
    except (ValueError, SyntaxError, OSError) as exc:
        return [f"{file}: {exc}"] if len(faults) == 1 else [one for fault in faults for one in misfits(file, [fault])]
    return []


def test_every_fault_can_be_planted_and_the_file_still_parses():
    by_file = defaultdict(list)
    for fault in load():
        by_file[fault.file].append(fault)
        assert fault.old != fault.new, f"{fault.id} changes nothing"
    assert [one for file, faults in by_file.items() for one in misfits(file, faults)] == []


def test_there_are_enough_faults_in_every_room_each_with_tests_that_exist():
    faults = load()
    rooms = Counter(fault.room for fault in faults)
    assert len(faults) >= FAULTS_MIN and min(rooms.values()) >= FAULTS_PER_ROOM_MIN, rooms
    missing = {test for fault in faults for test in fault.tests if not (ROOT / test).exists()}
    assert missing == set()
    assert [fault.id for fault in faults if not (fault.tests and fault.wrong)] == []


def test_a_fault_that_no_longer_fits_is_told(tmp_path):
    (tmp_path / "room.toml").write_text(
        '[near]\n"kernel/" = ["kernel/tests"]\n[[fault]]\nid = "x"\nfile = "kernel/values.py"\n'
        'old = "no such text"\nnew = "y"\nwrong = "z"\n',
        encoding="utf-8",
    )
    [fault] = load(tmp_path)
    assert fault.tests == ("kernel/tests",) and fault.module == "kernel.values"
    with pytest.raises(ValueError, match=r"x: its text stands 0 times in kernel/values\.py; mend .*room\.toml"):
        fault.planted()
