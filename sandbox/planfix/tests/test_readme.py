"""The README names every door, option and switch, and nothing that is not there."""

import re
from pathlib import Path

from sandbox.common.switches import as_table
from sandbox.planfix.cli import parser
from sandbox.planfix.faults import SWITCHES

README = Path(__file__).parents[1] / "README.md"


def test_every_switch_stands_there_with_its_help():
    text = README.read_text(encoding="utf-8")
    found = re.search(r"<!-- switches -->\n(.*)\n<!-- end -->", text, re.DOTALL)
    assert found
    assert found.group(1) == as_table(SWITCHES), "copy the table there after a change of a switch"


def test_every_option_stands_there():
    text = README.read_text(encoding="utf-8")
    for action in parser()._actions:
        assert action.option_strings[-1] == "--help" or f"`{action.option_strings[-1]}" in text


def test_every_own_door_stands_there(desk):
    text = README.read_text(encoding="utf-8")
    doors = {rule.rule for rule in desk.app.url_map.iter_rules() if rule.rule.startswith("/sandbox/")}
    assert {door for door in doors if door not in text} == set()
    named = set(re.findall(r"/sandbox/[a-z/-]+[a-z]", text.partition("## Doors")[2].partition("## Switches")[0]))
    assert named == doors
