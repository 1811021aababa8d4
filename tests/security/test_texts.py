"""Texts of strangers: on pages, in messages to the CRM, in logs and on terminals they are text and nothing else."""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from connectors.bitrix24.marks import marked
from connectors.bitrix24.marks import plain as bb_plain
from connectors.planfix.texts import clean, comment_html
from kernel.telemetry import log, set_up_logs
from plugins.exchange.model import Party
from plugins.exchange.tests.web_fixture import Desk, deal, make_desk, operation
from plugins.heads.tests.web import HeadsOffice, make_office
from tests.conformance.checkout import ROOT
from tests.security.whole import Page, Whole, signature

CONTROLS = "\x00\x07\x1b[31m\x9b31m\u202e\u2066\ufeff"
HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '" autofocus onfocus="alert(1)', "' onmouseover='alert(1)",
    "</title></textarea></script><svg/onload=alert(1)>", "javascript:alert(1)", "{{ 7919*7907 }}{% raw %}",
    "{text} {0.__class__}", "%(x)s %n", "<!--", "]]>", "&lt;script&gt;",
    "[url=javascript:alert(1)]x[/url]", "=cmd|' /C calc'!A0",
]  # fmt: skip
NAME = " ".join(HOSTILE) + CONTROLS
WORKED_OUT = str(7919 * 7907)  #: long enough that no clock on a page says it
OF_A_KIND_MAX = 6  #: addresses that differ in their question only
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")


def checked(answer: Any, *, shows: bool = True) -> None:
    assert answer.status_code == 200, answer.status_code
    page = Page(answer.text)
    assert page.wrong == [] and not UNSEEN.search(answer.text)
    assert WORKED_OUT not in page.text, "a template was worked out"
    if shows:
        assert "<script>alert(1)</script>" in page.text, "the text itself is there, as text"


@pytest.fixture
def desk_pages(tmp_path: Path) -> Iterator[Desk]:
    made = make_desk(tmp_path)
    party = Party("c1", NAME)
    made.stand(
        deal(17, operation(partner=Party("p1", NAME), place=NAME, comment=NAME), client=party, manager=NAME), author=NAME
    )
    yield made
    made.close()


def test_names_typed_in_the_crm_on_the_desks_pages(desk_pages: Desk) -> None:
    client = desk_pages.client(user=NAME)
    board = client.get("/exchange/board")
    checked(board)
    todo = [f"/exchange/{name}" for name in ("board", "operations", "contacts", "control")] + ["/jobs", "/connections"]
    seen: dict[str, int] = {}
    while todo:
        address = todo.pop(0)
        kind = "/".join(address.partition("?")[0].split("/")[:3])
        if seen.get(kind, 0) >= OF_A_KIND_MAX or kind.endswith(".json"):
            continue
        seen[kind] = seen.get(kind, 0) + 1
        answer = client.get(address)
        checked(answer)
        links = [html.unescape(one).partition("#")[0] for one in re.findall(r'href="(/[^"]*)"', answer.text)]
        todo += sorted(one for one in links if not one.startswith("/assets/"))
    assert {"/exchange/board", "/exchange/deals", "/exchange/contacts", "/exchange/explain"} <= set(seen), seen


def test_names_typed_in_the_crm_on_the_heads_pages(tmp_path: Path) -> None:
    made: HeadsOffice = make_office(tmp_path)
    try:
        [person] = made.hire(NAME)
        made.day(person, "open")
        made.lead(name=NAME)
        client = made.client(name=NAME)
        for path in ("/heads/", f"/heads/people/{person.id}", "/workday/", "/stage_lock/"):
            checked(client.get(path))
        token = made.served.csrf(client)
        client.post(f"/heads/people/{person.id}/bar", data={"csrf": token, "reason": NAME, "span": "30"})
        checked(client.get(f"/heads/people/{person.id}"))
    finally:
        made.close()


def test_words_of_an_address_on_error_pages(desk_pages: Desk) -> None:
    client = desk_pages.client()
    for query in HOSTILE:
        for path in ("/exchange/operations", "/exchange/explain", "/exchange/board", "/exchange/total"):
            names = ("at", "from", "to", "currency", "figure", "language", "place", "client", "kind", "sort", "page")
            answer = client.get(path, query_string=dict.fromkeys(names, query + CONTROLS))
            assert answer.status_code < 500, (path, query)
            assert Page(answer.text).wrong == [] and not UNSEEN.search(answer.text)
        answer = client.get(f"/nothing/{query}")
        assert answer.status_code in (404, 308) and Page(answer.text).wrong == []


