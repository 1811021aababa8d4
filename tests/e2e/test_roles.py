"""Roles by what the CRM says now, through the real pages: added up, and taken away while a session is open."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import flask
import pytest
import requests

from app.bootstrap import Annex, build
from app.site import make_site
from kernel.mapping import RoleMap
from kernel.testing import FakeClock, MemoryQueue, operator_session
from sandbox.bitrix24.server import Options as BitrixOptions
from sandbox.bitrix24.server import Sandbox as Bitrix24
from sandbox.planfix.server import Options as PlanfixOptions
from sandbox.planfix.server import Sandbox as Planfix

HOST = "http://127.0.0.1:8080"
FIVE_MINUTES = 300


@dataclass
class Desk:
    """A set whose pages are behind roles, on a real emulated portal. `person` has the role «till» by what the CRM says."""

    annex: Annex
    app: flask.Flask
    clock: FakeClock
    page: str  #: needs what the role «till» allows
    other: str  #: needs what the role «clerk» allows
    person: str
    take_away: Callable[[], None]  #: what gives the role «till»
    give_back: Callable[[], None]
    dismiss: Callable[[], None]
    close_portal: Callable[[], None]

    def signed_in(self, who: str = "") -> Any:
        """By a link, as the CRM's button gives it."""
        client = self.app.test_client()
        address = self.app.extensions["annex"].links.for_person(who or self.person, self.page)
        client.post(address.removeprefix(HOST))
        return client


def roles(annex: Annex, **role: RoleMap) -> None:
    portal = annex.runtime.portal
    portal.mapping = replace(portal.mapping, portal=portal.mapping.portal.model_copy(update={"role": role}))


def started(folder: Path, **environment: str) -> tuple[Annex, flask.Flask, FakeClock]:
    clock = FakeClock()
    annex = build({"ANNEX_HOME": str(folder), **environment}, clock=clock, queue=MemoryQueue(clock))
    annex.migrate()
    app = make_site(annex)
    app.extensions["annex"].live._heartbeat_seconds = 0.05
    return annex, app, clock


def called(base: str, path: str, body: Any, **headers: str) -> None:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(f"{base.rstrip('/')}/{path}", json=body, headers=headers, timeout=30)
        assert answer.status_code == 200 and "error" not in answer.json(), answer.text


@pytest.fixture
def planfix(tmp_path: Path) -> Iterator[Desk]:
    with Planfix(PlanfixOptions(port=0, faults=(("rate_per_second", 0.0),))) as sandbox:
        about = sandbox.about()
        annex, app, clock = started(
            tmp_path, ANNEX_SET="exchange-desk-planfix", PLANFIX_URL=about["base"], PLANFIX_TOKEN=about["token"],
            PLANFIX_HOOK_SECRET="a-hook-secret-of-the-tests",
        )  # fmt: skip
        till = RoleMap(label="till", groups=["Каса"], rights=["exchange"])
        roles(annex, till=till, clerk=RoleMap(label="clerk", people=["user:7"], rights=["annex.operate"]))

        def change(**fields: Any) -> None:
            called(about["base"], "user/7", fields, Authorization=f"Bearer {about['token']}")

        yield Desk(
            annex, app, clock, "/exchange/board.json", "/jobs", "user:7", lambda: change(groups=[]),
            lambda: change(groups=[{"id": 2}]), lambda: change(status="Inactive"), sandbox.close,
        )  # fmt: skip
        app.extensions["annex"].live.close()
        annex.close()


@pytest.fixture
def bitrix24(tmp_path: Path) -> Iterator[Desk]:
    with Bitrix24(BitrixOptions(port=0, faults=(("plan", "off"),))) as sandbox:
        about = sandbox.about()
        annex, app, clock = started(
            tmp_path, ANNEX_SET="broker-bitrix24", BITRIX24_URL=sandbox.address, BITRIX24_WEBHOOK="30/staff-30",
            BITRIX24_PLAN="box",
        )  # fmt: skip
        till = RoleMap(label="till", heads=["Отдел продаж"], rights=["stage_lock"])
        roles(annex, till=till, clerk=RoleMap(label="clerk", positions=["Руководитель отдела продаж"], rights=["workday"]))

        def call(method: str, **fields: Any) -> None:
            called(about["base"], method, fields)

        yield Desk(
            annex, app, clock, "/stage_lock/", "/workday/", "2", lambda: call("department.update", ID=5, UF_HEAD="11"),
            lambda: call("department.update", ID=5, UF_HEAD="2"), lambda: call("user.update", ID="2", ACTIVE=False),
            sandbox.close,
        )  # fmt: skip
        app.extensions["annex"].live.close()
        annex.close()


@pytest.fixture(params=["planfix", "bitrix24"])
def desk(request: pytest.FixtureRequest) -> Desk:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Desk)
    return found


@pytest.mark.row("PL-09")
def test_a_role_taken_away_in_the_crm_is_gone_within_five_minutes_and_comes_back(desk: Desk) -> None:
    client = desk.signed_in()
    assert client.get(desk.page).status_code == client.get(desk.other).status_code == 200, "two roles add up"
    desk.take_away()
    desk.clock.advance(seconds=FIVE_MINUTES + 1)
    assert client.get(desk.page).status_code == 403
    assert client.get(desk.other).status_code == 200, "what another role allows stays"
    desk.give_back()
    desk.clock.advance(seconds=FIVE_MINUTES + 1)
    assert client.get(desk.page).status_code == 200


