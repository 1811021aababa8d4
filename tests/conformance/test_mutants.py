"""The faults that `make mutants` plants still fit the code: a fault that cannot be planted would prove nothing."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict

import pytest

from tests.conformance.checkout import ROOT
from tests.mutants.faults import Fault, load

FAULTS_MIN = 390  #: there were so many when they moved beside their rooms; none may get lost


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


def test_there_are_enough_faults_each_with_tests_that_exist():
    faults = load()
    assert len(faults) >= FAULTS_MIN, Counter(fault.room for fault in faults)
    missing = {test for fault in faults for test in fault.tests if not (ROOT / test).exists()}
    assert missing == set()
    assert [fault.id for fault in faults if not (fault.tests and fault.wrong)] == []


def _write(root, room, file):
    path = root / room / "tests" / "mutants.toml"
    path.parent.mkdir(parents=True)
    path.write_text(
        f'[near]\n"kernel/" = ["kernel/tests"]\n[[fault]]\nid = "x"\nfile = "{file}"\n'
        'old = "no such text"\nnew = "y"\nwrong = "z"\n',
        encoding="utf-8",
    )


def test_a_fault_that_no_longer_fits_is_told(tmp_path):
    _write(tmp_path, "kernel", "kernel/values.py")
    [fault] = load(tmp_path)
    assert fault.tests == ("kernel/tests",) and fault.module == "kernel.values" and fault.room == "kernel"
    with pytest.raises(ValueError, match=r"x: its text stands 0 times in kernel/values\.py; fix kernel/tests/mutants\.toml"):
        fault.planted()


def test_a_room_names_faults_of_its_own_files_only(tmp_path):
    _write(tmp_path, "plugins/till", "kernel/values.py")
    with pytest.raises(ValueError, match=r"x stands in plugins/till/tests/mutants\.toml, but kernel/values\.py is not"):
        load(tmp_path)


def test_an_id_stands_once(tmp_path):
    _write(tmp_path, "kernel", "kernel/values.py")
    _write(tmp_path, "kernel/crm", "kernel/crm/model.py")
    with pytest.raises(ValueError, match="faults with the same id: x"):
        load(tmp_path)
