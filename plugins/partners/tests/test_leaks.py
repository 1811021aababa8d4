"""What must not leave is found in every spelling; what may leave is not held."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.partners.rules.leaks import Kind, Leak, Secrets, find_leaks, held_text
from plugins.partners.rules.numbers import numbers_in

SECRETS = Secrets(
    client_names=("Соломія Знам'янська-Ґрунт",),
    phones=("+380501112233",),
    emails=("solomia.z@example.com",),
    telegrams=("@solomia_z", "+380671234567"),
    client_rates=(Decimal("41.20"),),
    profits=(Decimal("1500.00"), Decimal("-24.816972"), Decimal(0)),
    other_partners=("Бета Трейд", "БТК"),
    own_name="Альфа Трейд",
    own_numbers=(Decimal("41.35"), Decimal("10000")),
)


def kinds(text: str, secrets: Secrets = SECRETS) -> set[Kind]:
    return {leak.kind for leak in find_leaks(text, secrets)}


@pytest.mark.parametrize(
    "text",
    [
        "Соломія прийде о 15", "для соломії", "СОЛОМІЮ", "(Соломією)", "Знамʼянська", "знам’янської",
        "Знамянська", "Знам`янська",
        "Coлoмiя", "Соло\u200bмія", "Соло\u00adмія", "Соломі\u0301я", "С о л о м і я", "Ґрунт",
        "з Соломією-клієнткою",
        "файлСоломія", "ＣСоломія Ґрунт", "від 5Соломія5",
    ],
)  # fmt: skip
def test_the_clients_name(text):
    assert kinds(text) == {Kind.CLIENT}, text


@pytest.mark.parametrize(
    "text", ["соломка", "солома", "знамення", "ґрунтовно", "Соло", "янська", "курс для вас", "Альфа Трейд, добрий день"]
)
def test_other_words_are_no_name(text):
    assert kinds(text) == set()


def test_a_maximum_is_no_maxim_and_yo_is_ye():
    maxim = Secrets(client_names=("Максим Семёнов",))
    assert kinds("максимум 5000, мінімум 100", maxim) == set()
    assert kinds("від Максима", maxim) == {Kind.CLIENT}
    assert kinds("Семенову", maxim) == {Kind.CLIENT}
    assert kinds("Семён ов", maxim) == set()
    assert kinds("у Зеленського", Secrets(client_names=("Зеленський",))) == {Kind.CLIENT}


def test_a_name_of_short_words_counts_as_a_whole():
    short = Secrets(client_names=("Лі Ан",), other_partners=("БТК",))
    assert kinds("лі ан прийде", short) == {Kind.CLIENT}
    assert kinds("лі прийде", short) == set()
    assert kinds("питайте в БТК", short) == {Kind.PARTNER}
    common = Secrets(client_names=("Банк Київ",), other_partners=("Обмін", "Курс Валюта"))
    assert kinds("курс у банку гарний", common) == set()
    assert kinds("в Києві, обмін", common) == {Kind.PARTNER}
    assert kinds("в Курс Валюта", common) == {Kind.PARTNER}


@pytest.mark.parametrize(
    "text",
    [
        "+38 (050) 111-22-33", "0501112233", "050 111 22 33", "38.050.111.22.33", "8-050-111-22-33",
        "050\u00a01112233", "０５０１１１２２３３",
        "050/111/22/33", "тел:050—111—22—33", "111-22-33", "0501112\u200b233", "курс 41,35 0501112233",
    ],
)  # fmt: skip
def test_the_phone(text):
    assert kinds(text) == {Kind.PHONE}, text


@pytest.mark.parametrize("text", ["0501112234", "111 22 34", "10 000,00 USD", "501112", "21.11.2026"])
def test_other_digits_are_no_phone(text):
    assert kinds(text) == set()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Solomia.Z@Example.com", Kind.EMAIL), ("пишіть solomia.z @ example . com.", Kind.EMAIL),
        ("sоlomia.z@example.com", Kind.EMAIL),
        ("@solomia_z", Kind.TELEGRAM), ("t.me/Solomia_Z", Kind.TELEGRAM), ("solomia_z", Kind.TELEGRAM),
        ("067 123 45 67", Kind.TELEGRAM),
        ("бета трейд", Kind.PARTNER), ("у Бети курс кращий", Kind.PARTNER), ("в БТК", Kind.PARTNER),
    ],
)  # fmt: skip
def test_addresses_and_other_partners(text, kind):
    assert kinds(text) == {kind}, text


@pytest.mark.parametrize("text", ["xsolomia.z@example.com", "@solomia_zz", "trade", "ви, Альфа Трейд"])
def test_other_addresses(text):
    assert kinds(text) == set()


@pytest.mark.parametrize(
    "text",
    [
        "41.2", "41,20", "41 ,20", "41, 2", "41.200", "41-20", "по 41,20!", "４１，２", "41\u200b,20", "041,2", "(41.20)",
        "курс41,20", "41٫2", "41·20",
        "41,20/41,35", "4\u200b1.2", "41,20грн",
    ],
)  # fmt: skip
def test_the_clients_rate(text):
    assert kinds(text) == {Kind.RATE}, text


@pytest.mark.parametrize(
    "text", ["41,21", "41,205", "141,20", "4,120", "41", "20", "41,35", "10 000,00 USD", "412", "10 041,20"]
)
def test_other_numbers_are_no_rate(text):
    assert kinds(text) == set()


def test_the_partners_own_rate_is_no_leak_and_a_date_is_no_rate():
    assert kinds("41,20", replace(SECRETS, own_numbers=(Decimal("41.2"),))) == set()
    dated = Secrets(client_rates=(Decimal("10.11"),))
    assert kinds("до 10.11.2026", dated) == set()
    assert kinds("до 10.11.26, курс", dated) == set()
    assert kinds("по 10.11", dated) == {Kind.RATE}
    assert kinds("10 000,00 USD", Secrets(client_rates=(Decimal(10),))) == set()


@pytest.mark.parametrize(
    "text", ["1500", "1 500", "1 500,00", "1,500.00", "1.500,00", "1'500", "1,5 тис", "1.5k", "1\u202f500", "24,816972"]
)
def test_the_profit(text):
    assert kinds(text) == {Kind.PROFIT}, text


@pytest.mark.parametrize("text", ["15000", "1501", "1 500 000", "0", "0,00", "11 500"])
def test_other_amounts_are_no_profit(text):
    assert kinds(text) == set()


def test_file_names_count_and_are_named():
    assert find_leaks("", SECRETS, ["Паспорт_Соломія.pdf", "рахунок.pdf", "0501112233.jpg", "СкаНСоломія2.png"]) == (
        Leak(Kind.CLIENT, "Соломія", "Паспорт_Соломія.pdf"),
        Leak(Kind.PHONE, "0501112233", "0501112233.jpg"),
        Leak(Kind.CLIENT, "Соломія", "СкаНСоломія2.png"),
    )


def test_the_author_is_told_the_words_once():
    leaks = find_leaks("Соломія, Соломія: 41 ,20", SECRETS)
    assert [leak.word for leak in leaks] == ["Соломія", "41 ,20"]
    for language in ("uk", "ru", "en"):
        assert "«Соломія», «41 ,20»" in held_text(leaks, language)


def test_a_clean_comment_leaves():
    assert find_leaks("Добрий день! Курс 41,35, сума 10 000,00 USD, чекаємо до 15:00 21.11.2026", SECRETS) == ()
    assert find_leaks("Соломія +380501112233 41,20", Secrets()) == ()


blanks = st.sampled_from(["", " ", "\u00a0", "\u200b", "\u2009"])


@given(
    st.decimals("0.01", "99999", places=2), blanks, blanks, st.sampled_from([".", ",", "，"]), 
    st.sampled_from(["", "0", "00"]),
    st.sampled_from(["", "курс ", "даю (", "по\n"]), st.sampled_from(["", " грн", "!", ")", "\n"]),
)  # fmt: skip
def test_a_rate_is_found_in_any_spelling(rate, before, after, mark, zeros, start, end):
    whole, fraction = format(rate, ".2f").split(".")
    text = f"{start}{whole}{before}{mark}{after}{fraction}{zeros}{end}"
    assert rate in {reading.value for reading in numbers_in(text)}


@given(st.integers(1000, 10**9), st.sampled_from([" ", "\u00a0", "'", ",", "."]))
def test_an_amount_is_found_with_any_group_mark(amount, mark):
    assert Decimal(amount) in {reading.value for reading in numbers_in(f"дай {amount:,} зараз".replace(",", mark))}


@given(st.text(alphabet="Соломія ґЗнам'янська0123456789.,@_+-()\u200b\n", max_size=80))
def test_hostile_text_never_breaks_it_and_each_word_is_reported_once(text):
    leaks = find_leaks(text, SECRETS, [text])
    assert len(set(leaks)) == len(leaks)


letters = st.sampled_from(["\u200b", "\u00ad", "\u0301", "\ufe0f"])


@given(st.integers(1, 6), letters, st.sampled_from([str.lower, str.upper, str.title]), st.booleans())
def test_a_name_is_found_through_hidden_marks_case_and_twins(place, hidden, case, twins):
    word = case("Соломія")
    if twins:
        word = word.translate(str.maketrans("оСсіяО", "oCciяO"))
    assert kinds(f"для {word[:place]}{hidden}{word[place:]} завтра") == {Kind.CLIENT}
