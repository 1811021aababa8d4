"""The guide for Bitrix24 against the code: signs of the plan, rights, and what the two sets ask a person to do."""

from __future__ import annotations

import re

import pytest

from app.cli.plan import MARKS
from connectors.bitrix24.setup_words import SCOPES
from kernel.mapping import load_set
from tests.conformance.checkout import ROOT

GUIDE = (ROOT / "docs/setup-bitrix24.md").read_text(encoding="utf-8")
SETS = [load_set(path.parent) for path in sorted((ROOT / "mappings").glob("*-bitrix24/portal.toml"))]


def test_every_sign_of_the_plan_is_explained():
    assert set(re.findall(r"^\| `(.)` \|", GUIDE, re.MULTILINE)) == set(MARKS.values())


@pytest.mark.parametrize("text", [GUIDE, (ROOT / "connectors/bitrix24/README.md").read_text(encoding="utf-8")])
def test_every_right_stands_in_the_guide(text):
    assert [scope for scope in SCOPES.split(", ") if f"`{scope}`" not in text] == []


@pytest.mark.parametrize("mapping", SETS, ids=lambda mapping: mapping.name)
def test_a_set_names_what_is_by_hand_and_the_guide_names_the_set(mapping):
    assert mapping.portal.by_hand
    assert f"mappings/{mapping.name}" in GUIDE


def test_both_exchange_desks_use_the_same_words():
    """The plugins run unchanged on either CRM."""
    planfix, bitrix = (load_set(ROOT / f"mappings/exchange-desk-{name}") for name in ("planfix", "bitrix24"))
    assert planfix.portal.plugin == bitrix.portal.plugin
    # What signing in to Planfix needs; Bitrix24 proves by itself who opens a page.
    entities = {name: entity for name, entity in planfix.entities.items() if name != "sign_in"}
    assert entities.keys() == bitrix.entities.keys()
    for name, entity in entities.items():
        other = bitrix.entities[name]
        assert {word: (one.label, one.next) for word, one in entity.stage.items()} == {
            word: (one.label, one.next) for word, one in other.stage.items()
        }
        assert {word: one.type for word, one in entity.field.items() if word != "board_link"}.items() <= {
            word: one.type for word, one in other.field.items()
        }.items()
        for table, lines in entity.table.items():
            assert {w: (f.label, f.type, f.values) for w, f in lines.field.items()} == {
                w: (f.label, f.type, f.values) for w, f in other.table[table].field.items()
            }
