"""The application's tokens: renewed once, by one of all who find them expired, and never lost meanwhile."""

from __future__ import annotations

import json
import threading
from functools import partial

import pytest

from connectors.bitrix24.auth import APP as VAULT_NAME
from connectors.bitrix24.errors import NotConnected
from connectors.bitrix24.tests.pocket import (
    APP,
    HELD,
    MEMBER,
    WEBHOOK,
    Portal,
    a_client,
    a_connection,
    a_vault,
    cut,
    refused,
)  # fmt: skip
from kernel.clock import SystemClock
from kernel.errors import Misconfigured, Throttled, Unreachable
from kernel.http import Answer
from kernel.testing import FakeClock, at_once


class WithTokens(Portal):
    """Takes one access token and one refresh token; each refresh replaces both."""

    def __init__(self):
        super().__init__()
        self.access, self.refresh, self.refreshes, self.number = "access-2", ["refresh-1"], 0, 1
        self.methods |= {"profile": lambda params: {"ID": "1"}, "oauth/token/": None}
        self.before = self.guarded
        self.lock = threading.Lock()

    def guarded(self, method, params):
        with self.lock:
            if method == "oauth/token/":
                return self.token(params)
            if params.get("auth") != self.access:
                return refused(401, "expired_token", "The access token provided has expired.")
        return None

    def token(self, params):
        self.refreshes += 1
        assert params["client_id"] == "local.1" and params["client_secret"] == "client-secret-word"
        if params["refresh_token"] not in self.refresh:
            return refused(400, "invalid_grant")
        self.number += 1
        self.access, self.refresh = f"access-{self.number}", [f"refresh-{self.number}"]
        more = {"member_id": MEMBER, "expires_in": 3600, "scope": "crm", "status": "L", "user_id": 14}
        body = {"access_token": self.access, "refresh_token": self.refresh[0], **more, "domain": "oauth.bitrix24.tech"}
        return Answer(200, {}, json.dumps(body).encode())


@pytest.fixture
def portal():
    return WithTokens()


@pytest.fixture
def vault(tmp_path):
    vault = a_vault(tmp_path)
    vault.put(VAULT_NAME, HELD)
    return vault


def a_caller(portal, vault, clock=None, **more):
    return a_client(a_connection(portal, vault, {**APP, **more}, clock))


def test_an_expired_token_is_renewed_and_the_call_repeated(portal, vault):
    assert a_caller(portal, vault).call("profile", writes=True) == {"ID": "1"}
    assert portal.names() == ["profile", "oauth/token/", "profile"]
    assert portal.urls[1].startswith("https://oauth.bitrix24.tech/oauth/token/?")
    held = vault.get(VAULT_NAME)
    assert (held["access_token"], held["refresh_token"]) == ("access-2", "refresh-2")
    assert held["application_token"] == HELD["application_token"] and held["domain"] == "broker.bitrix24.ru"
    assert held["expires_at"] > 1_700_000_000


def test_one_refresh_however_many_find_the_token_expired(portal, vault, tmp_path):
    clock, caught = SystemClock(), []
    callers = [a_caller(portal, a_vault(tmp_path, clock), clock) for _ in range(8)]

    def one(caller):
        caught.append(caller.call("profile", app=True))

    at_once(*(partial(one, caller) for caller in callers))
    assert caught == [{"ID": "1"}] * 8
    assert portal.refreshes == 1


def test_the_refresh_token_before_is_tried_too(portal, vault):
    """The server's answer was stored, but the server went back to the old one: or another copy of us was quicker."""
    vault.put(VAULT_NAME, {**HELD, "refresh_token": "refresh-lost", "refresh_token_before": "refresh-1"})
    assert a_caller(portal, vault).call("profile") == {"ID": "1"}
    assert portal.refreshes == 2


def test_a_server_that_went_back_to_the_token_before_a_renewal_does_not_lock_us_out(portal, vault):
    assert a_caller(portal, vault).call("profile") == {"ID": "1"}
    portal.access, portal.refresh = "access-other", ["refresh-1"]
    assert a_caller(portal, vault).call("profile") == {"ID": "1"}
    assert vault.get(VAULT_NAME)["refresh_token"] == portal.refresh[0]


