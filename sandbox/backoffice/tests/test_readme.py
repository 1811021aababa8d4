"""The README names every door, option, address and switch, and nothing that is not there."""

import re
from pathlib import Path

from sandbox.backoffice.cli import parser
from sandbox.backoffice.doors import DOORS
from sandbox.backoffice.faults import SWITCHES
from sandbox.backoffice.server import REGISTERED
from sandbox.backoffice.tables import SERVICE_OPERATIONS, TABLES
from sandbox.common.switches import as_table

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


def test_every_address_stands_there():
    for service, operations in SERVICE_OPERATIONS.items():
        assert f"`/bo/{service}`" in README
        assert all(f"`{one}`" in README for one in operations)
    for table in TABLES.values():
        assert f"`{table.other}.xml`" in README
        assert table.name == "margin" or f"`{table.name}`" in README