@pytest.mark.row("PL-09")
def test_whoever_is_dismissed_sees_nothing_more_and_their_open_stream_ends(desk: Desk) -> None:
    client = desk.signed_in()
    stream = client.get("/live", buffered=False)
    messages = iter(stream.response)
    assert b"event: changed" in next(messages)
    assert b"still here" in next(messages)
    desk.dismiss()
    desk.clock.advance(seconds=FIVE_MINUTES + 1)
    with pytest.raises(StopIteration):
        next(messages)
    stream.close()
    assert client.get(desk.page).status_code == client.get(desk.other).status_code == 403
    assert client.get("/live/version").status_code == 403
    assert desk.app.extensions["annex"].live.listeners == 0


@pytest.mark.row("PL-09")
def test_while_the_crm_is_silent_what_is_known_holds_for_five_minutes(desk: Desk) -> None:
    client = desk.signed_in()
    messages = iter(client.get("/live", buffered=False).response)
    assert b"event: changed" in next(messages)
    desk.close_portal()
    desk.clock.advance(seconds=FIVE_MINUTES / 3)
    assert client.get("/live/version").status_code == 200
    desk.clock.advance(seconds=FIVE_MINUTES)
    answer = client.get(desk.page)
    assert answer.status_code == 503 and answer.headers["Retry-After"]
    with pytest.raises(StopIteration):
        next(messages)
    operator = desk.app.test_client()
    operator.set_cookie("annex_session", operator_session(desk.app.extensions["annex"]))
    assert operator.get("/jobs").status_code == 200
    token = desk.app.extensions["annex"].links.csrf(client.get_cookie("annex_session").value)
    assert client.post("/leave", data={"csrf": token}).status_code == 200, "one may always leave"


@pytest.mark.row("PL-09", "EX-07")
@pytest.mark.parametrize(
    ("author", "number", "given"),
    [
        ("Каса", "", True), ("каса ", "", True), ("", "7", True), ("Хтось", "user:7", True),
        ("user:7", "", False), ("Кас", "", False), ("Хтось Чужий", "", False), ("", "", False),
        ("Каса", "77", False), ("Каса", "Каса", False), ("Робот Annex", "", False), ("Каса", "9", False),
    ],
)  # fmt: skip
def test_the_button_proves_who_pressed_it_and_grants_nothing(planfix: Desk, author: str, number: str, given: bool) -> None:
    """By the number, where one is sent, and by nothing else then; else by the whole name, which is never a number."""
    body = {"task": "15001", "event": "board.link", "delivery": "d-1", "author": author, "author_id": number}
    signed = "|".join(body.values())
    sig = hmac.new(b"a-hook-secret-of-the-tests", signed.encode(), "sha256").hexdigest()
    client = planfix.app.test_client()
    answer = client.post("/hooks/planfix/main/board.link", data={**body, "sig": sig})
    assert answer.status_code == 200
    reported = answer.json
    assert reported["board_url"].startswith(f"{HOST}/enter/") == given
    assert reported["say"] == ("" if given else reported["board_url"])
    if given:
        assert client.post(reported["board_url"].removeprefix(HOST)).status_code == 303
        planfix.take_away()
        planfix.clock.advance(seconds=FIVE_MINUTES + 1)
        assert client.get(planfix.page).status_code == 403, "what they may do is not in the link"


@pytest.mark.row("PL-09")
def test_the_key_alone_says_nothing_of_who_pressed(planfix: Desk) -> None:
    body = {"task": "15001", "event": "board.link", "delivery": "d-1", "author": "Каса", "author_id": "7"}
    for proof in ({"key": "a-hook-secret-of-the-tests"}, {"delivery": ""}):
        sent = {**body, **proof}
        sent["sig"] = hmac.new(b"a-hook-secret-of-the-tests", "|".join([*sent.values()][:5]).encode(), "sha256").hexdigest()
        if "key" in proof:
            del sent["sig"]
        reported = planfix.app.test_client().post("/hooks/planfix/main/board.link", data=sent).json
        assert reported["say"] and "/enter/" not in reported["board_url"]


@pytest.mark.row("PL-13")
def test_the_doctor_names_a_role_that_nobody_has(desk: Desk) -> None:
    from app.cli.doctor import wrong

    desk.dismiss()
    desk.annex.runtime.portal.staff.forget()
    found = wrong(desk.annex)
    assert any("role.till" in line for line in found), found


def test_a_link_from_the_command_line_is_for_a_person_or_says_operator(planfix: Desk, capsys: Any) -> None:
    import argparse

    from app.cli.link import LINK
    from kernel.errors import BadInput

    parser = argparse.ArgumentParser()
    LINK.arguments(parser)
    for words, page, status in (
        (["Каса", "--to", "/exchange/board.json"], "/exchange/board.json", 200), (["user:3"], "/", 403),
        (["Хтось", "--operator"], "/jobs", 200),
    ):  # fmt: skip
        assert LINK.run(planfix.annex, parser.parse_args(words)) == 0
        client = planfix.app.test_client()
        assert client.post(capsys.readouterr().out.strip().rpartition("\n")[2].removeprefix(HOST)).status_code == 303
        assert client.get(page).status_code == status
    with pytest.raises(BadInput, match="«Ігор Бондар»"):
        LINK.run(planfix.annex, parser.parse_args(["Ігор Бондарь"]))
