"""Who opened a page in Planfix, through the real doors: a button pressed in the emulated portal, whose script posts to our
door and puts the answer into «Табло»; hidden comments; codes typed into the page."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import flask
import pytest
import requests

from app.bootstrap import Annex, build
from app.site import make_site
from kernel.errors import NotFound, Unverified
from kernel.mapping import RoleMap
from kernel.testing import FakeClock, MemoryQueue
from sandbox.planfix.server import Options, Sandbox
from tests.browser.serving import serving
from tests.e2e.test_roles import roles

SECRET = "a-hook-secret-of-the-tests"
BOARD = 11045  #: the field «Табло» of a deal
OLEG, IHOR, MARIA, TILL = "user:1", "user:3", "user:5", "user:7"
BUTTON = "Відкрити табло"
CARD_BOARD = 10049  #: the same field of a contact


@dataclass
class House:
    """A desk whose scripts reach our door over the network; jobs and the clock go on when a test says so."""

    annex: Annex
    app: flask.Flask
    clock: FakeClock
    queue: MemoryQueue
    sandbox: Sandbox
    http: requests.Session
    host: str

    def rest(self, path: str, body: Any = None) -> Any:
        about = self.sandbox.about()
        bearer = {"Authorization": f"Bearer {about['token']}"}
        address = f"{about['base'].rstrip('/')}/{path}"
        method = "GET" if body is None else "POST"
        answer = self.http.request(method, address, json=body, headers=bearer, timeout=60)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    def door(self, path: str, body: Any) -> Any:
        answer = self.http.post(f"{self.sandbox.address}/sandbox/{path}", json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def deal(self) -> int:
        return int(self.rest("task/", {"name": "Обмін", "object": {"id": 4703}})["id"])

    def press(self, deal: int, person: str) -> str:
        """What then stands in «Табло»."""
        done = self.door("button", {"task": deal, "button": BUTTON, "user": person})
        assert done["state"] == "done", done
        return self.field(deal)

    def field(self, deal: int) -> str:
        items = self.rest(f"task/{deal}?fields={BOARD}")["task"].get("customFieldData", [])
        return str(items[0]["value"] or "") if items else ""

    def work(self) -> None:
        self.queue.run_until_quiet(self.annex.handlers())
        assert self.queue.broken == []

    def empty_fields(self) -> None:
        next(one for one in self.annex.works() if one.name == "annex:fields").run()
        self.work()

    def comments(self, task: int) -> list[dict[str, Any]]:
        fields = "id,description,isHidden,recipients"
        found = self.rest(f"task/{task}/comments/list", {"fields": fields, "typeList": "Comments"})["comments"]
        return [one for one in found if one["description"]]

    def hidden_for(self, person: str, tasks: Any = ()) -> list[str]:
        """The texts of hidden comments that only this person is to read."""
        texts = []
        for task in tasks or self.tasks():
            for one in self.comments(task):
                people = [user["id"] for user in one["recipients"]["users"]]
                if one["isHidden"] and people == [person] and not one["recipients"].get("groups"):
                    texts.append(one["description"])
        return texts

    def tasks(self) -> list[int]:
        return [task["id"] for task in self.rest("task/list", {"fields": "id,name"})["tasks"]]

    def annex_tables(self) -> list[Any]:
        """Everything that is kept about signing in and about calls."""
        tables = ("web_link", "web_code", "web_private", "web_shown", "web_press", "outgoing", "inbox")
        with self.annex.database.read() as tx:
            return [tx.all(f"SELECT * FROM {table}") for table in tables] + [str(job.args) for job in self.queue.runs]

    def browser(self) -> Any:
        return self.app.test_client()

    def enter(self, address: str, browser: Any = None) -> Any:
        return (browser or self.browser()).post(address.removeprefix(self.host))

    def code_for(self, email: str, browser: Any) -> str:
        """Ask for a code; the newest that stands in a hidden comment anywhere, empty if there is none."""
        asked = browser.post("/sign-in", data={"email": email, "to": "/exchange/board"})
        assert asked.status_code == 303 and asked.headers["Location"] == "/sign-in/code"
        self.work()
        person = next((f"user:{n}" for n in "1357" if email.casefold() == f"u{n}@example.com"), "nobody")
        found = [code for text in self.hidden_for(person) for code in re.findall(r"\b[0-9]{6}\b", text)]
        return found[-1] if found else ""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with serving() as server, requests.Session() as http:
        http.trust_env = False
        options = Options(post_to=server.address, hook_secret=SECRET, faults=(("rate_per_second", 0.0),))
        with Sandbox(options) as sandbox:
            about, clock = sandbox.about(), FakeClock()
            queue = MemoryQueue(clock)
            environment = {
                "ANNEX_HOME": str(tmp_path), "ANNEX_SET": "exchange-desk-planfix", "ANNEX_PUBLIC_URL": server.address,
                "PLANFIX_URL": about["base"], "PLANFIX_TOKEN": about["token"], "PLANFIX_HOOK_SECRET": SECRET,
            }  # fmt: skip
            annex = build(environment, clock=clock, queue=queue)
            annex.migrate()
            app = make_site(annex)
            server.app = app
            yield House(annex, app, clock, queue, sandbox, http, server.address)
            app.extensions["annex"].live.close()
            annex.close()


# --- the button ----------------------------------------------------------------------------------------------------------


@pytest.mark.row("PL-09")
@pytest.mark.parametrize("number", ["on", "off"])
def test_who_pressed_gets_a_link_that_works_once_for_two_minutes_and_then_leaves_the_field(
    house: House, number: str
) -> None:
    house.door("faults", {"author_id": number})
    deal = house.deal()
    address = house.press(deal, IHOR)
    assert address.startswith(f"{house.host}/enter/")
    browser = house.browser()
    entered = house.enter(address, browser)
    assert entered.status_code == 303 and entered.headers["Location"] == "/exchange/board"
    assert "Ігор Бондар" in browser.get("/exchange/board").text
    house.work()
    assert house.field(deal) == "", "used: it leaves the field"
    assert house.enter(address).status_code == 410

    house.door("advance", {"seconds": 61})
    address = house.press(deal, IHOR)
    house.clock.advance(seconds=119)
    house.empty_fields()
    assert house.field(deal) == address
    house.clock.advance(seconds=2)
    assert house.enter(address).status_code == 410
    house.empty_fields()
    assert house.field(deal) == ""


@pytest.mark.row("PL-09")
def test_an_owner_and_an_accountant_get_the_address_as_a_hidden_comment_for_them_alone(house: House) -> None:
    owner = RoleMap(label="owner", administrators=True, rights=["*"], private_link=True)
    accountant = RoleMap(label="accountant", groups=["Каса"], rights=["exchange"], private_link=True)
    roles(house.annex, owner=owner, accountant=accountant)
    for person, name in ((OLEG, "Олег Власник"), (TILL, "Каса")):
        deal = house.deal()
        shown = house.press(deal, person)
        assert shown == f"{name}: посилання надіслано вам прихованим коментарем"
        house.work()
        [text] = house.hidden_for(person, [deal])
        assert all(one["isHidden"] for one in house.comments(deal) if "enter/" in one["description"])
        address = re.search(rf"{house.host}/enter/[\w-]+", text)
        assert address and address[0] not in str(house.annex_tables())
        house.clock.advance(seconds=14 * 60)
        browser = house.browser()
        assert house.enter(address[0], browser).status_code == 303
        assert browser.get("/exchange/board").status_code == 200
        assert house.enter(address[0]).status_code == 410


@pytest.mark.row("PL-09")
def test_two_of_one_name_and_nobody_get_no_link_and_the_field_says_why(house: House) -> None:
    house.rest("user/5", {"name": "Ігор", "lastname": "Бондар"})
    house.annex.runtime.portal.staff.forget()
    house.door("faults", {"author_id": "off"})
    deal = house.deal()
    assert house.press(deal, IHOR) == "Двоє людей звуться «Ігор Бондар»: додайте до сценарію author_id"
    house.door("faults", {"author_id": "on"})
    for person in (IHOR, MARIA):
        house.door("advance", {"seconds": 61})
        assert house.enter(house.press(deal, person)).status_code == 303, "a number tells them apart"
    house.work()
    house.door("advance", {"seconds": 61})
    house.rest("user/5", {"status": "Inactive"})
    house.annex.runtime.portal.staff.forget()
    assert "user:5" in house.press(deal, MARIA)
    house.clock.advance(seconds=121)
    house.empty_fields()
    assert house.field(deal) == "", "words leave the field as well"


@pytest.mark.row("PL-09", "PL-02")
def test_a_delivery_seen_before_gives_no_second_link(house: House) -> None:
    deal = house.deal()
    house.door("faults", {"lose_answer_next": 1})
    done = house.door("button", {"task": deal, "button": BUTTON, "user": IHOR})
    assert done["state"] == "will retry"
    house.door("advance", {"seconds": 16 * 60})
    assert house.door("wait-idle", {"timeout": 60})["idle"]
    assert house.field(deal) == "Натисніть ще раз"
    with house.annex.database.read() as tx:
        assert tx.value("SELECT COUNT(*) FROM web_link") == 1
    house.door("advance", {"seconds": 61})
    assert house.enter(house.press(deal, IHOR)).status_code == 303


@pytest.mark.row("PL-09")
def test_a_browser_of_somebody_else_is_not_switched_over(house: House) -> None:
    browser, deal = house.browser(), house.deal()
    house.enter(house.press(deal, IHOR), browser)
    house.door("advance", {"seconds": 61})
    address = house.press(deal, MARIA)
    path = address.removeprefix(house.host)
    for answer in (browser.get(path), browser.post(path)):
        assert answer.status_code == 409
        assert "Це посилання для Марія Коваль" in answer.text and "Спершу вийдіть" in answer.text
    assert "Ігор Бондар" in browser.get("/exchange/board").text
    csrf = re.search(r'name="csrf" value="([^"]+)"', browser.get(path).text)
    assert csrf and browser.post("/leave", data={"csrf": csrf[1]}).status_code == 200
    assert browser.post(path).status_code == 303, "the link was not used up by that"
    assert "Марія Коваль" in browser.get("/exchange/board").text


@pytest.mark.row("PL-09")
def test_what_still_comes_with_the_old_signature_is_named(house: House) -> None:
    script = next(one for one in house.sandbox.portal.scripts if one.name == "Перерахувати")
    parameters = script.steps[0]["parameters"]
    parameters["sig"] = (
        f'%%%HMACSHA256({{{{Задача.Номер}}}}+"|"+"deal.recalculate"+"|"+{{{{Переменная.delivery}}}}; "{SECRET}")%%%'
    )
    deal = house.deal()
    assert house.door("button", {"task": deal, "button": "Перерахувати", "user": IHOR})["status"] == 200
    owner = house.browser()
    house.enter(house.app.extensions["annex"].links.for_operator("Олена", "/"), owner)
    page = owner.get("/portals", follow_redirects=True).text
    assert "<code>deal.recalculate</code>" in page and "<code>deal.created</code>" not in page
    script = next(one for one in house.sandbox.portal.scripts if one.name == BUTTON)
    script.steps[0]["parameters"]["sig"] = parameters["sig"].replace("deal.recalculate", "board.link")
    assert house.press(deal, IHOR).startswith("Сценарій кнопки застарів")
    assert "<code>board.link</code>" in owner.get("/connections").text


# --- the code ------------------------------------------------------------------------------------------------------------


@pytest.mark.row("PL-09")
def test_a_code_out_of_a_hidden_comment_signs_in_that_very_person(house: House) -> None:
    browser = house.browser()
    assert "/sign-in" in browser.get("/exchange/board").text, "the menu's link leads to the page without a session"
    code = house.code_for(" U3@example.com ".strip(), browser)
    assert house.browser().post("/sign-in/code", data={"code": code}).status_code == 410, "not in another browser"
    entered = browser.post("/sign-in/code", data={"code": f"{code[:3]} {code[3:]}"})
    assert entered.status_code == 303 and entered.headers["Location"] == "/exchange/board"
    assert "Ігор Бондар" in browser.get("/exchange/board").text
    assert code not in str(house.annex_tables())
    again = house.browser()
    assert again.post("/sign-in/code", data={"code": code}).status_code == 410
    [place] = [t for t in house.rest("task/list", {"fields": "id,name,assignees"})["tasks"] if "вхід" in t["name"]]
    assert place["name"] == "Annex: вхід — Ігор Бондар (3)" and [u["id"] for u in place["assignees"]["users"]] == [IHOR]
    second = house.code_for("u3@example.com", again)
    assert second != code and again.post("/sign-in/code", data={"code": second}).status_code == 303
    assert sum("вхід" in t["name"] for t in house.rest("task/list", {"fields": "id,name"})["tasks"]) == 1


@pytest.mark.row("PL-09")
def test_five_tries_five_minutes_and_three_codes_an_hour(house: House) -> None:
    browser = house.browser()
    code = house.code_for("u3@example.com", browser)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for left in (4, 3, 2, 1):
        answer = browser.post("/sign-in/code", data={"code": wrong})
        assert answer.status_code == 403 and f"Залишилося спроб: {left}" in answer.text
    assert browser.post("/sign-in/code", data={"code": wrong}).status_code == 410
    assert browser.post("/sign-in/code", data={"code": code}).status_code == 410, "the right one comes too late"
    code = house.code_for("u3@example.com", browser)
    house.clock.advance(seconds=301)
    assert browser.post("/sign-in/code", data={"code": code}).status_code == 410
    house.code_for("u3@example.com", browser)
    assert browser.post("/sign-in", data={"email": "u3@example.com"}).status_code == 429
    assert house.browser().post("/sign-in", data={"email": "U3@EXAMPLE.com"}).status_code == 429
    assert browser.post("/sign-in", data={"email": "u5@example.com"}).status_code == 303, "of others nothing is counted"
    house.clock.advance(seconds=3601)
    code = house.code_for("u3@example.com", browser)
    assert browser.post("/sign-in/code", data={"code": code}).status_code == 303


@pytest.mark.row("PL-09")
def test_nobody_learns_whether_an_address_is_known(house: House) -> None:
    def told(email: str) -> list[tuple[int, str]]:
        browser, answers = house.browser(), []
        for _ in range(4):
            answers.append(browser.post("/sign-in", data={"email": email}))
            house.work()
            answers.append(browser.get("/sign-in/code"))
        answers += [browser.post("/sign-in/code", data={"code": "x"})]
        answers += [browser.post("/sign-in/code", data={"code": "00000a"})]
        for _ in range(6):
            answers.append(browser.post("/sign-in/code", data={"code": "000000"}))
        return [(one.status_code, one.text.replace(email, "…")) for one in answers]

    known = told("u3@example.com")
    assert known == told("stranger@example.com") == told("u9@example.com"), "a robot is nobody, too"
    assert [status for status, _text in known][-6:] == [403, 403, 403, 403, 410, 410]
    with house.annex.database.read() as tx:
        assert "stranger" not in str(tx.all("SELECT * FROM web_code")), "addresses are not kept"


@pytest.mark.row("PL-09")
def test_a_code_that_could_not_be_written_at_once_is_written_once(house: House) -> None:
    browser = house.browser()
    house.door("faults", {"cut_after_commit_next": 2})
    code = house.code_for("u3@example.com", browser)
    assert len(house.hidden_for(IHOR)) == 1
    assert browser.post("/sign-in/code", data={"code": code}).status_code == 303


class Stubborn:
    """The CRM's hidden comments, whose next write fails; with `done` it took effect all the same."""

    def __init__(self, real: Any, fault: Exception, done: bool) -> None:
        self.real, self.fault, self.done = real, [fault], done

    can_hide = True

    def write(self, *args: Any, **more: Any) -> str:
        if self.fault:
            if self.done:
                self.real.write(*args, **more)
            raise self.fault.pop()
        return str(self.real.write(*args, **more))


