"""The heads' page through Flask's test client: who sees what, what it shows, and what a head can do there."""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest

from kernel.errors import Rejected, Unreachable
from plugins.assignment import api as assignment
from plugins.assignment.tests.office import CARE, SALES
from plugins.heads.pages import long_text, share_text
from plugins.heads.tests.web import HeadsOffice

pytestmark = pytest.mark.row("BR-13")
HOSTILE = "<script>alert(1)</script>\u202e"


def csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert found
    return found[1]


def press(client: Any, address: str, at: str = "/heads/", **form: str) -> Any:
    """Send the form as the page would."""
    return client.post(address, data={"csrf": csrf(client.get(at).text), **form})


def figure(page: str, name: str) -> str:
    found = re.search(rf'data-figure="{re.escape(name)}">(.*?)<', page)
    assert found, name
    return found[1].strip()


def test_load_overdue_and_the_working_day(both: HeadsOffice) -> None:
    both.day(both.anna, "open")
    both.day(both.boris, "closed")
    both.crm.late[both.anna.id] = 3
    both.clock.advance(seconds=11)
    for _ in range(2):
        both.lead(name="Иван Петров")
    page = both.client().get("/heads/").text
    assert "Анна Белова" in page and "может взять" in page
    assert figure(page, f"late/Продажи/{both.anna.id}") == "3" and figure(page, f"hand/Продажи/{both.anna.id}") == "2"
    assert figure(page, "hd_on_line").startswith("1 / ") and figure(page, "hd_waiting") == "0"
    assert "не начат" in page and page.count("Иван Петров") == 2
    assert re.search(r"начат</span> <span class=\"muted\">с <time", page)


@pytest.mark.row("BR-02", "BR-04")
@pytest.mark.parametrize(
    ("day", "gets"),
    [("open", True), ("off", True), ("paused", False), ("closed", False), ("expired", False), ("unknown", False)],
)
def test_only_who_has_started_the_day_gets_anything(office: HeadsOffice, day: str, gets: bool) -> None:
    office.day(office.boris, "closed")
    office.day(office.anna, day)
    lead = office.lead()
    assert office.owner(lead) == ("Анна Белова" if gets else "Портал")
    if not gets:
        office.day(office.anna, "open")  # told by the plugin of working days, at once
        assert office.owner(lead) == "Анна Белова"


def test_the_queue_with_its_waiting_time(office: HeadsOffice) -> None:
    for person in (office.anna, office.boris):
        office.day(person, "closed")
    lead = office.lead(name=HOSTILE)
    office.clock.advance(hours=2, minutes=5)
    page = office.client().get("/heads/").text
    assert figure(page, "hd_waiting") == "1" and "2 ч 5 мин" in page
    assert f'href="https://crm.example/lead/{lead}"' in page
    assert "&lt;script&gt;" in page and "<script>alert" not in page and "\u202e" not in page
    assert "Портал" in page


def test_each_decision_opens_into_its_reason(office: HeadsOffice) -> None:
    office.day(office.boris, "closed")
    office.day(office.anna, "open")
    lead = office.lead(name="Иван")
    client = office.client()
    page = client.get("/heads/").text
    [part] = re.findall(r'data-load="([^"]+)"', page)
    whole = client.get(part).text
    bare = client.get(part, headers={"X-Annex-Part": "1"}).text
    for text in (whole, bare):
        assert "Кандидаты" in text and "Анна Белова" in text and "+1,00" in text
        assert re.search(r"<li><bdi>Борис Волков</bdi>: .+</li>", text)
    assert "<html" in whole and "<html" not in bare
    assert client.get("/heads/decisions/lead/404").status_code == 404
    assert press(client, f"/heads/decisions/lead/{lead}/again").status_code == 303
    office.run()
    assert office.waiting("Продажи") == [lead]  # it was taken from them, and nobody else has begun
    assert "забрана у:" in client.get("/heads/").text


def test_bar_and_unbar(both: HeadsOffice) -> None:
    for person in (both.anna, both.boris):
        both.day(person, "open")
    both.lead()
    client = both.head_client()
    form = client.get(f"/heads/people/{both.anna.id}").text
    assert "Отстранить" in form and "Сейчас отстранён" not in form
    answer = press(client, f"/heads/people/{both.anna.id}/bar", reason="обучение " + HOSTILE, span="60")
    assert answer.status_code == 303 and answer.headers["Location"] == "/heads/"
    page = client.get("/heads/").text
    assert "отстранил(а) Глава Продаж: обучение &lt;script&gt;" in page and figure(page, "hd_barred") == "1"
    assert both.owner(both.lead()) == "Борис Волков"
    assert press(client, f"/heads/people/{both.anna.id}/unbar").status_code == 303
    both.run()
    history = client.get(f"/heads/people/{both.anna.id}").text
    assert "История отстранений" in history and "Сейчас отстранён" not in history
    with both.portal.read() as unit:
        [exclusion] = assignment.exclusions_of(unit, both.anna.id)
    assert exclusion.lifted_by == "Глава Продаж" and exclusion.until is not None