def test_a_revoked_token_says_what_to_do_and_is_not_asked_for_again_and_again(portal, vault):
    clock = FakeClock()
    portal.refresh = []
    for _ in range(3):
        with pytest.raises(NotConnected, match="open the application in Bitrix24 as an administrator") as caught:
            a_caller(portal, vault, clock).call("crm.item.add", writes=True)
        assert caught.value.retry and not caught.value.maybe_done and isinstance(caught.value, Throttled)
    assert portal.refreshes == 1 and portal.names() == ["crm.item.add", "oauth/token/"]
    clock.advance(seconds=601)
    portal.refresh = ["refresh-1"]
    assert a_caller(portal, vault, clock).call("profile") == {"ID": "1"}


def test_after_a_new_installation_everything_goes_on(portal, vault):
    portal.refresh = []
    with pytest.raises(NotConnected):
        a_caller(portal, vault).call("profile")
    vault.put(VAULT_NAME, {**HELD, "access_token": "access-2"})
    assert a_caller(portal, vault).call("profile") == {"ID": "1"}


def test_a_refusal_does_not_overwrite_what_another_process_was_given_meanwhile(portal, vault):
    plain = portal.token

    def slow(params):
        if portal.refreshes == 0:
            plain({**params, "refresh_token": "refresh-1"})
            vault.put(VAULT_NAME, {**HELD, "access_token": "access-2", "refresh_token": "refresh-2"})
        return plain(params)

    portal.token = slow
    assert a_caller(portal, vault).call("profile") == {"ID": "1"}
    assert vault.get(VAULT_NAME)["refresh_token"] == "refresh-2"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refused(401, "invalid_client"), NotConnected), (refused(401, "PAYMENT_REQUIRED"), NotConnected),
        (refused(400, "invalid_request"), NotConnected), (refused(500, "INTERNAL"), Unreachable),
        (Answer(502, {}, b"<html>"), Unreachable), (Answer(200, {}, b"{}"), Unreachable), (None, Unreachable),
    ],
)  # fmt: skip
def test_a_server_in_trouble_costs_no_write(portal, vault, answer, error):
    portal.token = lambda params: answer or cut()
    with pytest.raises(error) as caught:
        a_caller(portal, vault).call("crm.item.add", writes=True)
    assert caught.value.retry and not caught.value.maybe_done
    assert vault.get(VAULT_NAME)["refresh_token"] == "refresh-1"


def test_an_answer_for_another_portal_is_not_kept(portal, vault):
    vault.put(VAULT_NAME, {**HELD, "member_id": "another"})
    with pytest.raises(Unreachable, match="another portal"):
        a_caller(portal, vault).call("profile", writes=True)
    assert vault.get(VAULT_NAME)["access_token"] == "access-1"


def test_a_server_named_in_the_tokens_is_used_only_if_it_is_the_vendors(portal, vault):
    for named, asked in (
        ("https://oauth.bitrix.info/rest/", "oauth.bitrix.info"),
        ("https://evil.example/", "oauth.bitrix24.tech"),
    ):
        vault.put(VAULT_NAME, {**HELD, "server_endpoint": named})
        portal.access, portal.refresh = "unknown", ["refresh-1"]
        a_caller(portal, vault).call("profile")
        assert [url for url in portal.urls if "/oauth/" in url][-1].startswith(f"https://{asked}/")


def test_not_installed_yet(portal, tmp_path):
    with pytest.raises(NotConnected, match="not installed yet"):
        a_caller(portal, a_vault(tmp_path)).call("profile")
    assert portal.requests == []


def test_the_webhook_speaks_unless_an_application_must(portal, vault):
    portal.before, portal.methods["event.get"] = (lambda method, params: None), lambda params: []
    caller = a_caller(portal, vault, **WEBHOOK)
    caller.call("profile")
    caller.call("event.get", app=True)
    assert portal.urls[0].endswith("/rest/1/webhook-code/profile") and "auth" not in portal.requests[0][1]
    assert portal.urls[1].endswith("/rest/event.get") and portal.requests[1][1]["auth"] == "access-1"
    with pytest.raises(Misconfigured, match="BITRIX24_CLIENT_ID"):
        a_client(a_connection(portal, vault, WEBHOOK)).call("event.get", app=True)