def test_errors_kept_for_a_person(desk: Whole) -> None:
    with desk.annex.database.write() as tx:
        tx.run(
            "INSERT INTO inbox (id, portal, event, entity, record_id, author, delivery, body, received_at, state, reason) "
            "VALUES ('t1', 'planfix/main', :n, 'deal', '15', :n, 'd', :n, 1, 'failed', :n)", n=NAME.replace("\x00", ""),
        )  # fmt: skip
    for path in ("/jobs", "/trace/t1"):
        checked(desk.signed_in().get(path))


def test_an_author_in_a_delivery(desk: Whole) -> None:
    sig = signature("5", "deal.row", "")
    assert desk.anybody().post(
        "/hooks/planfix/main", data={"task": "5", "event": "deal.row", "sig": sig, "author": NAME}
    ).status_code == 200  # fmt: skip
    with desk.annex.database.read() as tx:
        kept = tx.one("SELECT id, author FROM inbox")
    assert kept is not None and "\x00" not in kept["author"]
    checked(desk.signed_in().get(f"/trace/{kept['id']}"), shows="<script>" in NAME)


@pytest.mark.parametrize("text", [*HOSTILE, NAME])
def test_messages_to_planfix_are_text(text: str) -> None:
    message = comment_html(text, "key")
    assert Page(message).wrong == [] and set(re.findall(r"</?(\w+)", message)) <= {"p", "i", "br"}
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", message) and Page(message).text.startswith(clean(text).strip()[:20])


@pytest.mark.parametrize("text", [*HOSTILE, NAME, "[b]x[/b]", "[USER=1]x[/USER]", "[*]", "[/url]", "[img]http://x/y[/img]"])
def test_messages_to_bitrix24_are_text(text: str) -> None:
    for message in (bb_plain(text), marked(text, "key")):
        assert not re.search(r"\[/?[A-Za-z*]", message) and not re.search("[\x00-\x08\x0b-\x1f\x7f]", message)


# --- logs ------------------------------------------------------------------------------------------------------------------


@pytest.mark.row("PL-12")
@pytest.mark.parametrize("readable", [False, True], ids=["json", "terminal"])
def test_a_log_gives_no_orders_to_the_terminal_and_forges_no_line(monkeypatch: pytest.MonkeyPatch, readable: bool) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    set_up_logs("info", readable=readable)
    try:
        log.info("delivery", author=NAME + "\r\n\u2028\x85forged", nested={"name": [CONTROLS]})
        try:
            raise ValueError(CONTROLS)
        except ValueError:
            log.exception("broken")
    finally:
        structlog.reset_defaults()
    colours = re.compile(r"\x1b\[[0-9;]*m") if readable else re.compile(r"(?!)")
    written = colours.sub("", stream.getvalue()) if readable else stream.getvalue()
    assert "31m" in written and not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e\u2066\ufeff]", written)
    assert "\x1b[31m\x9b" not in stream.getvalue() and "[31m\ufffd31m" in stream.getvalue()
    if not readable:
        assert [json.loads(line)["event"] for line in written.splitlines()] == ["delivery", "broken"]


# --- templates -------------------------------------------------------------------------------------------------------------

TEMPLATES = sorted(path for room in ("kernel", "plugins") for path in (ROOT / room).rglob("*.html"))
SCRIPTS = sorted(path for room in ("kernel", "plugins", "deploy") for path in (ROOT / room).rglob("*.js"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_switches_the_escaping_off(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\|\s*safe\b|autoescape|Markup|render_template_string", text)
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|<[^>{]*\son[a-z]+=|javascript:", text), (
        "the policy would stop it"
    )
    assert not re.search(r"=\{\{", text), "an attribute without quotes"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_turns_text_into_mark_up(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|localStorage", text)
    assert found == []
    assert 'addEventListener("message"' not in text, "who listens to messages of others has to look at their origin"


def test_no_code_marks_strangers_words_as_safe() -> None:
    """Markup() around a constant is fine; around anything else it would switch the escaping off."""
    for path in sorted(path for room in ("kernel", "plugins") for path in (ROOT / room).rglob("*.py")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if "Markup(" in line and "tests" not in path.parts:
                assert re.search(r"Markup\((['\"])[^'\"]*(?:['\"][^'\"]*)*\1?\)", line), f"{path}: {line}"
