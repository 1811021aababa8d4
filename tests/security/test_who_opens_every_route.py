"""Every route of the shipped Planfix set, as nobody, as another person, with an old, a used and another's link."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kernel.extension.roles import OPERATE
from kernel.testing import FakeClock
from kernel.web.links import FIELD_LINK_SECONDS
from kernel.web.rights import ANY_ROLE, SIGNED_IN
from tests.conformance.test_rights import FREE, RIGHTS, address, client_with, routes
from tests.security.whole import DESK, HOOK_SECRET, HOST, Whole, whole

OWNER, MANAGER = ("Олег Власник", "1"), ("Пётр Менеджер", "7")  #: of tests.security.whole, by name and number
STAFFS = {"exchange", "partners", ANY_ROLE, SIGNED_IN}  #: what the role «staff» of the shipped set opens


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Whole]:
    with whole(tmp_path, DESK) as opened:
        yield opened


def pressed(made: Whole, who: tuple[str, str], delivery: str) -> Any:
    """What our door answers to the script of the button that this person has pressed."""
    body = {"task": "15001", "event": "board.link", "delivery": delivery, "author": who[0], "author_id": who[1]}
    sig = hmac.new(HOOK_SECRET.encode(), "|".join(body.values()).encode(), "sha256").hexdigest()
    answer = made.anybody().post("/hooks/planfix/main/board.link", data={**body, "sig": sig})
    assert answer.status_code == 200
    return answer.json


def link_for(made: Whole, who: tuple[str, str], delivery: str = "d-1") -> str:
    found = pressed(made, who, delivery)["board_url"]
    assert found.startswith(f"{HOST}/enter/"), found
    return str(found.removeprefix(HOST))


def statuses(made: Whole, client: Any) -> dict[str, int]:
    """What each route behind the sign-in answers; forms carry the session's own token, where there is a session."""
    token = made.csrf(client) if client.get_cookie("annex_session") else ""
    found = {}
    for line, method, _endpoint in routes(made):
        if RIGHTS[line] != FREE and line != "POST /leave":
            answer = client.open(address(line), method=method, data={"csrf": token}, buffered=False)
            answer.close()
            found[line] = answer.status_code
    assert len(found) > 15
    return found


def closed(made: Whole, client: Any) -> bool:
    return set(statuses(made, client).values()) == {401}


@pytest.mark.row("PL-09")
def test_no_route_opens_for_anybody_but_whom_the_link_is_for(made: Whole) -> None:
    assert closed(made, made.anybody()), "nobody"

    used = link_for(made, MANAGER)
    manager, second = made.anybody(), made.anybody()
    assert manager.post(used).status_code == 303
    for answer in (second.get(used), second.post(used)):
        assert answer.status_code == 410 and "annex_session" not in answer.headers.get("Set-Cookie", "")
    assert closed(made, second), "with a used link"

    old, late = link_for(made, MANAGER, "d-2"), made.anybody()
    assert isinstance(made.annex.clock, FakeClock)
    made.annex.clock.advance(seconds=FIELD_LINK_SECONDS + 1)
    for answer in (late.get(old), late.post(old)):
        assert answer.status_code == 410
    assert closed(made, late), "with an old link"

    for invented in ("x", "nobody", used.rpartition("/")[2][:-1], "%00", "../jobs"):
        stranger = made.anybody()
        assert stranger.post(f"/enter/{invented}").status_code in (401, 403, 404, 405, 410)
        assert closed(made, stranger), invented


@pytest.mark.row("PL-09")
def test_another_person_opens_what_their_own_roles_open_and_nothing_of_whom_the_link_was_for(made: Whole) -> None:
    manager = made.anybody()
    assert manager.post(link_for(made, MANAGER)).status_code == 303
    before = statuses(made, manager)
    for line, status in before.items():
        assert (status == 403) == (RIGHTS[line] not in STAFFS) and status != 401, (line, status)
    assert before["GET /jobs"] == 403 and RIGHTS["GET /jobs"] == OPERATE

    owners = made.app.extensions["annex"].links.for_person("user:1", "/jobs").removeprefix(HOST)
    for answer in (manager.get(owners), manager.post(owners)):
        assert answer.status_code == 409 and OWNER[0] in answer.text
    assert statuses(made, manager) == before, "a link of another person switches nobody over"
    owner = made.anybody()
    assert owner.post(owners).status_code == 303, "and is still good for whom it is for"
    assert 403 not in statuses(made, owner).values()

    nobody = client_with(made, number="78")
    assert set(statuses(made, nobody).values()) == {403}, "a person without a role"


@pytest.mark.row("PL-09")
def test_an_owners_link_is_never_in_the_answer(made: Whole) -> None:
    answer = pressed(made, OWNER, "d-1")
    assert answer["board_url"] == answer["say"] and "/enter/" not in str(answer)
    assert made.count("web_link") == 1, "it goes into a hidden comment"
    again = pressed(made, OWNER, "d-1")
    assert again["say"] == "Натисніть ще раз" and made.count("web_link") == 1
