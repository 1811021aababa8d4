"""Values between the wire and us, and the codes made from our words."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from connectors.bitrix24.codes import field_code, kind_of, smart_key, stage_codes, stages_entity
from connectors.bitrix24.layout import worded
from connectors.bitrix24.marks import carries, clean, folded, marked, same_text
from connectors.bitrix24.system import SYSTEM_FIELDS, phone_digits, spellings, telegram_name
from connectors.bitrix24.values import (
    Option,
    PortalField,
    day_of,
    from_wire,
    moment_of,
    number_of,
    ref,
    same,
    stamp,
    to_wire,
)
from kernel.crm import Ref, Unreadable
from kernel.errors import BadInput, Misconfigured
from kernel.mapping import EntityMap, FieldMap

MOSCOW = ZoneInfo("Europe/Moscow")
LIST = PortalField("UF_CRM_KIND", "enumeration", options=(Option("3301", "Покупка", "buy"), Option("3303", "Продажа")))
ANY_RECORD = PortalField("UF_CRM_X", "crm", settings={"LEAD": "N", "CONTACT": "Y", "COMPANY": "Y", "DEAL": "Y"})


def field(kind, **more):
    return PortalField("UF_CRM_X", kind, **more)


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("portal", "raw", "value"),
    [
        (field("string"), "text", "text"),
        (field("string"), "", None),
        (field("string"), None, None),
        (field("string", multiple=True), ["a", "b"], "a, b"),
        (field("string", multiple=True), [], None),
        (field("double"), Decimal("0.1234567890123"), Decimal("0.1234567890123")),
        (field("integer"), 5, Decimal(5)),
        (field("boolean"), "Y", True),
        (field("boolean"), "0", False),
        (field("boolean"), True, True),
        (field("boolean"), None, None),
        (field("date"), "2026-10-29T03:00:00+03:00", date(2026, 10, 29)),
        (field("date"), "2026-10-28T20:00:00-04:00", date(2026, 10, 29)),
        (field("date"), "2026-10-29T00:00:00+03:00", date(2026, 10, 29)),
        (field("date"), "29.10.2026", date(2026, 10, 29)),
        (field("datetime"), "2026-10-29T11:20:01+03:00", datetime(2026, 10, 29, 8, 20, 1, tzinfo=UTC)),
        (field("datetime"), "29.10.2026 11:20:01", datetime(2026, 10, 29, 8, 20, 1, tzinfo=UTC)),
        (LIST, 3301, "buy"),
        (LIST, "3303", "Продажа"),
        (LIST, 0, None),
        (field("employee"), 14, Ref("14")),
        (field("employee"), "14", Ref("14")),
        (field("employee"), 0, None),
        (field("employee", multiple=True), ["14", 15], (Ref("14"), Ref("15"))),
        (field("crm"), "C_830", Ref("830")),
        (field("crm"), "830", Ref("830")),
        (field("crm"), "T80_5", Ref("5")),
        (field("money"), "150000.50|RUB", "150000.50"),
        (field("address"), "Москва, Тверская 1|55.7;37.6|12", "Москва, Тверская 1"),
    ],
)
def test_what_stands_there(portal, raw, value):
    assert from_wire(portal, raw, MOSCOW) == value


@pytest.mark.parametrize(
    ("portal", "raw"),
    [
        (field("date"), "soon"),
        (field("datetime"), "2026-13-01T00:00:00+03:00"),
        (field("boolean"), "perhaps"),
        (LIST, 3309),
        (field("string"), {"id": 5}),
    ],
)
def test_what_cannot_be_read_stays_visible(portal, raw):
    found = from_wire(portal, raw, MOSCOW)
    assert isinstance(found, Unreadable) and found.raw == str(raw)


def test_a_link_to_another_kind_of_record_is_not_taken_for_ours():
    assert from_wire(ANY_RECORD, "C_5", MOSCOW, "contact") == Ref("5")
    assert isinstance(from_wire(ANY_RECORD, "CO_5", MOSCOW, "contact"), Unreadable)
    assert to_wire(ANY_RECORD, Ref("5"), MOSCOW, "Партнёр", "contact") == "C_5"
    assert to_wire(ANY_RECORD, Ref("5"), MOSCOW, "Сделка", "deal") == "D_5"


# --- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("portal", "value", "wire"),
    [
        (field("string"), Decimal("1E+3"), "1000"),
        (field("string"), "a\x00b\r\nc", "ab\nc"),
        (field("double"), Decimal("0.10"), Decimal("0.10")),
        (field("boolean"), False, "N"),
        (field("date"), datetime(2026, 12, 23, 22, 0, tzinfo=UTC), "2026-12-24"),
        (field("datetime"), datetime(2026, 12, 23, 22, 0, tzinfo=UTC), "2026-12-24T01:00:00+03:00"),
        (field("datetime"), date(2026, 12, 24), "2026-12-24T00:00:00+03:00"),
        (LIST, "Продажа", 3303),
        (field("employee"), Ref("user:14"), 14),
        (field("employee", multiple=True), (Ref("14"), Ref("15")), [14, 15]),
        (field("employee", multiple=True), Ref("14"), [14]),
        (field("employee", multiple=True), None, []),
        (field("crm", settings={"CONTACT": "Y"}), Ref("830"), 830),
        (field("string"), None, ""),
    ],
)
def test_what_is_sent(portal, value, wire):
    assert to_wire(portal, value, MOSCOW, "Поле") == wire


@pytest.mark.parametrize(
    ("portal", "value"),
    [
        (field("date"), "soon"),
        (field("integer"), Decimal("1.5")),
        (field("double"), "many"),
        (LIST, "Обмен"),
        (field("employee"), (Ref("14"), Ref("15"))),
        (field("money"), Decimal(5)),
        (field("string", read_only=True), "x"),
        (field("employee"), Ref("somebody")),
    ],
)
def test_what_a_field_cannot_hold_is_refused_by_name(portal, value):
    with pytest.raises(BadInput, match=r"Поле|somebody|many"):
        to_wire(portal, value, MOSCOW, "Поле")


def test_what_counts_as_the_same():
    assert same(Decimal("0.30"), "0.3") and not same(Decimal("0.30"), "0.31")
    assert same(None, False) and same("", None) and not same(None, Decimal(0))
    assert same((Ref("2"), Ref("1")), (Ref("1"), Ref("2", "Анна"))) and not same(Ref("1"), Ref("2"))
    assert same("два\nслова", "два<br>слова") and not same("a", "b")
    assert not same(Unreadable("x"), "x")


def test_numbers_and_moments():
    assert [number_of(text) for text in ("5", "user:5", "C_5", " 5 ")] == [5] * 4
    assert ref("0") is None and ref(True) is None and ref("T4a_7") == Ref("7")
    assert moment_of("", MOSCOW) is None and day_of(None, MOSCOW) is None
    assert stamp(datetime(2026, 11, 21, 9, 0, 0, 999_999, tzinfo=UTC), MOSCOW) == "2026-11-21T12:00:00+03:00"


# --- texts ------------------------------------------------------------------------------------------------------------


def test_a_mark_stands_at_the_very_end():
    text = marked("Строка\n\nвторая", "key-1")
    assert text.startswith("Строка\n\nвторая\n№ ") and carries(text, "key-1")
    assert not carries(text, "key-11") and not carries(text + "\nответ", "key-1")
    assert carries(marked("я" * 100_000, "key-1"), "key-1") and len(marked("я" * 100_000, "key-1").encode()) < 64 * 1024


def test_texts():
    assert clean("a\ud800b\x07") == "a?b" and folded("  Об’єкт  ОДИН ") == folded("об'єкт один")
    assert same_text("a  b\r\n", "a b") and not same_text("a", "a.")


def test_contact_details():
    assert phone_digits("8 (916) 555-01-34") == phone_digits("+79165550134") == "79165550134"
    assert {"+79165550134", "89165550134", "79165550134"} <= set(spellings("PHONE", "8 (916) 555-01-34"))
    assert telegram_name("https://t.me/Ivan_F") == telegram_name("@ivan_f") == "ivan_f"
    assert spellings("IM", "") == [] and spellings("EMAIL", "A@b.c") == ["A@b.c", "a@b.c"]


# --- codes ------------------------------------------------------------------------------------------------------------


def stages(**more):
    return EntityMap.model_validate({"entity": "deal", "pipeline": {"sales": {"label": "Продажи"}}, "stage": {
        word: {"label": word, "pipeline": "sales", **stage} for word, stage in more.items()
    }})  # fmt: skip


def test_codes_of_stages():
    entity = stages(
        fresh={}, terms={}, own={"code": "X1"}, won={"outcome": "won"}, lost={"outcome": "lost"}, bad={"outcome": "lost"}
    )
    assert stage_codes(entity, "sales", 2, 3) == {
        "fresh": "C3:NEW", "terms": "C3:TERMS", "own": "C3:X1", "won": "C3:WON", "lost": "C3:LOSE", "bad": "C3:BAD",
    }  # fmt: skip
    assert stage_codes(entity, "sales", 2, 0)["terms"] == "TERMS" and stage_codes(entity, "", 2, 0) == {}


def test_codes_that_would_be_too_long_differ_all_the_same():
    long = "a_very_long_word_for_a_stage"
    made = stage_codes(stages(first={}, **{f"{long}_1": {}, f"{long}_2": {}}), "sales", 2, 12)
    assert len(set(made.values())) == 3 and all(len(code) <= 22 for code in made.values())


def test_codes_of_leads_and_smart_processes():
    lead = EntityMap.model_validate({"entity": "lead", "stage": {
        "new": {"label": "Новый"}, "good": {"label": "Да", "outcome": "won"}, "bad": {"label": "Нет", "outcome": "lost"},
    }})  # fmt: skip
    assert list(stage_codes(lead, "", 1, 0).values()) == ["NEW", "CONVERTED", "JUNK"]
    assert stages_entity("smart", 1030, 4) == "DYNAMIC_1030_STAGE_4" and stages_entity("deal", 2, 0) == "DEAL_STAGE"
    assert smart_key("deal", "operation") == "deal/operation" and smart_key("journal") == "journal"


def test_codes_of_fields():
    plain = FieldMap(label="Курс")
    assert field_code("client_rate", plain, "deal") == "UF_CRM_CLIENT_RATE"
    assert field_code("client_rate", plain, "smart", 7) == "UF_CRM_7_CLIENT_RATE"
    assert field_code("client_rate", FieldMap(label="Курс", code="UF_CRM_1700"), "deal") == "UF_CRM_1700"
    with pytest.raises(Misconfigured, match="kind is «order»"):
        kind_of(EntityMap(entity="order"))


def test_a_choice_is_known_by_our_word_by_its_label_or_by_its_code():
    mapped = FieldMap(label="Источник", type="choice", values={"site": "Веб-сайт", "call": "Звонок", "mail": "E-mail"})
    options = (Option("3301", "Переименовано", "site"), Option("CALL", "Звонок от клиента"), Option("3", "e-mail", "9f8e"))
    found = worded(PortalField("x", "enumeration", options=options), mapped)
    assert [option.key for option in found.options] == ["site", "call", "mail"]


def test_system_fields_of_each_kind():
    assert {"title", "assignedById", "contactIds", "opportunity"} <= set(SYSTEM_FIELDS["deal"])
    assert {"name", "phone", "email", "telegram"} <= set(SYSTEM_FIELDS["contact"]) & set(SYSTEM_FIELDS["lead"])
    with pytest.raises(BadInput):
        SYSTEM_FIELDS["deal"]["createdBy"].write(Ref("5"), {}, MOSCOW)
