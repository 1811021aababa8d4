"""A partner's card was merged into another: the chat follows that one after a person's click on the partner's page."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from kernel.conversations import timeline
from kernel.crm import Ref
from kernel.storage import Database
from plugins.partners import store, store_following
from plugins.partners.tests.office import Office


@pytest.fixture
def gamma(office: Office) -> str:
    """A partner of the manager of «Альфа», without a chat."""
    return office.partner("Гамма")


def merge(office: Office, survivor: str) -> None:
    """Staff merge «Альфа» into it; the CRM tells of it as of a contact first, so the deals are read before the card."""
    office.crm.staff.merge(survivor, office.alpha, entity="partner")
    tell_of_the_card(office)


def tell_of_the_card(office: Office) -> None:
    for entity in ("contact", "partner"):
        office.sync(office.alpha, entity=entity)


def click(office: Office, client: Any, survivor: str) -> Any:
    return office.press(client, f"/partners/{office.alpha}/follow", survivor=survivor)


def of(office: Office, partner: str) -> dict[str, Any]:
    return dict(office.rows("SELECT state, thread FROM partner WHERE id = :id", id=partner)[0])


@pytest.mark.row("PT-06")
def test_a_deal_that_is_read_before_word_of_the_merge_is_not_taken_back(office: Office, gamma: str) -> None:
    before = office.shown("-100")
    office.crm.staff.merge(gamma, office.alpha, entity="partner")
    office.sync(office.deal_a)
    assert office.shown("-100") == before
    assert of(office, office.alpha)["state"] == "paused", "it is found out at once, whoever told of it"
    tell_of_the_card(office)
    assert click(office, office.client(), gamma).status_code == 303
    office.sync(office.deal_a)
    assert office.shown("-100") == before
    assert of(office, gamma) == {"state": "live", "thread": office.thread(gamma)}


@pytest.mark.row("PT-06")
def test_a_deal_that_left_a_card_which_is_there_is_taken_back(office: Office, gamma: str) -> None:
    row = office.record(office.deal_a).rows["operation"][0]
    office.crm.staff.edit_row("deal", office.deal_a, "operation", row.key, partner=Ref(f"contact:{gamma}"))
    office.sync(office.deal_a)
    assert office.shown("-100")[-1].startswith("Заявку знято")


@pytest.mark.row("PT-06")
@pytest.mark.parametrize("leads", [True, False])
def test_the_chat_of_a_merged_card_follows_the_survivor_after_one_click(office: Office, gamma: str, leads: bool) -> None:
    thread, before = office.thread(office.alpha), office.shown("-100")
    question = office.says("-100", "доброго ранку")
    merge(office, gamma)
    office.sync(office.deal_a)
    assert office.shown("-100") == before, "nothing is withdrawn: in the chat nothing has changed"
    assert of(office, office.alpha) == {"state": "paused", "thread": thread}
    waits = "#партнеру Де оплата?"
    client = office.by(office.manager) if leads else office.client()
    page = office.page(client, f"/partners/{office.alpha}")
    assert "Чат переходить до картки «Гамма»" in page and "«Бета»" not in page
    told = [text for text in office.comments("deal", office.deal_a) if "об'єднано з іншою" in text]
    assert len(told) == 1
    for _twice in range(2):
        answer = click(office, client, gamma)
        assert answer.status_code == 303 and answer.headers["Location"] == f"/partners/{gamma}"
    assert of(office, gamma) == {"state": "live", "thread": thread}
    assert of(office, office.alpha) == {"state": "detached", "thread": ""}
    assert office.shown("-100") == before, "who is in the chat hears nothing of it"
    shown = office.card(gamma).values
    assert shown["chat"] == "працює" and not shown.get("chat_link")
    assert str(shown["open_deals"]).startswith(f"№{office.deal_a} · ")
    assert len([text for text in office.comments("partner", gamma) if "перейшов сюди від картки «Альфа»" in text]) == 1
    row = office.record(office.deal_a).rows["operation"][0]
    office.crm.staff.edit_row("deal", office.deal_a, "operation", row.key, partner_rate=Decimal("41.30"))
    office.sync(office.deal_a)
    office.advance(seconds=31)
    office.timers()
    assert office.shown("-100")[-1].startswith("Змінено: курс 41,35 → 41,30"), "the message that stood there is changed"
    assert office.shown("-100")[0].startswith(f"Заявка {office.deal_a} ") and len(office.shown("-100")) == 2
    office.comment("deal", office.deal_a, waits)
    assert office.shown("-100")[-1] == "Ігор: Де оплата?"
    [first] = [one for one in office.bot.shown("-100") if one.text.startswith("Заявка")]
    office.says("-100", "готово", reply_to=first.vendor_id)
    office.says("-100", "дякую")
    assert office.comments("deal", office.deal_a)[-1] == "oleg: готово"
    assert office.comments("partner", gamma)[-1] == "oleg: дякую"
    office.bot.edit(question, "добрий вечір")
    office.arrive()
    assert office.rows("SELECT record FROM message WHERE text = 'добрий вечір'") == [{"record": f"partner:{gamma}"}]
    page = office.page(client, f"/partners/{office.alpha}")
    assert "Чат перейшов до картки «Гамма»" in page and "/follow" not in page
    assert "перейшов до картки" in office.page(office.client(), "/partners/")


@pytest.mark.row("PT-06")
def test_what_was_written_meanwhile_and_changed_meanwhile_comes_with_the_click(office: Office, gamma: str) -> None:
    office.comment("partner", office.alpha, "#партнеру перше")
    merge(office, gamma)
    row = office.record(office.deal_a).rows["operation"][0]
    office.crm.staff.edit_row("deal", office.deal_a, "operation", row.key, partner_rate=Decimal("41.20"))
    office.sync(office.deal_a)
    count = len(office.shown("-100"))
    click(office, office.client(), gamma)
    office.advance(seconds=31)
    office.timers()
    assert office.shown("-100")[count:][0].startswith("Змінено: курс 41,35 → 41,20")
    code = office.rows("SELECT partner FROM partner_deal")
    assert [row["partner"] for row in code] == [gamma]


@pytest.mark.row("PT-06")
def test_what_the_partner_says_meanwhile_is_written_into_the_survivor_s_card(office: Office, gamma: str) -> None:
    office.says("-100", "раніше")
    office.crm.staff.merge(gamma, office.alpha, entity="partner")
    office.says("-100", "одразу", files=[("чек.pdf", b"%PDF")])  # by this the CRM says that there is no such card
    office.sync(office.alpha, entity="partner")
    told = [one for one in office.bot.shown("-100") if one.author == "bot"]
    office.says("-100", "згодом")
    office.says("-100", "беру", reply_to=told[0].vendor_id)
    assert office.comments("deal", office.deal_a)[-1].startswith("oleg: беру")
    for _twice in range(2):
        click(office, office.client(), gamma)
    written = [text.split("\n")[0] for text in office.comments("partner", gamma) if text.startswith("oleg: ")]
    assert written == ["oleg: одразу", "oleg: згодом"]
    [first] = [one for one in office.crm.comments.of("partner", gamma) if one.text.startswith("oleg: одразу")]
    assert len(first.files) == 1
    assert office.calls("failed", "waiting") == []


@pytest.mark.row("PT-06")
def test_a_deal_that_went_elsewhere_is_taken_back_after_the_click(office: Office, gamma: str) -> None:
    delta = office.partner("Дельта")
    merge(office, gamma)
    row = office.record(office.deal_a).rows["operation"][0]
    office.crm.staff.edit_row("deal", office.deal_a, "operation", row.key, partner=Ref(delta, "Дельта"))
    office.sync(office.deal_a)
    assert "знято" not in "".join(office.shown("-100"))
    click(office, office.client(), gamma)
    assert "Заявку знято" in office.shown("-100")[-1]


@pytest.mark.row("PT-06")
def test_whoever_lets_the_chat_of_a_gone_card_go_on_has_its_deals_taken_back(office: Office, gamma: str) -> None:
    merge(office, gamma)
    office.press(office.client(), f"/partners/{office.alpha}/chat/resume")
    assert "Заявку знято" in office.shown("-100")[-1]


@pytest.mark.row("PT-06")
def test_a_survivor_with_a_chat_of_its_own_keeps_it_until_somebody_decides(office: Office) -> None:
    merge(office, office.beta)
    office.sync(office.deal_a)
    owner = office.client()
    page = office.page(owner, f"/partners/{office.alpha}")
    assert "У картки «Бета» уже є свій чат" in page and "переходить до картки «Бета»" not in page
    thread = office.thread(office.beta)
    answer = click(office, owner, office.beta)
    assert answer.status_code == 400 and "У картки «Бета» уже є свій чат" in answer.text
    assert of(office, office.beta) == {"state": "live", "thread": thread} and of(office, office.alpha)["thread"]
    office.press(owner, f"/partners/{office.beta}/chat/detach")
    assert click(office, owner, office.beta).status_code == 303
    assert of(office, office.beta)["state"] == "live" and of(office, office.beta)["thread"] != thread


@pytest.mark.row("PT-06")
def test_only_a_partner_s_card_that_is_there_can_be_followed(office: Office, gamma: str) -> None:
    owner = office.client()
    answer = click(office, owner, gamma)
    assert answer.status_code == 400 and "картка є в CRM" in answer.text, "nothing was merged"
    merge(office, gamma)
    for survivor, words in (("", "Виберіть картку"), (office.client_card, "не є карткою партнера"),
                            ("404", "не є карткою партнера"), (office.alpha, "не є карткою партнера")):  # fmt: skip
        answer = click(office, owner, survivor)
        assert answer.status_code == 400 and words in answer.text, survivor
    office.crm.staff.delete("partner", gamma)
    office.sync(gamma, entity="partner")
    answer = click(office, owner, gamma)
    assert answer.status_code == 400 and "Картка «Гамма» не є карткою партнера" in answer.text
    assert of(office, office.alpha)["thread"]


@pytest.mark.row("PT-06")
def test_a_survivor_that_is_no_partner_is_named_with_what_to_do(office: Office) -> None:
    plain = office.crm.staff.new("contact", name="Звичайний Контакт")
    row = office.record(office.deal_a).rows["operation"][0]
    office.crm.staff.edit_row("deal", office.deal_a, "operation", row.key, partner=Ref(plain, "Звичайний Контакт"))
    office.crm.staff.delete("partner", office.alpha)
    office.sync(office.alpha, entity="partner")
    office.sync(office.deal_a)
    for client in (office.client(), office.by(office.manager)):
        page = office.page(client, f"/partners/{office.alpha}")
        assert "Картка «Звичайний Контакт» не є карткою партнера" in page and "шаблон чи тип «Партнер»" in page
        answer = click(office, client, plain)
        assert answer.status_code == 400 and "не є карткою партнера" in answer.text


@pytest.mark.row("PT-06")
def test_who_leads_neither_finds_nothing_and_who_leads_one_gives_it_to_nobody_else(office: Office, gamma: str) -> None:
    delta = office.crm.staff.new("partner", name="Дельта", responsible=(Ref(office.other.id, office.other.name),))
    office.sync(delta, entity="partner", event="partner.created")
    merge(office, gamma)
    for person in (office.other, office.stranger, office.executor):
        client = office.by(person)
        assert click(office, client, gamma).status_code == 404
        page = client.get(f"/partners/{office.alpha}")
        assert page.status_code == 404 or "/follow" not in page.text
    manager = office.by(office.manager)
    assert "Дельта" not in office.page(manager, f"/partners/{office.alpha}")
    answers = [click(office, manager, one) for one in (delta, "404")]
    assert [one.status_code for one in answers] == [400, 400]
    assert all("якого ведете ви" in one.text for one in answers), "nobody learns so whether there is such a card"
    assert of(office, office.alpha)["thread"]


def test_what_a_chat_has_brought_changes_hands_in_either_database(database: Database) -> None:
    now = datetime(2026, 3, 2, 10, tzinfo=UTC)
    with database.write() as tx:
        for partner, subject, message in (("1", "p/5", "m1"), ("2", "p/5", "elsewhere"), ("2", "p/6", "m3")):
            told = store.Announcement(subject, partner, subject[2:], subject[2:], state="announced", message=message)
            store.keep_announcement(tx, told, now)
        for partner in ("1", "2"):
            store.note_person(tx, "bot", "oleg", partner, "Олег")
        store.note_person(tx, "bot", "marta", "1", "Марта")
        store.keep_sent(tx, "c1", 0, "m9", "1")
        store.keep_comment(tx, ["m7"], "k7", "partner", "1", "текст")
        store.keep_comment(tx, ["m8"], "k8", "deal", "1", "текст")
        store_following.hand_over(tx, "1", "2")
        timeline.refile(tx, "partner:1", "partner:2")
        assert store.announcements_to(tx, "1") == []
        assert {one.subject: one.message for one in store.announcements_to(tx, "2")} == {"p/5": "m1", "p/6": "m3"}
        assert store.partners_of_person(tx, "bot", "oleg") == store.partners_of_person(tx, "bot", "marta") == ["2"]
        assert [row["partner"] for row in store.sent_from(tx, "c1")] == ["2"]
        kept = [store.comment_by_key(tx, key) for key in ("k7", "k8")]
        assert [one and one["record_id"] for one in kept] == ["2", "1"], "a deal's number is another matter"
        assert store_following.unwritten(tx, "partner", "2") == [], "no message of ours is there"
