"""`annex apply` registers our address; `annex doctor` says what is wrong, in words for who can fix it."""

from __future__ import annotations

import pytest
import requests

from connectors.sms_ru.doctor import doctor
from connectors.sms_ru.setup import setup

pytestmark = pytest.mark.row("BR-10")
OURS = "https://annex.example.com/hooks/sms_ru/sms"


def test_our_address_is_registered_once_and_an_old_one_goes(connection, line):
    line.still.account.callbacks = ["https://other.example/x", "https://old.example.com/hooks/sms_ru/sms"]
    changes = setup(connection).plan()
    assert [(one.kind, one.detail) for one in changes] == [
        ("create", OURS), ("change", "https://old.example.com/hooks/sms_ru/sms больше не наш: снять")
    ]  # fmt: skip
    for change in changes:
        change.make()
    assert line.still.account.callbacks == ["https://other.example/x", OURS]
    assert setup(connection).plan() == []


@pytest.mark.parametrize("public", ["", "http://annex.example.com", "https://localhost"])
def test_an_address_that_nobody_reaches_is_not_registered(connect, line, public):
    [change] = setup(connect(public_url=public)).plan()
    assert (change.kind, line.still.account.callbacks) == ("manual", [])


def test_all_is_well(connection):
    for change in setup(connection).plan():
        change.make()
    assert list(doctor(connection)) == []


def test_what_is_wrong_is_named(connect, line):
    line.still.account.balance -= 1000
    said = list(doctor(connect(SMS_RU_FROM="BANK")))
    assert len(said) == 3
    for words, one in zip(("0.00 ₽", "«BANK» не согласовано; есть: BROKER", "annex apply"), said, strict=True):
        assert words in one
    assert "кабинете sms.ru" in next(iter(doctor(connect(SMS_RU_API_ID="wrong"))))
    line.answers = [requests.exceptions.ConnectTimeout("no")]
    assert "не отвечает" in next(iter(doctor(connect())))
