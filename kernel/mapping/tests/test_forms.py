"""Forms: each mistake of a declaration is named with file, key and line; each value is read or refused by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernel.errors import BadInput, Misconfigured
from kernel.mapping import FormField, load_set
from kernel.mapping.numbers import e164, is_inn

LEAD = """entity = "lead"
[field.name]
system = "title"
[field.assigned]
system = "assignedById"
type = "user"
[field.source]
system = "sourceId"
type = "choice"
values = { web = "Веб-сайт" }
[field.phone]
system = "phone"
[field.born]
label = "Рождён"
type = "date"
[field.topic]
label = "Тема"
type = "choice"
values = { open = "Открыть счёт" }
[field.note]
label = "Заметка"
multiline = true
"""
FORM = """name = "ask"
title = "Вопрос"
connection = "forms"
source = "web"
fields = [
  { from = "phone", to = "phone", kind = "phone", required = true },
  { from = "born",  to = "born",  kind = "date" },
  { from = "topic", to = "topic", words = { "Открыть" = "open" } },
  { from = "a",     to = "note" },
  { from = "b",     to = "note",  kind = "lines" },
]
"""


def folder(tmp_path: Path, text: str = FORM, lead: str = LEAD) -> Path:
    home = tmp_path / "broker"
    home.mkdir()
    (home / "portal.toml").write_text('connector = "x"\n[connection.forms]\nconnector = "site"\n')
    if lead:
        (home / "lead.toml").write_text(lead)
    (home / "form.ask.toml").write_text(text)
    return home


def test_a_form_is_read(tmp_path: Path) -> None:
    form = load_set(folder(tmp_path)).forms["ask"]
    sent = {"phone": "8 900 1112233", "born": "31.01.1990", "topic": " Открыть ", "a": "x", "other": "y"}
    assert form.read(sent) == {"phone": "+79001112233", "born": "1990-01-31", "topic": "open", "a": "x"}
    assert form.known_by(form.read(sent), "phone") == ["+79001112233"]


KEY = "pk_0123456789abcdef"
PUBLIC = f'public = {{ key = "{KEY}", origins = ["https://a.example"] }}'
TRAPPED = PUBLIC.replace(" }", ', trap = "a" }')
MISTAKES = [
    ('name = "ask"', 'name = "other"', "line 1: name"), ('name = "ask"', 'name = "Ask me"', "line 1"),
    ('"forms"', '"nowhere"', "line 3: connection: there is no connection «nowhere»"),
    ('source = "web"', 'source = "fax"', "line 4: source"), ('to = "phone"', 'to = "telephone"', "line 6: fields.0: to"),
    ('to = "born",  kind = "date"', 'to = "born"', "line 7: fields.1: kind"),
    ('{ "Открыть" = "open" }', '{ "Открыть" = "opened" }', "line 8: fields.2: words"),
    (', words = { "Открыть" = "open" }', "", "line 8: fields.2: words"),
    ('to = "note",  kind = "lines"', 'to = "phone"', "line 10: fields.4: to: «phone» is filled"),
    ('from = "a",     to = "note"', 'from = "a",     to = "source"', "line 9: fields.3: to"),
    ('from = "a"', 'from = "b"', "two fields are called «b»"), ('from = "a"', 'from = "submission_id"', "submission_id"),
    ('title = "Вопрос"', 'title = "Вопрос"\ncolour = 1', "colour: unknown key"),
    ("required = true", "max = 0", "max"), ("fields = [", f'{PUBLIC.replace(KEY, "short")}\nfields = [', "key: 16 to 64"),
    ("fields = [", f'{PUBLIC.replace("https://a.example", "*")}\nfields = [', "«*» is no origin"),
    ("fields = [", f'{PUBLIC.replace("https://a.example", "https://a.example/")}\nfields = [', "is no origin"),
    ("fields = [", f"{TRAPPED}\nfields = [", "«a» is no field"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), MISTAKES, ids=[one[2] for one in MISTAKES])
def test_a_mistake_is_named_with_file_key_and_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in FORM
    with pytest.raises(Misconfigured) as caught:
        load_set(folder(tmp_path, FORM.replace(old, new, 1)))
    assert "broker/form.ask.toml" in str(caught.value) and told in str(caught.value)


def test_a_set_without_leads_has_no_forms(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no leads"):
        load_set(folder(tmp_path, lead=""))


def test_a_lead_without_a_source_takes_no_form(tmp_path: Path) -> None:
    lead = LEAD.replace("[field.assigned]", "[field.owner]")
    with pytest.raises(Misconfigured, match="«assigned»"):
        load_set(folder(tmp_path, lead=lead))


VALUES: list[tuple[str, str, str | None]] = [
    ("text", "  a \t b\n c ", "a b c"), ("lines", " a \r\n\r\n b\r", "a\n\n b"), ("text", "👍 ё", "👍 ё"),
    ("text", "x" * 256, None), ("text", "x" * 255, "x" * 255), ("text", "a\x00b", None), ("text", "a\ud83d", None),
    ("email", "A.B@Example.COM", "a.b@example.com"), ("email", "a@b", None), ("email", "a@b..com", None),
    ("email", "<a@b.com>", None), ("email", f"{'a' * 65}@b.com", None), ("phone", "9001112233", "+79001112233"),
    ("phone", "+380 50 111-22-33", "+380501112233"), ("phone", "+7900", None), ("phone", "٩٠٠١١١٢٢٣٣", None),
    ("inn", "7709876545", "7709876545"), ("inn", "770987654347", "770987654347"), ("inn", "7709876546", None),
    ("inn", "77", None), ("date", "1990-01-31", "1990-01-31"), ("date", "1990-02-31", None), ("date", "31.1.1990", None),
    ("flag", "ON", "yes"), ("flag", "0", "no"), ("flag", "maybe", None),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "sent", "kept"), VALUES, ids=[str(n) for n in range(len(VALUES))])
def test_a_value_is_read_or_refused_by_its_name(kind: str, sent: str, kept: str | None) -> None:
    field = FormField.model_validate({"from": "x", "kind": kind})
    if kept is not None:
        assert field.read(sent) == kept
        return
    with pytest.raises(BadInput) as caught:
        field.read(sent)
    assert caught.value.field == "x" and "«x»" in caught.value.message("ru") and sent not in caught.value.message("ru")


def test_numbers_of_people_and_companies() -> None:
    assert e164("8 (495) 111-22-33") == "+74951112233" and e164("0501112233") == "+70501112233"
    assert is_inn("7709876560") and is_inn("770987655301"), "a sum of ten is the digit 0"
    assert is_inn("7709876545") and is_inn("770987654347") and not is_inn("77098765434７") and not is_inn("")
