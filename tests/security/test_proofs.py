"""Forged and replayed proofs at the real doors: webhooks, pages inside the CRM, sign-in links."""

from __future__ import annotations

from typing import Any

import pytest

from kernel.crm import Person
from tests.security.whole import HOST, MEMBER, PROOF, SECRETS, Whole, signature

SIGNED = {"task": "15021", "event": "deal.changed", "delivery": "6f1c"}
SIGNATURE = signature("15021", "deal.changed", "6f1c")


def planfix(desk: Whole, **fields: str) -> Any:
    return desk.anybody().post("/hooks/planfix/main", data=fields)


@pytest.mark.row("PL-01")
def test_a_signature_covers_the_record_the_event_and_the_delivery(desk: Whole) -> None:
    right = SIGNATURE
    for word, forged in (("task", "15022"), ("event", "deal.stage"), ("delivery", "6f1d")):
        assert planfix(desk, **{**SIGNED, word: forged}, sig=right).status_code == 403
    for sig in ("", right[:-1], right + "0", right[::-1], signature("15021", "deal.changed", "6f1c", secret="")):
        assert planfix(desk, **SIGNED, sig=sig).status_code in (401, 403)
    assert desk.count("inbox") == 0 and desk.queue.waiting == []
    assert planfix(desk, **SIGNED, sig=right).status_code == 200 and desk.count("inbox") == 1


@pytest.mark.row("PL-02")
def test_a_replayed_delivery_is_stored_once(desk: Whole) -> None:
    traces = {planfix(desk, **SIGNED, sig=SIGNATURE).json["trace"] for _ in range(5)}
    assert len(traces) == 1 and desk.count("inbox") == 1


def test_a_second_signature_in_the_same_body_does_not_help(desk: Whole) -> None:
    """Parameter pollution: the first value counts for the proof and for the work alike."""
    right = SIGNATURE
    body = f"task=666&task=15021&event=deal.changed&delivery=6f1c&sig={right}"
    assert desk.anybody().post("/hooks/planfix/main", data=body).status_code == 403
    received = desk.anybody().post("/hooks/planfix/main?task=666", data={**SIGNED, "sig": right})
    assert received.status_code == 200
    with desk.annex.database.read() as tx:
        assert tx.value("SELECT record_id FROM inbox") == "15021"


@pytest.mark.row("PL-01")
def test_an_event_of_another_portal_or_with_another_token_is_nothing(broker: Whole) -> None:
    for changed in (
        {"application_token": "x"}, {"application_token": ""}, {"member_id": "other"}, {"member_id": ""},
        {"application_token": SECRETS["access"]}, {"application_token": SECRETS["application"].upper()},
    ):  # fmt: skip
        assert broker.event("ONCRMDEALUPDATE", {**PROOF, **changed}, ID="5").status_code in (401, 403)
    assert broker.count("inbox") == 0
    assert broker.event("ONCRMDEALUPDATE", PROOF, ID="5").status_code == 200 and broker.count("inbox") == 1


def test_a_forged_removal_or_installation_changes_nothing(broker: Whole) -> None:
    held = broker.annex.runtime.connection.vault.get("app")
    assert broker.event("ONAPPUNINSTALL", {**PROOF, "application_token": "forged"}).status_code == 403
    forged = {
        "access_token": "stolen-from-elsewhere",
        "refresh_token": "r",
        "application_token": "mine",
        "member_id": MEMBER,
    }
    assert broker.event("ONAPPINSTALL", forged).status_code == 403
    assert broker.event("ONAPPUPDATE", {**forged, "access_token": SECRETS["visitor"]}).status_code == 403, "no administrator"
    assert broker.annex.runtime.connection.vault.get("app") == held


def test_one_step_of_a_process_counts_once(broker: Whole) -> None:
    form = {
        "workflow_id": "w1", "code": "annex_check", "document_id[0]": "crm", "document_id[1]": "CCrmDocumentDeal",
        "document_id[2]": "DEAL_5", "event_token": "step-token-1", "ts": "1",
        **{f"auth[{name}]": value for name, value in PROOF.items()},
    }  # fmt: skip
    for _ in range(3):
        assert broker.anybody().post("/hooks/bitrix24/main", data=form).status_code == 200
    assert broker.count("inbox") == 1


@pytest.mark.row("PL-09")
def test_a_page_opens_only_for_whom_the_portal_names(broker: Whole) -> None:
    sessions = broker.count("web_session")
    for changed in (
        {"AUTH_ID": "made-up"}, {"AUTH_ID": ""}, {"member_id": "other"}, {"APPLICATION_TOKEN": "x"},
        {"APPLICATION_TOKEN": ""},
    ):  # fmt: skip
        answer = broker.frame(**changed, USER_ID="1", user_id="1", ADMIN="Y")
        assert answer.status_code == 403 and "annex_session" not in answer.headers.get("Set-Cookie", "")
    assert broker.count("web_session") == sessions
    opened = broker.frame(USER_ID="1", user_id="1", ADMIN="Y")
    assert opened.status_code == 303
    with broker.annex.database.read() as tx:
        [row] = tx.all("SELECT person_id, role FROM web_session")
    assert (row["person_id"], row["role"]) == ("7", ""), "what the form says of the person is not believed"


def test_a_replayed_opening_is_worth_what_its_token_is_worth_now(broker: Whole) -> None:
    assert broker.frame().status_code == 303
    broker.outside.methods["profile"] = lambda params: {"ID": "0"}  # the token has expired meanwhile
    assert broker.frame().status_code == 403


def test_who_left_the_company_gets_no_session(broker: Whole) -> None:
    broker.outside.methods["user.get"] = lambda params: [{"ID": "7", "NAME": "Пётр", "ACTIVE": False}]
    assert broker.frame().status_code == 403 and broker.count("web_session") == 0


def test_a_link_is_good_for_one_session_and_a_planted_cookie_is_not_taken_over(either: Whole) -> None:
    links = either.app.extensions["annex"].links
    path = links.for_operator("Олена", "/jobs").removeprefix(HOST)
    client = either.anybody()
    client.set_cookie("annex_session", "planted-by-somebody-else")
    cookie = client.post(path).headers["Set-Cookie"]
    assert "planted" not in cookie and "Secure" in cookie and "HttpOnly" in cookie
    assert either.anybody().post(path).status_code == 410
    assert links.session("planted-by-somebody-else") is None


def test_tokens_cannot_be_guessed(either: Whole) -> None:
    """256 bits from the system's own source, new each time."""
    links = either.app.extensions["annex"].links
    made = {links.for_operator("a", "/").rpartition("/")[2] for _ in range(20)}
    made |= {links.open_session(Person("1", "a", "staff")) for _ in range(20)}
    assert len(made) == 40 and all(len(token) >= 43 for token in made)