@pytest.mark.parametrize(("span", "status"), [("", 303), ("30", 303), ("day", 303), ("31", 400), ("x", 400)])
def test_how_long_a_bar_may_stand(office: HeadsOffice, span: str, status: int) -> None:
    office.lead()
    assert press(office.client(), f"/heads/people/{office.anna.id}/bar", span=span).status_code == status


def test_a_bar_till_midnight_is_midnight_there(office: HeadsOffice) -> None:
    office.lead()
    press(office.client(), f"/heads/people/{office.anna.id}/bar", span="day")
    with office.portal.read() as unit:
        [exclusion] = assignment.exclusions_of(unit, office.anna.id)
    assert exclusion.until is not None and (exclusion.until // 1_000_000 + 3 * 3600) % 86_400 == 0  # Moscow


def test_a_head_sees_only_their_groups(office: HeadsOffice) -> None:
    for person in (office.anna, office.boris, office.kira):
        office.day(person, "open")
    lead, deal = office.lead(name="ЛидИван"), office.lead(name="СделкаПётр", entity="deal")
    sales, care = office.head_client(), office.head_client(office.care_head)
    for client, seen, unseen in (
        (sales, "Анна Белова ЛидИван", "Кира СделкаПётр"),
        (care, "Кира СделкаПётр", "Анна ЛидИван"),
    ):
        page = client.get("/heads/").text
        assert all(word in page for word in seen.split()) and not any(word in page for word in unseen.split())
    assert care.get(f"/heads/people/{office.anna.id}").status_code == 404
    assert care.get(f"/heads/decisions/lead/{lead}").status_code == 404
    assert sales.get(f"/heads/decisions/deal/{deal}").status_code == 404
    assert press(care, f"/heads/people/{office.anna.id}/bar").status_code == 404
    assert press(care, f"/heads/decisions/lead/{lead}/again").status_code == 404
    both = office.client().get("/heads/").text
    assert "Анна Белова" in both and "Кира" in both


def test_staff_and_strangers_see_nothing(office: HeadsOffice) -> None:
    lead = office.lead()
    staff, stranger = office.client(office.anna.id, "staff"), office.app.test_client()
    paths = ["/heads/", f"/heads/people/{office.anna.id}", f"/heads/decisions/lead/{lead}"]
    assert [staff.get(path).status_code for path in paths] == [403] * 3
    assert [stranger.get(path).status_code for path in paths] == [401] * 3
    token = office.served.csrf(staff)  # their own and right: it is their role that keeps them out
    for path in (
        f"/heads/people/{office.anna.id}/bar",
        f"/heads/people/{office.anna.id}/unbar",
        f"/heads/decisions/lead/{lead}/again",
        "/heads/cases/1/grant",
    ):
        assert staff.post(path, data={"csrf": token}).status_code == 403
        assert stranger.post(path).status_code == 401
        assert office.client().post(path).status_code == 403  # no token of the page
    assert office.client("user:99", "head", "Новый").get("/heads/").status_code == 403, (
        "the CRM says of nobody that they are one"
    )


def test_a_crm_that_is_down_takes_the_page_away_only_when_rights_cannot_be_known(office: HeadsOffice) -> None:
    office.day(office.anna, "open")
    office.lead()
    client = office.head_client()
    assert "Анна Белова" in client.get("/heads/").text
    office.crm.fail_next(Unreachable("no answer"), on="people", times=9)
    office.clock.advance(minutes=2)
    assert "Анна Белова" in client.get("/heads/").text
    office.clock.advance(minutes=10)
    answer = client.get("/heads/")
    assert answer.status_code == 503 and "проверить, что вам разрешено" in answer.text
    assert "Анна Белова" in office.client().get("/heads/").text, "an operator's rights are nobody's to know but ours"


@pytest.mark.row("BR-03")
def test_a_stage_lock_case_and_its_permission(office: HeadsOffice) -> None:
    office.day(office.anna, "open")
    lead = office.lead(name="Иван")
    office.crm.fail_next(Rejected("a field of that stage is not filled"), on="update")
    office.staff.move(lead, "won", entity="lead", author=office.anna.id)
    office.deliver(lead, author=office.anna.id)
    office.run()
    client = office.head_client()
    page = client.get("/heads/").text
    [address] = re.findall(r'action="(/heads/cases/\d+/grant)"', page)
    assert "«Новый» → «Успех»" in page and "Анна Белова" in page
    care = office.head_client(office.care_head)
    assert address not in care.get("/heads/").text and press(care, address).status_code == 404
    assert press(client, address).status_code == 303
    with office.portal.read() as unit:
        row = unit.tx.one("SELECT * FROM stage_lock_grant")
    assert row is not None and (row["record_id"], row["stage"], row["person"]) == (lead, "won", "Глава Продаж")
    assert press(client, "/heads/cases/99/grant").status_code == 404


def test_the_page_is_live(office: HeadsOffice) -> None:
    client = office.client()
    versions = [client.get("/live/version").json["version"]]
    office.day(office.anna, "open")
    versions.append(client.get("/live/version").json["version"])
    office.lead()
    versions.append(client.get("/live/version").json["version"])
    press(client, f"/heads/people/{office.anna.id}/bar")
    versions.append(client.get("/live/version").json["version"])
    assert len(set(versions)) == 4 and f'data-live="{versions[-1]}"' in client.get("/heads/").text


def test_an_office_without_queues_says_so(office: HeadsOffice) -> None:
    office.configure("assignment", {})
    assert "Очереди не настроены" in office.client().get("/heads/").text


@pytest.mark.parametrize("language", ["uk", "en", "ru"])
def test_every_language(office: HeadsOffice, language: str) -> None:
    office.day(office.anna, "closed")
    lead = office.lead()
    client = office.client()
    for path in ("/heads/", f"/heads/people/{office.anna.id}", f"/heads/decisions/lead/{lead}"):
        assert client.get(f"{path}?language={language}").status_code == 200


@pytest.mark.parametrize(
    ("span", "text"),
    [(timedelta(seconds=-5), "0 мин"), (timedelta(minutes=59), "59 мин"), (timedelta(hours=3), "3 ч 0 мин"),
     (timedelta(days=2, hours=5, minutes=40), "2 дн 5 ч")],
)  # fmt: skip
def test_how_long(office: HeadsOffice, span: timedelta, text: str) -> None:
    with office.app.test_request_context(headers={"Cookie": "annex_language=ru"}):
        assert long_text(span) == text


@pytest.mark.parametrize(
    ("claim", "text"), [("1/3", "+0,33"), ("-5/4", "−1,25"), ("0", "0,00"), (Fraction(1, 1000), "0,00"), ("7", "+7,00")]
)
def test_a_share_as_shown(claim: Any, text: str) -> None:
    assert share_text(claim) == text


def test_people_are_counted_once_and_queues_of_the_same_people_are_one_table(office: HeadsOffice) -> None:
    sales = {"entity": "lead", "groups": [SALES], "sources": ["call", "web"], "label": {"ru": "Заявки", "en": "Requests"}}
    deals = {"entity": "deal", "groups": [SALES], "label": "Договоры"}
    care = {"entity": "deal", "groups": [CARE], "stages": ["work"]}
    office.configure("assignment", {"queue": {"a": sales, "b": deals, "c": care}})
    office.day(office.anna, "open")
    office.day(office.boris, "closed")
    office.day(office.kira, "off")
    page = office.client().get("/heads/").text
    assert figure(page, "hd_on_line") == "1 / 2", "who keeps no working day is on no line"
    assert figure(page, "hd_can_take") == "1 + 1"
    assert page.count(f'/heads/people/{office.anna.id}" id=') == 1, "one table for both queues"
    assert "«Заявки», «Договоры»" in page and "«Договоры»: в работе" in page and "«a»" not in page and "«b»" not in page


def test_a_head_sees_the_cases_of_their_own_departments_only(office: HeadsOffice) -> None:
    for person in (office.anna, office.kira):
        office.day(person, "open")
        lead = office.lead(name=f"Лид {person.name}")
        office.clock.advance(seconds=5)
        office.staff.move(lead, "won", entity="lead", author=person.name)
        office.sync(lead, author=person.name)
    own = office.head_client().get("/stage_lock/").text
    assert "Лид Анна Белова" in own and "Лид Кира Лис" not in own and "Кира Лис" not in own
    everything = office.client().get("/stage_lock/").text
    assert "Лид Анна Белова" in everything and "Лид Кира Лис" in everything
    numbers = re.findall(r"/stage_lock/cases/(\d+)", everything)
    answers = {office.head_client().get(f"/stage_lock/cases/{number}").status_code for number in numbers}
    assert answers == {200, 404}