@pytest.mark.row("PL-09")
def test_what_the_crm_did_not_hide_is_good_for_nobody(house: House) -> None:
    crm, browser, deal = house.annex.runtime.portal.crm, house.browser(), house.deal()
    real = crm.comments
    crm.comments = Stubborn(real, Unverified("it stands openly"), done=True)
    code = house.code_for("u3@example.com", browser)
    assert browser.post("/sign-in/code", data={"code": code}).status_code == 410
    crm.comments = Stubborn(real, Unverified("it stands openly"), done=True)
    house.press(deal, OLEG)
    house.work()
    [text] = house.hidden_for(OLEG, [deal])
    address = re.search(rf"{house.host}/enter/[\w-]+", text)
    assert address and house.enter(address[0]).status_code == 410

    crm.comments, deal = real, house.deal()
    house.door("faults", {"hidden_comments": "off"})
    house.press(deal, OLEG)
    house.work()
    assert house.comments(deal) == [], "taken away again"
    with house.annex.database.read() as tx:
        assert tx.value("SELECT COUNT(*) FROM web_link WHERE used_at IS NULL") == 0


@pytest.mark.row("PL-09")
def test_a_button_on_a_card_opens_the_page_for_whoever_pressed_it(house: House) -> None:
    contact = int(house.rest("contact/", {"name": "Ірина", "template": {"id": 1}})["id"])

    def press(person: str) -> str:
        done = house.door("button", {"contact": contact, "button": BUTTON, "user": person})
        assert done["state"] == "done", done
        house.door("advance", {"seconds": 61})
        items = house.rest(f"contact/{contact}?fields={CARD_BOARD}")["contact"].get("customFieldData", [])
        return str(items[0]["value"] or "") if items else ""

    address = press(IHOR)
    assert house.enter(address).status_code == 303
    house.work()
    house.annex.runtime.portal.staff.forget()
    assert press(OLEG).endswith("прихованим коментарем")
    house.work()
    found = house.rest(f"contact/{contact}/comments/list", {"fields": "id,description,isHidden", "typeList": "Comments"})
    [comment] = [one for one in found["comments"] if "/enter/" in one["description"]]
    assert comment["isHidden"]
    house.clock.advance(seconds=121)
    house.empty_fields()
    assert not house.rest(f"contact/{contact}?fields={CARD_BOARD}")["contact"].get("customFieldData", [{}])[0].get("value")


