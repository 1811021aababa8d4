"""Fields in braces are filled in, and nothing else happens to a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.conversations.templates import UnknownField, check, fields_of, filled

VALUES = {"partner": "Дельта {0}", "deal": "5512"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Вітаємо, {partner}!", "Вітаємо, Дельта {0}!"),
        ("{ deal }/{deal}", "5512/5512"),
        ("{{deal}} {deal}", "{deal} 5512"),
        ("без полів", "без полів"),
        ("", ""),
    ],
)
def test_fields_get_their_values(text: str, said: str) -> None:
    assert filled(text, VALUES) == said


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{rate}", "rate"), ("{partner.__class__}", "partner.__class__"), ("{deal!r}", "deal!r"), ("{deal:>9}", "deal:>9"),
        ("{}", ""), ("{ }", ""), ("a { b", ""), ("a } b", ""), ("{{deal}", ""),
    ],
)  # fmt: skip
def test_anything_else_is_refused_by_name(text: str, named: str) -> None:
    for refused in (lambda: check(text, VALUES), lambda: filled(text, VALUES)):
        with pytest.raises(UnknownField) as told:
            refused()
        assert told.value.name == named


@given(st.text())
def test_any_text_can_be_said_with_its_braces_doubled(text: str) -> None:
    assert filled(text.replace("{", "{{").replace("}", "}}"), {}) == text


@given(st.text(), st.text())
def test_a_value_is_never_read_as_a_text(before: str, value: str) -> None:
    before = before.replace("{", "").replace("}", "")
    assert filled(before + "{x}", {"x": value}) == before + value
    assert fields_of(before + "{x}") == ["x"]
