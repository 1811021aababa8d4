"""[card.X] and [field_type.X] of portal.toml: what is wrong is named with file, key and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernel.errors import Misconfigured
from kernel.mapping import load_set

PORTAL = 'connector = "bitrix24"\n[connection.broker]\nconnector = "backoffice"\n'
CONTACT = """entity = "contact"
key = "annex_key"
[field.name]
system = "name"
[field.inn]
label = "ИНН"
[field.annex_key]
label = "Ключ Annex"
"""
DEAL = """entity = "deal"
[pipeline.sales]
label = "Продажи"
[pipeline.service]
label = "Сопровождение"
[field.name]
system = "title"
"""
TYPE = """[field_type.position]
title = "Позиция"
page = "/dossier/block/{entity}/{record}"
of = ["contact"]
connection = "broker"
"""
CARD = '[card.contact]\nsections = [{ title = "Клиент", fields = ["position", "name", "COMMENTS"], always = ["name"] }]\n'


def a_set(folder: Path, portal: str) -> Path:
    for name, text in (("portal", PORTAL + portal), ("contact", CONTACT), ("deal", DEAL)):
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


def test_a_card_with_a_page_of_ours_and_fields_of_the_crms_own(tmp_path: Path) -> None:
    found = load_set(a_set(tmp_path, TYPE + CARD)).portal
    assert found.card["contact"].of_pipeline("")[0].fields == ["position", "name", "COMMENTS"]
    assert (found.field_type["position"].height, found.field_type["position"].connection) == (240, "broker")


def test_a_pipelines_own_sections_go_before_those_of_all(tmp_path: Path) -> None:
    text = (
        '[card.deal]\nsections = [{ title = "Все", fields = ["name"] }]\n'
        '[card.deal.pipeline.sales]\nsections = [{ title = "Продажи", fields = ["name"] }]\n'
    )
    card = load_set(a_set(tmp_path, text)).portal.card["deal"]
    assert [card.of_pipeline(one)[0].title for one in ("sales", "service")] == ["Продажи", "Все"]


@pytest.mark.parametrize(
    ("portal", "line", "text"),
    [
        (CARD, 5, "there is no field «position»"),
        (CARD.replace("position", "annex_key"), 5, "for Annex alone"),
        (CARD.replace("contact", "company"), 4, "«company» is no entity of this set"),
        (CARD.replace('"position", ', '"name", '), 4, "«name» stands there twice"),
        (CARD.replace('always = ["name"]', 'always = ["inn"]'), 5, "always names «inn»"),
        ('[card.contact]\nsections = [{ title = "К", fields = ["name"] }, { title = "к", fields = ["inn"] }]\n', 4, "twice"),
        ("[card.contact]\n", 4, "a card has sections"),
        ('[card.deal.pipeline.hr]\nsections = [{ title = "К", fields = ["name"] }]\n', 4, "there is no pipeline «hr»"),
        (TYPE.replace('"contact"', '"company"'), 7, "«company» is no entity of this set"),
        (TYPE.replace("position]", "inn]"), 4, "contact has a field of that name"),
        (TYPE.replace("position]", "a_b]"), 0, "field_type.a_b"),
        (TYPE.replace('"broker"', '"other"'), 0, "which is no connection here"),
    ],
)
def test_mistakes(tmp_path: Path, portal: str, line: int, text: str) -> None:
    with_card = "" if "[card" in portal else '[card.contact]\nsections = [{ title = "К", fields = ["name"] }]\n'
    with pytest.raises(Misconfigured) as told:
        load_set(a_set(tmp_path, portal + with_card))
    assert text in str(told.value) and "portal.toml" in str(told.value)
    assert not line or f"line {line}:" in str(told.value)
