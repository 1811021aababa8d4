"""docs/security.md can fail: every item of the standard stands there once, and every test it names exists."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.conformance.checkout import ROOT

PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
KNOWN = (ROOT / "tests/security/asvs_level_2.txt").read_text(encoding="utf-8").split()
ROWS = re.findall(r"^\| ([0-9][0-9., ]*) \| (.+?) \| (.+) \|$", PAGE, re.MULTILINE)
TESTS = re.compile(r"`([\w/]+/test_\w+\.py)(?:::(\w+))?`")


def test_every_item_stands_there_once() -> None:
    listed = Counter(item for items, _, _ in ROWS for item in items.split(", "))
    assert sorted(set(KNOWN) - set(listed)) == [], "not on the page"
    assert sorted(set(listed) - set(KNOWN)) == [], "no item of these levels"
    assert [item for item, times in listed.items() if times > 1] == []


@pytest.mark.parametrize(("items", "asks", "how"), ROWS, ids=lambda text: text.split(",")[0][:12])
def test_an_item_has_a_test_or_says_that_it_has_none(items: str, asks: str, how: str) -> None:
    assert TESTS.search(how) or how.startswith(("**open**", "*not applicable*: ")), (
        f"{items} {asks}: neither test nor reason"
    )


@pytest.mark.parametrize(("path", "name"), sorted(set(TESTS.findall(PAGE))))
def test_every_test_named_exists(path: str, name: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert not name or f"def {name}(" in text, f"{path} has no {name}"


def test_what_is_open_stands_in_the_short_list_as_well() -> None:
    short = PAGE.partition("## What is open")[2].partition("\n## 1 ")[0]
    for item in re.findall(r"\b\d+\.\d+\.\d+\b", short):
        [how] = [how for items, _, how in ROWS if item in items.split(", ")]
        assert how.startswith("**open**"), item
