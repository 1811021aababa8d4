"""The README names every door, option, method and switch, and nothing that is not there."""

import re
from pathlib import Path

from sandbox.common.switches import as_table
from sandbox.sms_ru.cli import parser
from sandbox.sms_ru.doors import DOORS
from sandbox.sms_ru.faults import SWITCHES
from sandbox.sms_ru.methods import METHODS

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_every_switch_stands_there_with_its_help():
    found = re.search(r"<!-- switches -->\n(.*)\n<!-- end -->", README, re.DOTALL)
    assert found
    assert found.group(1) == as_table(SWITCHES), "copy the table there after a change of a switch"


def test_every_option_door_and_method_stands_there():
    for action in parser()._actions:
        assert action.option_strings[-1] == "--help" or f"`{action.option_strings[-1]}" in README
    text = README.partition("## Doors")[2].partition("## Switches")[0]
    assert set(re.findall(r"/sandbox/[a-z/-]+[a-z]", text)) == {path for _, path in DOORS}
    assert all(f"`{name}`" in README for name in METHODS)