@pytest.mark.row("PL-09")
def test_a_task_for_codes_that_somebody_deleted_is_made_anew(house: House) -> None:
    crm, browser = house.annex.runtime.portal.crm, house.browser()
    crm.comments = Stubborn(crm.comments, NotFound("deleted"), done=False)
    code = house.code_for("u3@example.com", browser)
    assert browser.post("/sign-in/code", data={"code": code}).status_code == 303


@pytest.mark.row("PL-09")
def test_while_the_crm_is_silent_the_field_and_the_page_say_so(house: House) -> None:
    deal = house.deal()
    house.annex.runtime.portal.staff.forget()
    house.door("faults", {"down": "on"})
    sig = hmac.new(SECRET.encode(), f"{deal}|board.link|d-1|Каса|7".encode(), "sha256").hexdigest()
    body = {"task": deal, "event": "board.link", "delivery": "d-1", "author": "Каса", "author_id": "7", "sig": sig}
    answer = house.browser().post("/hooks/planfix/main/board.link", data=body)
    assert answer.status_code == 200 and answer.json["say"].startswith("CRM зараз не каже")
    assert house.browser().post("/sign-in", data={"email": "u3@example.com"}).status_code == 503


@pytest.mark.row("PL-09")
def test_whoever_was_dismissed_meanwhile_gets_in_by_no_way(house: House) -> None:
    browser, deal = house.browser(), house.deal()
    code, address = house.code_for("u3@example.com", browser), house.press(deal, IHOR)
    house.rest("user/3", {"status": "Inactive"})
    house.annex.runtime.portal.staff.forget()
    assert browser.post("/sign-in/code", data={"code": code}).status_code == 403
    assert house.enter(address).status_code == 403
    assert house.code_for("u3@example.com", house.browser()) in ("", code), "no new one is written"


@pytest.mark.parametrize(("language", "words"), [("uk", "Надіслати код"), ("ru", "Отправить код"), ("en", "Send the code")])
def test_the_pages_speak_the_readers_language(house: House, language: str, words: str) -> None:
    browser = house.browser()
    assert words in browser.get(f"/sign-in?language={language}").text
    bad = browser.post("/sign-in", data={"email": "це не адреса"})
    assert bad.status_code == 400 and words in bad.text and "e-mail" in bad.text
    for foreign in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        assert browser.post("/sign-in", data={"email": "u3@example.com"}, headers=foreign).status_code == 403
        assert browser.post("/sign-in/code", data={"code": "123456"}, headers=foreign).status_code == 403
