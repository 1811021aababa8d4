"""The vendor's answers as our errors; the settings as they may be typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connectors.bitrix24 import settings
from connectors.bitrix24.errors import Expired, Moved, NotConnected, Overrun, judge
from connectors.bitrix24.tests.pocket import APP, WEBHOOK, refused
from kernel.errors import Misconfigured, NoRight, NotFound, Rejected, Throttled, Unreachable
from kernel.http import Answer

FIXTURES = Path(__file__).parent / "fixtures"
MEANT = {
    "INVALID_REQUEST": NotConnected, "ERROR_BATCH_LENGTH_EXCEEDED": Rejected, "NO_AUTH_FOUND": NotConnected,
    "expired_token": Expired, "invalid_token": NotConnected, "INVALID_CREDENTIALS": NotConnected,
    "ACCESS_DENIED": NotConnected, "insufficient_scope": NoRight, "user_access_error": NotConnected,
    "WRONG_AUTH_TYPE": NoRight, "ERROR_METHOD_NOT_FOUND": Rejected, "ERROR_MANIFEST_IS_NOT_AVAILABLE": Rejected,
    "ERROR_BATCH_METHOD_NOT_ALLOWED": Rejected, "OPERATION_TIME_LIMIT": Overrun, "INTERNAL_SERVER_ERROR": Unreachable,
    "ERROR_UNEXPECTED_ANSWER": Unreachable, "PORTAL_DELETED": NotConnected, "QUERY_LIMIT_EXCEEDED": Throttled,
    "OVERLOAD_LIMIT": Throttled,
}  # fmt: skip


@pytest.mark.parametrize(("status", "code", "text"), json.loads((FIXTURES / "system_errors.json").read_text()))
def test_every_system_error(status, code, text):
    with pytest.raises(MEANT[code]) as caught:
        judge(refused(status, code, text), writes=True)
    assert type(caught.value) is MEANT[code]
    assert caught.value.vendor_code == code
    assert caught.value.maybe_done == (MEANT[code] is Unreachable)


@pytest.mark.parametrize(
    ("status", "code", "text", "meant"),
    [
        (400, "", "Not found", NotFound), (400, "", "Access denied.", NoRight), (400, "", "User not found", NotFound),
        (400, "NOT_FOUND", "Element not found", NotFound), (400, "ACCESS_DENIED", "Access denied", NoRight),
        (403, "ACCESS_DENIED", "Access denied! Application context required", NoRight),
        (400, "-", "Insufficient permissions to change the stage", NoRight),
        (400, "100", "Expected iterable value for multiple field", Rejected), (400, 0, "", Rejected),
        (400, "Not found", "", NotFound), (200, "ERROR_PLACEMENT_MAX_COUNT", "too many", Rejected),
        (400, "", "ID is not defined or invalid.", Rejected), (403, "allowed_only_intranet_user", "", NoRight),
        (400, "INVALID_ARG_VALUE", "Invalid filter: field 'foo' is not allowed in filter", Rejected),
        (403, "INVALID_CREDENTIALS", "", NotConnected), (410, "PORTAL_DELETED", "", NotConnected),
        (400, "", "Call is not found (call should be registered prior to finishing)", Rejected),
        (400, {"code": "BITRIX_REST_V3_EXCEPTION_VALIDATION", "message": "Error"}, "", Rejected),
        (400, {"code": "BITRIX_REST_V3_EXCEPTION_ACCESSDENIED", "message": "Access denied"}, "", NoRight),
    ],
)  # fmt: skip
def test_status_code_and_text_together(status, code, text, meant):
    with pytest.raises(meant) as caught:
        judge(refused(status, code, text))
    assert type(caught.value) is meant


def test_what_is_no_answer_of_rest():
    for answer in (Answer(200, {}, b"<html>"), Answer(500, {}, b""), Answer(200, {}, b"null"), Answer(200, {}, b'{"a":1}')):
        with pytest.raises(Unreachable) as caught:
            judge(answer, writes=True)
        assert caught.value.maybe_done
    with pytest.raises(Moved, match=r"https://new\.bitrix24\.ru/") as caught:
        judge(Answer(302, {"LOCATION": "https://new.bitrix24.ru/rest/1/secret/x"}, b""), writes=True)
    assert not caught.value.maybe_done and "secret" not in str(caught.value)


def test_good_answers():
    body = {"result": [], "total": "120", "next": 50, "time": {"operating": 0.5}}
    reply = judge(Answer(200, {}, json.dumps(body).encode()))
    assert (reply.result, reply.total, reply.next) == ([], 120, 50)
    assert judge(Answer(200, {}, b'{"result": false}')).result is False
    assert judge(Answer(200, {}, b'{"result": null, "time": []}')).result is None


# --- settings -----------------------------------------------------------------------------------------------------------


def test_the_usual_settings():
    read = settings.read({**WEBHOOK, **APP}, "Europe/Moscow")
    assert (read.url, read.webhook, read.zone.key) == ("https://broker.bitrix24.ru/", "1/webhook-code", "Europe/Moscow")
    assert read.oauth_server == "https://oauth.bitrix24.tech/"
    assert read.rate_limit.per_second == 2.0 and 40 < read.rate_limit.burst < 50
    assert "webhook-code" not in repr(read) and "client-secret" not in repr(read)
    enterprise = settings.read({**WEBHOOK, "BITRIX24_PLAN": "enterprise", "BITRIX24_BUCKET_SHARE": "0.5"})
    assert enterprise.rate_limit.per_second == 2.5 and 100 < enterprise.rate_limit.burst < 125
    assert settings.read({**WEBHOOK, "BITRIX24_PLAN": "box"}).rate_limit is None


@pytest.mark.parametrize(
    "text",
    ["1/abc", " 1/abc/ ", "https://broker.bitrix24.ru/rest/1/abc/", "https://broker.bitrix24.ru/rest/1/abc/profile.json"],
)
def test_a_webhook_may_be_pasted_as_it_is_shown(text):
    assert settings.read({**WEBHOOK, "BITRIX24_WEBHOOK": text}).webhook == "1/abc"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"BITRIX24_URL": ""}, "BITRIX24_URL"), ({"BITRIX24_URL": "http://broker.bitrix24.ru/"}, "https"),
        ({"BITRIX24_URL": "https://broker.bitrix24.ru/rest/1/abc/"}, "BITRIX24_WEBHOOK"),
        ({"BITRIX24_URL": "https://[x"}, "BITRIX24_URL"), ({"BITRIX24_URL": "https://a:b@c/"}, "plain"),
        ({"BITRIX24_WEBHOOK": ""}, "local application"), ({"BITRIX24_WEBHOOK": "abc"}, "BITRIX24_WEBHOOK"),
        ({"BITRIX24_CLIENT_ID": "local.1"}, "BITRIX24_CLIENT_SECRET"),
        ({"BITRIX24_OAUTH_SERVER": "https://oauth.example.com"}, "oauth.bitrix24.tech"),
        ({"BITRIX24_PLAN": "free"}, "BITRIX24_PLAN"), ({"BITRIX24_BUCKET_SHARE": "2"}, "BITRIX24_BUCKET_SHARE"),
        ({"BITRIX24_BUCKET_SHARE": "half"}, "BITRIX24_BUCKET_SHARE"), ({"BITRIX24_TIME_ZONE": "Nowhere"}, "Nowhere"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named(wrong, named):
    with pytest.raises(Misconfigured, match=named):
        settings.read({**WEBHOOK, **wrong})


def test_plain_http_only_on_this_machine():
    assert settings.read({**WEBHOOK, "BITRIX24_URL": "http://127.0.0.1:8091"}).url == "http://127.0.0.1:8091/"
    local = {**WEBHOOK, "BITRIX24_OAUTH_SERVER": "http://localhost:8091/"}
    assert settings.read(local).oauth_server == "http://localhost:8091/"
