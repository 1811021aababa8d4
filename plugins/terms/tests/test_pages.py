"""The form: who may see it, what it refuses, two people at once, and reading it later."""

from __future__ import annotations

from typing import Any

import pytest

from kernel.extension import Visitor
from kernel.testing.together import at_once
from plugins.terms.tests.office import ALL, ANSWERED, Office

NO = dict.fromkeys(ANSWERED, "no")


@pytest.mark.row("BR-07")
def test_it_is_filled_in_once_in_one_write(office: Office) -> None:
    deal, browser = office.deal(), office.browser(office.irina)
    page = browser.get(f"/terms/deal/{deal}")
    assert page.status_code == 200 and page.text.count("<select") == len(ANSWERED) + page.text.count('name="language"')
    assert "selected" not in page.text.partition('<form method="post" action="/terms')[2].partition("</form>")[0]
    assert office.send(browser, deal, **NO).status_code == 303
    office.run()
    assert office.answers(deal) == NO
    [write] = [one for one in office.crm.effects if one.verb == "update"]
    assert write.values == NO
    assert office.question(deal).state == "filled" and office.told(office.irina) == []
    [fill] = office.fills(deal)
    assert (fill.person_name, fill.by_form) == ("Ирина Белова", True)
    office.move(deal, "push")
    assert office.stage(deal) == "push"


@pytest.mark.row("BR-07")
def test_what_is_empty_or_unknown_is_refused_by_name(office: Office) -> None:
    deal, browser = office.deal(), office.browser(office.irina)
    answer = office.send(browser, deal, terms_margin="yes", terms_iis="maybe<script>")
    assert answer.status_code == 422 and "не заполнено: Срочный рынок, ИИС" in answer.text
    assert "maybe<script>" not in answer.text and 'value="yes" selected' in answer.text, "what was chosen stays"
    office.run()
    assert office.fills(deal) == [] and [one for one in office.crm.effects if one.verb == "update"] == []


@pytest.mark.row("BR-07")
def test_of_two_who_fill_it_in_at_once_the_second_is_told(office: Office) -> None:
    deal = office.deal()
    irina, head = office.browser(office.irina), office.browser(office.head, "head")
    assert office.send(irina, deal, **ANSWERED).status_code == 303
    late = office.send(head, deal, **NO)
    assert late.status_code == 409 and "уже заполнено: Ирина Белова, " in late.text and 'name="seen" value="1"' in late.text
    office.run()
    assert office.answers(deal) == ANSWERED
    assert office.send(head, deal, 1, **NO).status_code == 303, "and may change them"
    office.run()
    assert office.answers(deal) == NO and [one.person for one in office.fills(deal)] == [office.irina, office.head]


@pytest.mark.row("BR-07")
def test_of_two_who_press_at_the_same_moment_one_is_first(both: Office) -> None:
    deal = both.deal()
    browsers = {"yes": both.browser(both.irina), "no": both.browser(both.head, "head")}
    answers: dict[str, int] = {}

    def send(word: str) -> None:
        answers[word] = both.send(browsers[word], deal, **dict.fromkeys(ANSWERED, word)).status_code

    at_once(lambda: send("yes"), lambda: send("no"))
    assert sorted(answers.values()) == [303, 409]
    both.run()
    [first] = [word for word, status in answers.items() if status == 303]
    assert both.answers(deal) == dict.fromkeys(ANSWERED, first) and len(both.fills(deal)) == 1


def test_what_we_wrote_counts_before_the_crm_shows_it(office: Office) -> None:
    """Filled in, and moved on before our write has left."""
    deal, browser = office.deal(), office.browser(office.irina)
    office.send(browser, deal, **ANSWERED)
    assert browser.get(f"/terms/deal/{deal}").text.count('value="yes" selected') == len(ANSWERED)
    office.crm.staff.move(deal, "push", author="Ирина Белова")
    office.sync(deal)
    assert office.stage(deal) == "push" and office.crm.comments(deal) == []


@pytest.mark.row("BR-07")
def test_later_it_is_for_reading(office: Office) -> None:
    deal, browser = office.deal(), office.browser(office.irina)
    office.send(browser, deal, **ANSWERED)
    office.run()
    office.move(deal, "push")
    page = browser.get(f"/terms/deal/{deal}").text
    assert '<select name="terms' not in page and "Ирина Белова" in page and "да" in page
    assert office.send(browser, deal, 1, **NO).status_code == 409
    office.run()
    assert office.answers(deal) == ANSWERED


def test_only_those_whom_it_concerns_see_it(office: Office) -> None:
    deal = office.deal()
    for person, role, status in (
        (office.boris, "staff", 403), (office.stranger, "staff", 403), (office.head, "head", 200),
        (office.irina, "staff", 200), ("", "owner", 200),
    ):  # fmt: skip
        browser = office.browser(person, role)
        assert browser.get(f"/terms/deal/{deal}").status_code == status, (person, role)
    assert office.send(office.browser(office.boris), deal, **ANSWERED).status_code == 403
    assert office.browser(office.irina).get("/terms/deal/99999").status_code == 404
    assert office.browser(office.irina).get("/terms/deal/..%2f1").status_code == 404
    assert office.fills(deal) == []


class Sight:
    """What the CRM shows them."""

    def __init__(self, *deals: str) -> None:
        self.deals = deals

    def sees(self, records: Any) -> frozenset[tuple[str, str]]:
        return frozenset(one for one in records if one[1] in self.deals)


def test_whom_the_crm_shows_the_deal_may_read_and_not_fill_in(office: Office) -> None:
    deal, other = office.deal(), office.deal()
    browser = office.browser(office.boris)
    opened = office.site.opened["terms"]
    assert opened(Visitor(office.boris, sight=Sight(deal)), f"/terms/deal/{deal}")
    page = browser.get(f"/terms/deal/{deal}")
    assert page.status_code == 200 and "для чтения" in page.text and '<select name="terms' not in page.text
    assert office.send(browser, deal, **ANSWERED).status_code == 403 and office.fills(deal) == []
    assert browser.get(f"/terms/deal/{other}").status_code == 403, "of another deal nothing was said"
    opened(Visitor(office.boris, sight=Sight()), f"/terms/deal/{deal}")
    assert browser.get(f"/terms/deal/{deal}").status_code == 403, "it shows it to them no more"
    opened(Visitor(office.boris, sight=Sight(deal)), f"/terms/deal/{deal}")
    office.advance(minutes=15)
    assert browser.get(f"/terms/deal/{deal}").status_code == 403, "a quarter of an hour"
    opened(Visitor(office.irina, sight=Sight()), f"/terms/deal/{deal}")
    assert office.send(office.browser(office.irina), deal, **ANSWERED).status_code == 303, "whose deal it is"


def test_the_form_ends_the_task(by_task: Office) -> None:
    deal, browser = by_task.deal(), by_task.browser(by_task.irina)
    assert by_task.running(deal)
    by_task.send(browser, deal, **ANSWERED)
    by_task.run()
    assert by_task.running(deal) == [] and by_task.answers(deal) == ANSWERED


def test_nonsense_in_the_form_writes_nothing(office: Office) -> None:
    deal, browser = office.deal(**ALL), office.browser(office.irina)
    for seen in ("", "-1", "x", "9" * 30):
        form = {"csrf": office.served.csrf(browser), "seen": seen, **NO}
        assert browser.post(f"/terms/deal/{deal}", data=form).status_code == 409
    assert browser.post(f"/terms/deal/{deal}", data={"seen": "0", **NO}).status_code in (400, 403), "no csrf"
    office.run()
    assert office.answers(deal) == ANSWERED
