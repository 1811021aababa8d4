"""The tab «Завдання» of a partner's page: what the CRM says when somebody opens it, and what if it says nothing."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from kernel.crm import Ref, TaskList
from kernel.errors import AnnexError, NoRight, Unreachable
from kernel.testing import until
from plugins.partners import crm_tasks
from plugins.partners.tests.office import Office

pytestmark = pytest.mark.row("PT-07")
PART = {"X-Annex-Part": "1"}


def address(office: Office, partner: str = "") -> str:
    return f"/partners/{partner or office.alpha}/tasks"


def part(office: Office, client: Any, partner: str = "") -> str:
    """What the open page fetches."""
    answer = client.get(address(office, partner), headers=PART)
    assert answer.status_code == 200, answer.text[:400]
    return str(answer.text)


def give(office: Office, subject: str, who: Ref | None = None, **more: Any) -> str:
    person = who or Ref(office.manager.id, office.manager.name)
    return str(office.crm.staff.task("partner", office.alpha, subject, responsible=[person], **more))


def asked(office: Office) -> int:
    return int(office.crm.called.count("tasks"))


def test_tasks_show_subject_responsible_due_status_and_link(office: Office) -> None:
    today = office.clock.now().astimezone(office.portal.zone).date()
    give(office, "Звірити <b>рахунок</b>", due=today - timedelta(days=1))
    give(office, "Забрати готівку", due=today, status="У кур'єра", state="open")
    give(office, "Надіслати реквізити", state="done", due=today - timedelta(days=9))
    give(office, "Перевірити звіт", state="to_accept", due=today - timedelta(days=2))
    office.crm.staff.task("partner", office.beta, "чужа")
    page = part(office, office.by(office.manager))
    assert "<html" not in page and "чужа" not in page
    rows = re.findall(r"<tr>\s*<th scope=\"row\">(.*?)</tr>", page, re.DOTALL)
    assert [re.sub(r"<.*?>", "", row.partition("</bdi>")[0]) for row in rows] == [
        "Перевірити звіт", "Звірити &lt;b&gt;рахунок&lt;/b&gt;", "Забрати готівку", "Надіслати реквізити",
    ]  # fmt: skip
    assert ["прострочено" in row for row in rows] == [False, True, False, False]
    states = ["чекає на прийняття", "чекає на виконання", "У кур&#39;єра", "виконано"]
    assert all(state in row for state, row in zip(states, rows, strict=True))
    assert 'href="https://crm.example/task/1"' in rows[1] and all("Ігор Бондар" in row for row in rows)
    assert f"{today - timedelta(days=1):%d.%m.%Y}" in rows[1]


def test_the_page_opens_without_asking_and_then_fetches(office: Office) -> None:
    give(office, "Забрати готівку")
    client = office.by(office.manager)
    page = office.page(client, f"/partners/{office.alpha}?tab=tasks")
    assert f'data-load="{address(office)}"' in page and "Забрати готівку" not in page and asked(office) == 0
    assert "Забрати готівку" in part(office, client) and asked(office) == 1
    page = office.page(client, f"/partners/{office.alpha}?tab=tasks")
    assert "data-load" not in page and "Забрати готівку" in page
    whole = office.page(client, address(office))
    assert "<html" in whole and "Забрати готівку" in whole and 'id="tab-tasks" aria-current="page"' in whole


def test_what_is_shown_is_at_most_a_minute_old_and_says_of_when(office: Office) -> None:
    client = office.by(office.manager)
    first = office.clock.now().astimezone(office.portal.zone)
    give(office, "перша")
    part(office, client)
    give(office, "друга")
    office.advance(seconds=59)
    page = part(office, office.client())
    assert "друга" not in page and f"{first:%d.%m.%Y %H:%M:%S}" in page and asked(office) == 1
    office.advance(seconds=1)
    assert "data-load" in office.page(client, f"/partners/{office.alpha}?tab=tasks")
    assert "друга" in part(office, client) and asked(office) == 2


def test_each_reader_sees_no_more_tasks_than_is_theirs_to_see(office: Office) -> None:
    """Who leads the partner sees all; who has a deal with them sees their own tasks alone; the others find nothing."""
    give(office, "керівникова")
    give(office, "касирова", Ref(office.executor.id, office.executor.name))
    for person in (office.manager, None):
        page = part(office, office.by(person) if person else office.client())
        assert "керівникова" in page and "касирова" in page
    page = part(office, office.by(office.executor))
    assert "касирова" in page and "керівникова" not in page and "Лише завдання, за які відповідаєте ви" in page
    for stranger in (office.stranger, office.other):
        client = office.by(stranger)
        assert client.get(address(office), headers=PART).status_code == 404
        assert client.get(f"/partners/{office.alpha}?tab=tasks").status_code == 404
        assert client.get(address(office, "777")).status_code == 404
    office.crm.staff.set("deal", office.deal_a, executor=None)
    office.sync(office.deal_a)
    assert office.by(office.executor).get(address(office), headers=PART).status_code == 404


def test_who_sees_only_their_own_hears_of_no_count_of_others(office: Office) -> None:
    give(office, "касирова", Ref(office.executor.id, office.executor.name))
    office.crm.tasks.left = 7
    page = part(office, office.by(office.executor))
    assert "Ще 7" not in page and "решта там" in page
    assert "Ще 7" in part(office, office.by(office.manager))


def test_fifty_are_shown_and_the_rest_counted(office: Office) -> None:
    for n in range(53):
        give(office, f"задача {n}")
    office.crm.tasks.left = 40
    page = part(office, office.by(office.manager))
    assert page.count('<th scope="row">') == 50 and "Ще 43." in page and office.crm.link("partner", office.alpha) in page
    office.crm.tasks.left = None
    office.advance(minutes=2)
    page = part(office, office.by(office.manager))
    assert "Ще 3." in page and "решта там" in page


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Unreachable("late"), {"uk": "CRM зараз не відповідає", "ru": "CRM сейчас не отвечает", "en": "does not answer"}),
        (NoRight("no scope"), {"uk": "не охоплює завдань", "ru": "не охватывает задач", "en": "does not reach to tasks"}),
    ],
    ids=["away", "no right"],
)  # fmt: skip
def test_a_crm_that_does_not_tell_is_named_and_the_page_opens(
    office: Office, fault: AnnexError, words: dict[str, str]
) -> None:
    give(office, "Забрати готівку")
    for language, said in words.items():
        client = office.by(office.manager)
        client.set_cookie("annex_language", language)
        office.crm.fail_next(fault, on="tasks")
        assert said in part(office, client)
        page = office.page(client, f"/partners/{office.alpha}?tab=tasks")
        assert said in page and "Забрати готівку" not in page
        assert "Альфа" in office.page(client, f"/partners/{office.alpha}?tab=requests")
        office.advance(minutes=1)
    assert "Забрати готівку" in part(office, office.by(office.manager))


def test_what_was_read_before_a_failure_is_shown_for_its_minute_only(office: Office) -> None:
    client = office.by(office.manager)
    give(office, "Забрати готівку")
    part(office, client)
    office.crm.fail_next(Unreachable("no answer"), on="tasks")
    office.advance(seconds=59)
    assert "Забрати готівку" in part(office, client)
    office.advance(seconds=2)
    assert "Забрати готівку" not in part(office, client)


@contextmanager
def held_up(office: Office) -> Iterator[threading.Event]:
    """The CRM answers about tasks only when that is set."""
    let, real = threading.Event(), office.crm.tasks.of

    def of(entity: str, record_id: str) -> TaskList:
        assert let.wait(120)
        return real(entity, record_id)  # type: ignore[no-any-return]

    office.crm.tasks.of = of
    try:
        yield let
    finally:
        let.set()
        until(lambda: not any(one.name == "annex-tasks" for one in threading.enumerate()), "the question ends")
        office.crm.tasks.of = real


def test_a_slow_crm_is_not_waited_for_for_ever_and_asked_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crm_tasks, "WAIT_SECONDS_MAX", 0.01)
    client = office.by(office.manager)
    give(office, "Забрати готівку")
    with held_up(office):
        for _ in range(3):
            page = part(office, client)
            assert "CRM ще не відповіла" in page and "Забрати готівку" not in page
        assert "data-load" in office.page(client, f"/partners/{office.alpha}?tab=tasks")
    assert asked(office) == 1
    assert "Забрати готівку" in office.page(client, f"/partners/{office.alpha}?tab=tasks")


def test_a_silent_crm_collects_no_threads(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crm_tasks, "WAIT_SECONDS_MAX", 0.01)
    client = office.client()
    partners = [office.alpha, office.beta, *(office.partner(f"Партнер {n}") for n in range(crm_tasks.ASKED_AT_ONCE_MAX))]
    with held_up(office):
        for partner in partners:
            assert "CRM ще не відповіла" in part(office, client, partner)
        asking = [one for one in threading.enumerate() if one.name == "annex-tasks"]
        assert len(asking) == crm_tasks.ASKED_AT_ONCE_MAX


def test_no_database_is_open_while_the_crm_is_asked(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    during: list[list[str]] = []
    database = office.portal.database
    for verb in ("read", "write"):
        real = getattr(database, verb)

        @contextmanager
        def noted(*given: Any, real: Any = real, verb: str = verb, **more: Any) -> Iterator[Any]:
            opened.append(verb)
            try:
                with real(*given, **more) as tx:
                    yield tx
            finally:
                opened.remove(verb)

        monkeypatch.setattr(database, verb, noted)
    of = office.crm.tasks.of
    monkeypatch.setattr(office.crm.tasks, "of", lambda *given: during.append(list(opened)) or of(*given))
    client = office.by(office.manager)
    part(office, client)
    office.advance(minutes=2)
    office.page(client, address(office))
    assert during == [[], []]


def test_a_crm_without_tasks_says_so(office: Office) -> None:
    office.crm.tasks = None
    assert "Ця CRM не веде завдань" in part(office, office.by(office.manager))


def test_the_view_tasks_opens_with_them_and_without_notices_of_chats(office: Office) -> None:
    client = office.by(office.manager)
    office.press(client, "/partners/view", mode="tasks", partner=office.alpha)
    assert 'id="tab-tasks" aria-current="page"' in office.page(client, f"/partners/{office.alpha}")
    office.crm.staff.set("partner", office.alpha, responsible=(Ref(office.other.id, office.other.name),))
    office.sync(office.alpha, entity="partner")
    office.says("-100", f"#{office.deal_a} про угоду")
    assert notified(office, "про угоду") == {office.other.id}, "nobody else would hear of it"


@pytest.mark.parametrize("mode", ["deals", "all"])
def test_who_is_told_of_what_by_their_own_view(office: Office, mode: str) -> None:
    office.crm.staff.set("partner", office.alpha, responsible=(Ref(office.other.id, office.other.name),))
    office.sync(office.alpha, entity="partner")
    office.press(office.by(office.manager), "/partners/view", mode=mode)
    office.press(office.by(office.other), "/partners/view", mode=mode)
    office.says("-100", f"#{office.deal_a} про угоду")
    office.says("-100", "про все")
    assert notified(office, "про угоду") == {office.manager.id}
    assert notified(office, "про все") == {office.other.id}, "who leads the partner hears what nobody else would"


def notified(office: Office, words: str) -> set[str]:
    return {to for one in office.crm.effects if one.verb == "write_comment" and words in one.text for to in one.to}
