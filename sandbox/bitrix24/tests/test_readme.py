"""The README names every door, option and switch, and nothing that is not there."""

import re
from pathlib import Path

from sandbox.bitrix24.cli import parser
from sandbox.bitrix24.doors import DOORS
from sandbox.bitrix24.faults import SWITCHES
from sandbox.bitrix24.registry import METHODS
from sandbox.bitrix24.server import import_methods
from sandbox.common.switches import as_table

README = Path(__file__).parents[1] / "README.md"
import_methods()


def test_every_switch_stands_there_with_its_help():
    found = re.search(r"<!-- switches -->\n(.*)\n<!-- end -->", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    assert found.group(1) == as_table(SWITCHES), "copy the table there after a change of a switch"


def test_every_option_stands_there():
    text = README.read_text(encoding="utf-8")
    for action in parser()._actions:
        assert action.option_strings[-1] == "--help" or f"`{action.option_strings[-1]}" in text


def test_every_own_door_stands_there():
    text = README.read_text(encoding="utf-8").partition("## Doors")[2].partition("## Switches")[0]
    named = set(re.findall(r"/sandbox/[a-z/-]+[a-z]", text))
    assert named == {path for _, path in DOORS}


def test_every_family_of_methods_stands_there():
    text = README.read_text(encoding="utf-8").partition("## Methods")[2].partition("## Doors")[0]
    families = {".".join(name.split(".")[:2]) if name.startswith("crm.") else name.partition(".")[0] for name in METHODS}
    assert {family for family in families if f"`{family}" not in text} == set()
