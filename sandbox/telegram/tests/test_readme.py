"""The README names every door, option, method and switch, and nothing that is not there."""

import re
from pathlib import Path

from sandbox.common.switches import as_table
from sandbox.telegram.cli import parser
from sandbox.telegram.doors import DOORS
from sandbox.telegram.faults import SWITCHES
from sandbox.telegram.registry import METHODS
from sandbox.telegram.server import REGISTERED

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
assert REGISTERED


def test_every_switch_stands_there_with_its_help():
    found = re.search(r"<!-- switches -->\n(.*)\n<!-- end -->", README, re.DOTALL)
    assert found
    assert found.group(1) == as_table(SWITCHES), "copy the table there after a change of a switch"


def test_every_option_stands_there():
    for action in parser()._actions:
        assert action.option_strings[-1] == "--help" or f"`{action.option_strings[-1]}" in README


def test_every_own_door_stands_there():
    text = README.partition("## Doors")[2].partition("## Switches")[0]
    named = set(re.findall(r"/sandbox/[a-z/-]+[a-z]", text))
    assert named == {path for _, path in DOORS}


def test_every_method_stands_there():
    text = README.partition("## Bot API")[2].partition("## Doors")[0]
    named = {name.lower() for name in re.findall(r"`([a-z]\w+)`", text.partition("What a person")[0])}
    assert {name for name in METHODS if name not in named} - {"getchatmemberscount"} == set()
