"""Pages that the CRM opens inside itself: its proof opens a session, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from kernel.crm import Person
from kernel.errors import Unreachable
from kernel.extension import FrameRequest, NotProven, Visitor
from kernel.web import Frame
from kernel.web.tests.test_web import World, make

PEOPLE = [
    Person("1", "Олег Власник", "staff", admin=True),
    Person("5", "Ирина Начальник", "staff", heads=("Отдел продаж",)),
    Person("7", "Пётр Менеджер", "staff"),
    Person("8", "Бывший", "staff", active=False),
]


def identify(opening: FrameRequest) -> Visitor:
    """A toy proof: the word «proof» and who it is."""
    if opening.form.get("proof") != "right":
        raise NotProven("the proof is wrong")
    if opening.form.get("who") == "down":
        raise Unreachable("the CRM is silent")
    context = {name: opening.form.get(name, "") for name in ("deal", "page", "admin")}
    return Visitor(opening.form["who"], context)


Opened = Callable[..., tuple[int, str]]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make(tmp_path, {"ANNEX_PUBLIC_URL": "https://annex.example"})
    portal = made.site.portal
    portal.crm.people = SimpleNamespace(all=lambda: PEOPLE)  # type: ignore[assignment]
    made.site.frames = {("toy", "main"): Frame(portal, identify)}
    yield made
    made.site.live.close()
    made.site.database.close()


@pytest.mark.row("PL-09")
def test_the_crms_proof_opens_a_session_of_that_very_person(world: World) -> None:
    for who, role, secret in (("1", "owner", 200), ("5", "head", 403), ("7", "staff", 403)):
        client = world.anybody()
        answer = client.post("/frame/toy/main/notes/show", data={"proof": "right", "who": who})
        assert (answer.status_code, answer.headers["Location"]) == (303, "/notes/show")
        cookie = answer.headers["Set-Cookie"]
        assert all(word in cookie for word in ("SameSite=None", "Secure", "Partitioned", "HttpOnly"))
        client = world.anybody()
        client.set_cookie("annex_session", cookie.split("annex_session=")[1].split(";")[0], domain="localhost")
        assert client.get("/notes/show").status_code == 200, role
        assert client.get("/notes/secret").status_code == secret


@pytest.mark.row("PL-09")
def test_what_the_crm_has_just_proved_counts_at_once_and_what_only_the_opening_says_does_not(world: World) -> None:
    portal, known = world.site.portal, list(PEOPLE)
    portal.crm.people = SimpleNamespace(all=lambda: list(known))  # type: ignore[assignment]
    portal.people()
    known[2] = replace(known[2], admin=True)
    for admin, status in (("", 403), ("yes", 200)):
        answer = world.anybody().post("/frame/toy/main/", data={"proof": "right", "who": "7", "admin": admin})
        client = world.anybody()
        cookie = answer.headers["Set-Cookie"].split("annex_session=")[1].split(";")[0]
        client.set_cookie("annex_session", cookie, domain="localhost")
        assert client.get("/notes/secret").status_code == status
    known[2] = replace(known[2], admin=False)
    portal.staff.forget()
    assert client.get("/notes/secret").status_code == 403


@pytest.mark.row("PL-09")
@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({}, 403), ({"proof": "wrong", "who": "1"}, 403), ({"proof": "right", "who": "99"}, 403),
        ({"proof": "right", "who": "8"}, 403), ({"proof": "right", "who": "down"}, 503),
    ],
)  # fmt: skip
def test_without_proof_there_is_no_session(world: World, form: dict[str, str], status: int) -> None:
    answer = world.anybody().post("/frame/toy/main/notes/show?user=1", data=form)
    assert answer.status_code == status and "annex_session" not in answer.headers.get("Set-Cookie", "")
    with world.site.database.read() as tx:
        assert tx.value("SELECT COUNT(*) FROM web_session") == 0


def test_only_known_portals_and_paths_of_ours(world: World) -> None:
    proof = {"proof": "right", "who": "7", "deal": "5121"}
    assert world.anybody().post("/frame/other/main/notes/show", data=proof).status_code == 404
    assert world.anybody().get("/frame/toy/main/notes/show").status_code in (401, 405)
    post = world.anybody().post
    assert post("/frame/toy/main/notes/{deal}", data=proof).headers["Location"] == "/notes/5121"
    for page in ("//evil.example/", "/%5Cevil.example/", "https://evil.example/"):
        where = post(f"/frame/toy/main/{page}", data=proof).headers.get("Location", "/")
        assert where.startswith(("/", "http://localhost/")) and not where.startswith(("//", "/\\")), where
    assert post("/frame/toy/main/notes/{deal}", data={**proof, "deal": "../../x"}).status_code == 404
    for asked, target in (("/notes/show", "/notes/show"), ("//evil.example", "/"), ("https://evil.example", "/"), ("", "/")):
        assert post("/frame/toy/main/", data={**proof, "page": asked}).headers["Location"] == target
    unsaved = post("/frame/toy/main/notes/{deal}", data={**proof, "deal": ""})
    assert unsaved.status_code == 404 and "коли картку буде збережено" in unsaved.text


@pytest.mark.row("PL-15")
def test_the_page_of_connections_tells_of_the_last_sweep(tmp_path: Path) -> None:
    world = make(tmp_path)
    with world.site.database.write() as tx:
        tx.run("INSERT INTO crm_swept VALUES ('planfix/main', 1700000000000000, 1, 1, 3, 2, '', NULL, 17, NULL)")
    page = world.signed_in().get("/connections").text
    assert "17" in page and "planfix/main" in page and 'role="alert"' not in page
    with world.site.database.write() as tx:
        tx.run("UPDATE crm_swept SET ok = 0, reason = '<b>timeout</b>', down_since = 1700000000000000")
    page = world.signed_in().get("/connections").text
    assert "&lt;b&gt;timeout" in page and 'role="alert"' in page
    assert world.signed_in("staff").get("/connections").status_code == 403
    world.site.live.close()
    world.site.database.close()
