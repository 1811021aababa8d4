"""Who may press what: every unsafe address wants a session and that session's token; records of others stay theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest

from kernel.web.identity import SAFE_METHODS
from plugins.heads.tests.web import HeadsOffice, make_office
from tests.security.whole import HOST, SECRETS, Whole

# These bring a proof of their own: a signature, the CRM's token, a one-time link, a code.
OWN_PROOF = ("/hooks/", "/frame/", "/enter/", "/sign-in")
FILLED = {"kind": "inbox", "action": "retry", "entity": "lead", "number": "1"}
OPEN = {"/healthz", "/readyz", "/metrics"}


def addresses(app: flask.Flask) -> Iterator[tuple[str, str]]:
    """Every method and address of the application, with words in its gaps."""
    for rule in app.url_map.iter_rules():
        filled = re.sub(r"<(?:\w+:)?(\w+)>", lambda gap: FILLED.get(gap[1], "1"), rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, filled


@pytest.mark.row("PL-09")
def test_every_address_wants_a_session(either: Whole) -> None:
    asked = 0
    for method, path in addresses(either.app):
        if path.startswith((*OWN_PROOF, "/assets/")) or path in OPEN:
            continue
        answer = either.anybody().open(path, method=method)
        assert answer.status_code == 401, (method, path)
        asked += 1
    assert asked > 5


@pytest.mark.row("PL-09")
def test_every_unsafe_address_wants_the_sessions_own_token(either: Whole) -> None:
    owner, other = either.signed_in(), either.signed_in()
    forms = [(m, p) for m, p in addresses(either.app) if m not in SAFE_METHODS and not p.startswith(OWN_PROOF)]
    assert forms
    for method, path in forms:
        for csrf in ("", "x", either.csrf(other), "Ї" * 64, either.csrf(owner).upper()):
            assert owner.open(path, method=method, data={"csrf": csrf}).status_code == 403, (method, path, csrf)
        for mime in ("text/plain", "application/json"):  # what a foreign page can send without asking, and what it cannot
            answer = owner.open(path, method=method, data='{"csrf": "x"}', content_type=mime)
            assert answer.status_code == 403, (method, path, mime)
        assert owner.open(path, method=method, query_string={"csrf": either.csrf(owner)}).status_code == 403, "in an address"


def test_nothing_changes_by_a_safe_method(either: Whole) -> None:
    """Reading every page as the owner leaves the tables as they were."""
    owner = either.signed_in()

    def notified() -> list[int]:
        return [either.count(table) for table in ("inbox", "outgoing", "ledger_journal", "web_link", "web_session")]

    before = notified()
    for method, path in addresses(either.app):
        if method == "GET" and path not in ("/live",):
            assert owner.get(path).status_code < 500 or path.startswith("/workday"), path
    assert notified() == before


def test_a_foreign_page_cannot_leave_anybody_signed_in_as_somebody_else(broker: Whole) -> None:
    """The portal's POST comes from another site by nature; a form of a third site brings no token that the portal knows."""
    victim = broker.signed_in()
    before = victim.get_cookie("annex_session").value
    for form in ({"AUTH_ID": "attackers"}, {"AUTH_ID": SECRETS["visitor"], "APPLICATION_TOKEN": "attackers"}):
        assert broker.frame(client=victim, **form).status_code == 403
    assert victim.get_cookie("annex_session").value == before and victim.get("/jobs").status_code == 200


def test_cookies_inside_the_frame_are_for_that_frame_only(broker: Whole) -> None:
    cookie = broker.frame().headers["Set-Cookie"]
    assert all(word in cookie for word in ("SameSite=None", "Secure", "Partitioned", "HttpOnly"))
    path = broker.app.extensions["annex"].links.for_operator("Олена", "/jobs").removeprefix(HOST)
    assert "SameSite=Lax" in broker.anybody().post(path).headers["Set-Cookie"]


def test_who_may_frame_our_pages_stands_in_every_answer(broker: Whole) -> None:
    client = broker.signed_in("head", "1")
    for path in ("/heads/", "/workday/", "/nothing", "/healthz", "/jobs", "/workday/worker"):
        policy = client.get(path).headers["Content-Security-Policy"]
        ancestors = re.search(r"frame-ancestors ([^;]*)", policy)
        assert ancestors and set(ancestors[1].split()) <= {"'self'", "https://broker.bitrix24.ru", "https://*.bitrix24.ru"}
        assert "unsafe" not in policy and " *" not in policy.replace("https://*.bitrix24.ru", "") and "data:" not in policy


