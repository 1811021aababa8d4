"""What `annex doctor` says of the chats; nothing where the set has no bot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from kernel import texts
from kernel.extension import SettingLine
from plugins.partners import plugin
from plugins.partners.doctor import CODES, doctor
from plugins.partners.tests.chats import Chats


def found(chats: Chats) -> list[str]:
    return list(doctor(chats.portal))


def test_it_is_the_plugin_s() -> None:
    assert plugin.doctor is doctor


def test_a_bot_in_no_group_is_told(chats: Chats) -> None:
    card = chats.partner("Альфа")
    [line] = found(chats)
    assert "жодній групі" in line and "Посилання на чат" in line
    chats.tap(card, "-100")
    assert found(chats) == []


def test_a_private_talk_is_no_group(chats: Chats) -> None:
    chats.bot.rooms["555"] = ""
    chats.update("555", "membership", "mallory", "", state="member", room="private")
    assert ["жодній групі" in line for line in found(chats)] == [True]


def test_missing_rights_are_told_by_partner_and_group(chats: Chats) -> None:
    chats.with_chat("Альфа", "-100")
    chats.tap(chats.partner("Бета"), "-200", state="member", title="Бета · обмін")
    [line] = found(chats)
    assert "«Бета»" in line and "«Бета · обмін»" in line and "адміністратором" in line
    chats.member("-200", "admin")
    assert found(chats) == []


def test_a_chat_that_the_bot_was_thrown_out_of_says_since_when(chats: Chats) -> None:
    chats.with_chat("Альфа", "-100")
    chats.with_chat("Бета", "-200")
    chats.member("-200", "kicked")
    [line] = found(chats)
    assert "«Бета»" in line and "видалено" in line and f"{chats.clock.now():%d.%m.%Y}" in line


def test_what_waits_for_staff_is_told(make_chats: Callable[..., Chats]) -> None:
    chats = make_chats(confirm_unknown=True)
    chats.tap(chats.partner("Альфа"), "-100")
    [line] = found(chats)
    assert "«Альфа»" in line and "Підтвердити чат" in line


def test_a_set_whose_bot_is_off_hears_nothing(chats: Chats) -> None:
    chats.with_chat("Альфа", "-100")
    chats.member("-100", "kicked")
    assert found(chats)
    bot = chats.portal.connections["partners"]
    connector = replace(bot.connector, settings=(SettingLine("TELEGRAM_TOKEN", "", switch=True),))
    chats.portal.connections = {**chats.portal.connections, "partners": replace(bot, connector=connector)}
    assert found(chats) == []


@pytest.mark.parametrize("language", ["uk", "ru", "en"])
def test_each_finding_stands_in_each_language(language: str) -> None:
    values = {"partner": "Альфа", "title": "Група", "reason": "—", "since": "1.12.2026"}
    for code in CODES.values():
        assert "«Альфа»" in texts.translate(language, code, **values)
    assert texts.translate(language, "partners_doctor_no_group")
