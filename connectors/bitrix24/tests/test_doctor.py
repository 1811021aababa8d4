"""The doctor names what is wrong and what to do, one line each."""

from __future__ import annotations

import pytest

from connectors.bitrix24.auth import APP as VAULT_NAME
from connectors.bitrix24.doctor import APP_SCOPES, SCOPES, doctor
from connectors.bitrix24.tests.pocket import APP, HELD, WEBHOOK, Portal, a_connection, a_vault, cut, refused


@pytest.fixture
def portal():
    portal = Portal()
    handler = {"event": "ONCRMDEALUPDATE", "handler": "https://annex.example.com/hooks/bitrix24/main"}
    portal.methods |= {
        "profile": lambda params: {"ID": "1", "ADMIN": True}, "scope": lambda params: [*SCOPES, *APP_SCOPES],
        "server.time": lambda params: "2026-11-23T13:00:00+03:00", "app.info": lambda params: {"INSTALLED": True},
        "event.get": lambda params: [handler],
    }  # fmt: skip
    return portal


@pytest.fixture
def vault(tmp_path):
    vault = a_vault(tmp_path)
    vault.put(VAULT_NAME, HELD)
    return vault


def findings(portal, vault, **given):
    return list(doctor(a_connection(portal, vault, {**WEBHOOK, **APP, **given})))


def test_all_is_well(portal, vault):
    assert findings(portal, vault) == []
    assert findings(portal, vault, BITRIX24_WEBHOOK="") == []


@pytest.mark.parametrize(
    ("method", "answer", "word"),
    [
        ("profile", {"ADMIN": False}, "администратора"), ("scope", ["crm"], "timeman"),
        ("server.time", "2026-11-23T13:00:00+05:00", "часы портала"), ("app.info", {"INSTALLED": False}, "не закончена"),
        ("event.get", [], "annex apply"),
    ],
)  # fmt: skip
def test_each_trouble_has_its_line(portal, vault, method, answer, word):
    portal.methods[method] = lambda params: answer
    [line] = findings(portal, vault)
    assert word in line


def test_settings_and_installation(portal, vault, tmp_path_factory):
    assert "BITRIX24_URL" in findings(portal, vault, BITRIX24_URL="")[0]
    [line] = findings(portal, vault, BITRIX24_CLIENT_ID="", BITRIX24_CLIENT_SECRET="")
    assert "BITRIX24_HOOK_TOKEN" in line
    [line] = findings(portal, a_vault(tmp_path_factory.mktemp("empty")))
    assert "не установлено" in line
    vault.put("domain", {"from": "https://broker.bitrix24.ru/", "url": "https://new.bitrix24.ru/"})
    assert "https://new.bitrix24.ru/" in findings(portal, vault)[0]


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (refused(401, "INVALID_CREDENTIALS"), "BITRIX24_WEBHOOK"), (refused(403, "insufficient_scope"), "прав"),
        (refused(503, "OVERLOAD_LIMIT"), "подождать 60"), (refused(400, "WHATEVER", "words"), "отказал"),
        (None, "не отвечает"),
    ],
)  # fmt: skip
def test_a_portal_that_does_not_let_us_in(portal, vault, answer, word):
    portal.before = lambda method, params: answer or cut()
    [line] = findings(portal, vault)
    assert word in line


def test_an_old_box_that_tells_no_time(portal, vault):
    del portal.methods["server.time"]
    assert findings(portal, vault) == []
