"""Mapping files: strict, and an error names file, key and line; values are typed or stay visible."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from kernel.crm import Ref, Unreadable, Value
from kernel.errors import Misconfigured
from kernel.mapping import FieldMap, load_set, read_value, write_value

PORTAL = 'connector = "memory"\n[plugin.exchange]\n'
DEAL = 'entity = "deal"\n[stage]\nnew = { label = "Нове" }\n[field.client_rate]\nlabel = "Курс"\ntype = "decimal"\n'


def folder(tmp_path: Path, deal: str = DEAL, portal: str = PORTAL) -> Path:
    home = tmp_path / "our-set"
    home.mkdir(exist_ok=True)
    (home / "portal.toml").write_text(portal)
    (home / "deal.toml").write_text(deal)
    return home


@pytest.mark.row("PL-05")
def test_a_set_is_read(tmp_path: Path) -> None:
    found = load_set(folder(tmp_path))
    deal = found.entity("deal")
    assert deal.stage_of(" нове ") == "new" and deal.stage_of("Інше") is None
    assert deal.field["client_rate"].name == "Курс" and found.portal.plugin == {"exchange": {}}
    with pytest.raises(Misconfigured, match=r"our-set.*lead"):
        found.entity("lead")


CROOKED = [
    (DEAL + 'lable = "x"\n', r"our-set/deal.toml, line 7: field\.client_rate\.lable: unknown key"),
    (DEAL.replace("decimal", "number"), r"line 6: field\.client_rate\.type"),
    (DEAL + "[field.x]\n", r"line 7: field\.x: give either label"),
    (DEAL + '[field.x]\nlabel = "a"\nsystem = "b"\n', r"line 7: field\.x: give either label"),
    (DEAL + '[field.x]\nlabel = "a"\ntype = "choice"\n', r"line 7: field\.x: .*has values"),
    (DEAL.replace('"Нове" }', '"Нове", nxt = [] }'), r"line 3: stage\.new\.nxt: unknown key"),
    (DEAL.replace('"Нове" }', '"Нове", next = ["won"] }'), r"deal.toml, line \d+: .*stage\.new\.next names «won»"),
    (DEAL.replace('entity = "deal"\n', ""), r"deal.toml, line \d+: entity: "),
    (DEAL + "x = [\n", r"our-set/deal.toml: "),
]


@pytest.mark.row("PL-05")
@pytest.mark.parametrize(("deal", "words"), CROOKED)
def test_an_error_names_file_key_and_line(tmp_path: Path, deal: str, words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        load_set(folder(tmp_path, deal))


def test_the_portal_file_is_strict_too(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"portal.toml, line 2: token: unknown key"):
        load_set(folder(tmp_path, portal='connector = "x"\ntoken = "never here"\n'))
    with pytest.raises(Misconfigured, match=r"no portal\.toml"):
        load_set(tmp_path)


def kind(name: str) -> FieldMap:
    return FieldMap(label="x", type=name, values={"buy": "Купівля"} if name == "choice" else {})  # type: ignore[arg-type]


DAY, MOMENT, REF = date(2026, 11, 21), datetime(2026, 11, 21, 9, tzinfo=UTC), Ref("1", "Олена")


@pytest.mark.parametrize(
    ("name", "raw", "wanted"),
    [
        ("decimal", "41,20", Decimal("41.20")), ("decimal", Decimal("1.1"), Decimal("1.1")), ("decimal", " ", None),
        ("text", " x ", "x"), ("text", Decimal("1.10"), "1.10"), ("date", "21.11.2026", DAY), ("date", MOMENT, DAY),
        ("date", DAY, DAY), ("datetime", MOMENT, MOMENT), ("bool", False, False), ("contact", REF, REF),
        ("users", REF, (REF,)), ("users", (REF,), (REF,)),
        ("choice", "купівля", "buy"), ("choice", "buy", "buy"), ("user", None, None),
    ],
)  # fmt: skip
def test_values_become_typed(name: str, raw: Value, wanted: Value) -> None:
    assert read_value(kind(name), raw) == wanted


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("decimal", "41,2o"), ("decimal", True), ("date", "завтра"), ("date", Decimal(5)), ("datetime", DAY),
        ("bool", "так"), ("contact", "Олена"), ("users", "Олена"), ("choice", "Обмін"), ("text", True), ("user", (REF,)),
    ],
)  # fmt: skip
def test_what_is_not_that_stays_visible_with_its_reason(name: str, raw: Value) -> None:
    found = read_value(kind(name), raw)
    assert isinstance(found, Unreadable) and found.raw and found.message("uk") and found.message("en")
    assert read_value(kind(name), found) is found


def test_a_choice_is_written_by_its_label() -> None:
    assert write_value(kind("choice"), "buy") == "Купівля" and write_value(kind("choice"), None) is None
    assert write_value(kind("decimal"), Decimal("1.10")) == Decimal("1.10")
