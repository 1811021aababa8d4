"""What is wrong, one line each, in the set's language."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.telegram import settings
from connectors.telegram.doctor import doctor
from connectors.telegram.tests.pocket import SETTINGS, Pocket, refusal
from connectors.telegram.tests.test_listen import OURS, Webhook
from kernel.errors import Misconfigured


def lines(pocket: Pocket, **given: str) -> list[str]:
    pocket.connection.settings.update(given)  # type: ignore[attr-defined]
    return list(doctor(pocket.connection))


@pytest.fixture
def well(pocket: Pocket) -> Pocket:
    Webhook(pocket).url = OURS
    pocket.answers["getMe"] = {**pocket.answers["getMe"], "can_read_all_group_messages": True}
    return pocket


def info(**more: Any) -> dict[str, Any]:
    return {"url": OURS, "has_custom_certificate": False, "pending_update_count": 0, **more}


def test_all_well_is_silent(well: Pocket) -> None:
    assert lines(well) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"TELEGRAM_TOKEN": ""}, "TELEGRAM_TOKEN не задано"),
        ({"TELEGRAM_HOOK_SECRET": ""}, "TELEGRAM_HOOK_SECRET не задано"),
        ({"TELEGRAM_HOOK_SECRET": "short"}, "закороткий"), ({"TELEGRAM_MODE": "carrier pigeon"}, "carrier pigeon"),
        ({"TELEGRAM_TOKEN": "nonsense"}, "TELEGRAM_TOKEN"), ({"TELEGRAM_URL": "http://far.example.com"}, "TELEGRAM_URL"),
        ({"TELEGRAM_HOOK_SECRET": "пароль"}, "TELEGRAM_HOOK_SECRET"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named(well: Pocket, given: dict[str, str], words: str) -> None:
    (line,) = lines(well, **given)
    assert words in line


def test_what_telegram_says_is_put_into_words(well: Pocket) -> None:
    for answers, words in (
        ({"getMe": refusal(401, "Unauthorized")}, "не знає токена"),
        ({"getMe": refusal(404, "Not Found")}, "TELEGRAM_URL"), ({"getMe": refusal(502, "Bad Gateway")}, "TELEGRAM_URL"),
        ({"getMe": refusal(429, "Too Many Requests", retry_after=2)}, "почекати 2 с"),
        ({"getMe": {**well.answers["getMe"], "can_read_all_group_messages": False}}, "режим приватності"),
        ({"getMe": {**well.answers["getMe"], "can_join_groups": False}}, "Allow Groups"),
        ({"getWebhookInfo": info(url="https://thief.example.com/x/secret")}, "thief.example.com"),
        ({"getWebhookInfo": info(url="")}, "не встановлено"),
        ({"getWebhookInfo": info(pending_update_count=500)}, "500"),
        ({"getWebhookInfo": info(last_error_message="Wrong response from the webhook: 403 Forbidden",
                                 last_error_date=int(well.clock.now().timestamp()) - 60)}, "403 Forbidden"),
    ):  # fmt: skip
        usual = dict(well.answers)
        well.answers |= answers
        (line,) = lines(well)
        assert words in line and "/secret" not in line, line
        well.answers = usual


def test_an_old_fault_is_over(well: Pocket) -> None:
    well.answers["getWebhookInfo"] = info(
        last_error_message="Connection refused", last_error_date=int(well.clock.now().timestamp()) - 86_400
    )
    assert lines(well) == []


def test_without_a_public_address_only_polling_works(well: Pocket) -> None:
    object.__setattr__(well.connection, "public_url", "")
    (line,) = lines(well)
    assert "ANNEX_PUBLIC_URL" in line
    well.answers["getWebhookInfo"] = info(url="")
    assert lines(well, TELEGRAM_MODE="polling") == []


def test_settings_are_read_with_their_defaults() -> None:
    read = settings.read({name: SETTINGS[name] for name in ("TELEGRAM_TOKEN", "TELEGRAM_HOOK_SECRET")})
    assert (read.url, read.mode, read.bot_id) == (settings.PUBLIC_API, "webhook", 7000000001)
    assert SETTINGS["TELEGRAM_TOKEN"] not in repr(read)
    with pytest.raises(Misconfigured, match="TELEGRAM_URL"):
        settings.read({**SETTINGS, "TELEGRAM_URL": "https://[bad"})