def test_no_other_site_may_read_our_answers(either: Whole) -> None:
    owner = either.signed_in()
    for path in ("/jobs", "/healthz", "/live/version"):
        for method in ("GET", "OPTIONS"):
            answer = owner.open(path, method=method, headers={"Origin": "https://evil.example"})
            assert not [name for name, _ in answer.headers if name.lower().startswith("access-control")], path


def test_a_foreign_host_name_gets_into_no_answer(either: Whole) -> None:
    owner = either.signed_in()
    for path in ("/jobs", "/", "/nothing"):
        answer = owner.get(path, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
        assert "evil.example" not in answer.text + str(answer.headers)


@pytest.mark.parametrize(
    "page", ["//evil.example", "https://evil.example/", "/\\evil.example", "/%09/evil.example", "javascript:x"]
)
def test_no_page_leads_elsewhere(broker: Whole, page: str) -> None:
    for answer in (
        broker.frame(page=""), broker.frame(page=page), broker.frame(page="", PLACEMENT_OPTIONS='{"page": "' + page + '"}'),
    ):  # fmt: skip
        where = answer.headers.get("Location", "/")
        assert where.startswith("/") and not where.startswith(("//", "/\\")) and "\t" not in where


def test_roles_keep_staff_out_of_what_is_the_owners(either: Whole) -> None:
    staff = either.signed_in("staff", "7")
    token = either.csrf(staff)
    for method, path in addresses(either.app):
        if path.startswith(("/jobs", "/trace", "/connections", "/heads", "/stage_lock")):
            assert staff.open(path, method=method, data={"csrf": token}).status_code == 403, (method, path)


# --- records of others ---------------------------------------------------------------------------------------------------


@pytest.fixture
def room(tmp_path: Path) -> Iterator[HeadsOffice]:
    made = make_office(tmp_path)
    yield made
    made.close()


def press(room: HeadsOffice, client: Any, path: str, **form: str) -> int:
    token = room.served.csrf(client)
    return int(client.post(path, data={"csrf": token, **form}).status_code)


@pytest.mark.row("PL-09")
def test_a_head_reaches_nobody_of_another_department_by_id(room: HeadsOffice) -> None:
    for person in (room.anna, room.kira):
        room.day(person, "open")
    lead = room.lead(name="Чужой")
    care = room.head_client(room.care_head)
    others = [f"/heads/people/{room.anna.id}", f"/heads/decisions/lead/{lead}"]
    missing = ["/heads/people/99999", "/heads/decisions/lead/99999"]
    answers = [care.get(path) for path in (*others, *missing)]
    assert [one.status_code for one in answers] == [404] * 4
    assert len({re.sub(r"[0-9a-f]{32}|\w{64}", "", one.text) for one in answers}) == 1, "one cannot tell others from none"
    for path in (
        f"/heads/people/{room.anna.id}/bar",
        f"/heads/people/{room.anna.id}/unbar",
        f"/heads/decisions/lead/{lead}/again",
    ):
        assert press(room, care, path, reason="x", span="30") == 404
    assert room.head_client().get(f"/heads/people/{room.anna.id}").status_code == 200


def test_a_day_is_started_for_oneself_only(room: HeadsOffice) -> None:
    room.crm.days[room.anna.id] = room.crm.days[room.boris.id] = "closed"
    anna = room.client(room.anna.id, "staff")
    press(room, anna, "/workday/start", person=room.boris.id, person_id=room.boris.id, USER_ID=room.boris.id)
    assert (room.crm.days[room.anna.id], room.crm.days[room.boris.id]) == ("open", "closed")


def test_crooked_ids_are_not_found_and_break_nothing(room: HeadsOffice, desk: Whole) -> None:
    crooked = ["..%2F..%2Fetc", "1'--", "%00", "9" * 400, "-1", "٥", "{deal}", "%F0%9F%92%A9", "1;DROP TABLE inbox"]
    owner, desk_owner = room.client(), desk.signed_in()
    for one in crooked:
        for path in (f"/heads/people/{one}", f"/heads/decisions/lead/{one}", f"/stage_lock/cases/{one}"):
            assert owner.get(path).status_code == 404, path
        for path in (f"/exchange/deals/{one}", f"/exchange/contacts/{one}", f"/trace/{one}"):
            assert desk_owner.get(path).status_code in (400, 404), path
    assert desk.count("inbox") == 0


def test_methods_that_nobody_needs_are_refused(either: Whole) -> None:
    owner = either.signed_in()
    for method in ("TRACE", "PUT", "DELETE", "PATCH", "CONNECT"):
        for path in ("/jobs", "/healthz", "/connections"):
            answer = owner.open(path, method=method, data={"csrf": either.csrf(owner)})
            assert answer.status_code in (403, 405) and "annex_session" not in answer.text, (method, path)
