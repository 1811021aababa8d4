"""The dossier's pages: what a sub-tab shows and says, and that nobody sees what the CRM does not show them."""

from __future__ import annotations

import io
import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import load_workbook

from kernel.crm import Ref
from kernel.errors import BadAnswer, Maintenance, Unreachable
from plugins.dossier.tests.office import CLIENT, SECURITIES


class Browser:
    """Somebody in the CRM, who opens our pages in a frame."""

    def __init__(self, office: Any, person: str) -> None:
        self.office, self.person, self.http = office, person, office.app.test_client()

    def open(self, entity: str, record: str, page: str = "dossier/{entity}/{record}") -> Any:
        path = page.format(entity=entity, record=record)
        answer = self.http.post(f"/frame/bitrix24/main/{path}", data={"who": self.person})
        return self.http.get(answer.headers["Location"]) if answer.status_code == 303 else answer

    def post(self, path: str, **data: Any) -> Any:
        return self.http.post(path, data=data, headers={"X-CSRF-Token": self.office.served.csrf(self.http)})


@pytest.fixture
def served(office_of):
    office = office_of()
    office.serve_in_frames()
    office.deal = office.crm.staff.new("deal", stage="new", name="Счёт", client=Ref(office.card))
    office.browser = Browser(office, office.irina)
    office.base = f"/dossier/contact/{office.card}"
    return office


def opened(office: Any, set_name: str = "position", **more: Any) -> str:
    answer = office.browser.post(f"{office.base}/{set_name}/open", **more)
    assert answer.status_code == 200, answer.text
    return plain(answer.text)


def state(office: Any, set_name: str = "position") -> Any:
    found = office.browser.http.get(f"{office.base}/{set_name}/state").json
    return {**found, "status": plain(found["status"])}


def plain(text: str) -> str:
    return text.replace("\xa0", " ").replace("&nbsp;", " ")


@pytest.mark.row("BR-05", "BR-06")
def test_a_sub_tab_opens_at_once_and_the_answer_comes_in_behind(served):
    page = served.browser.open("contact", served.card).text
    assert "Пётр Ильин" in page and CLIENT in page and "+7 916 000-04-17" in page
    titles = [one.title for one in served.mapping.sets.values()]
    assert [page.index(f">{title}</button>") for title in titles] == sorted(
        page.index(f">{title}</button>") for title in titles
    )
    assert not served.source.asked, "the page itself asks nothing"
    assert "Спрашиваем учётную систему" in opened(served) and not served.source.asked
    assert state(served)["waits"] and state(served)["at"] == ""
    served.ask()
    now = state(served)
    assert not now["waits"] and now["at"] and "на 13:00" in now["status"]
    part = plain(served.browser.http.get(f"{served.base}/position/part").text)
    for text in ("208 149,50", "+ 1 без оценки, 1 не прочитано", "12 34,5", "124 690,05", "−6 228,40", "Итого: B-2026/0417"):
        assert text in part, text
    served.advance(seconds=20)
    assert "на 13:00, обновляем…" in opened(served)


@pytest.mark.row("BR-06")
@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Unreachable(), "Учётная система не отвечает."), (Maintenance(), "Регламентные работы."),
        (BadAnswer("x"), "Ответ учётной системы не разобран, администратор знает."),
    ],
)  # fmt: skip
def test_what_it_says_when_there_is_no_good_answer(served, fault, text):
    served.browser.open("contact", served.card)
    served.source.fail(fault, fault)
    opened(served)
    served.ask()
    assert f"{text} Данных ещё нет" in state(served)["status"] and "Повторить" in state(served)["status"]
    opened(served)
    served.source._faults.clear()
    served.ask()
    served.advance(minutes=2)
    served.source.fail(fault, fault)
    opened(served)
    served.ask()
    now = state(served)
    assert f"{text} Данные на 23.11.2026 13:00" in now["status"] and not now["folded"]
    served.advance(hours=25)
    served.browser.open("contact", served.card)
    opened(served)
    served.ask()
    now = state(served)
    assert now["folded"] and "показать данные на 23.11.2026" in now["status"]


@pytest.mark.row("BR-06")
def test_slow_and_very_slow(served):
    served.browser.open("contact", served.card)
    served.source.put("blocks", CLIENT)
    opened(served, "blocks")
    served.ask()
    served.advance(minutes=1)
    opened(served, "blocks")
    read, seen = served.source.read, []

    def slow(*args, **more):
        for seconds in (1, 3, 5):
            served.advance(seconds=seconds)
            seen.append(state(served, "blocks")["status"])
        return read(*args, **more)

    served.source.read = slow
    served.ask()
    for text, found in zip(("обновляем…", "отвечает медленно", "не отвечает. Данные на"), seen, strict=True):
        assert text in found
    assert "на 13:0" in state(served, "blocks")["status"], "a late answer is kept all the same"


@pytest.mark.row("BR-05")
def test_filter_sorting_choice_and_further_rows(served):
    served.source.put("withdrawals", CLIENT, withdrawals_cash=[
        {"number": f"W-{n:04}", "amount": Decimal(n), "currency": "RUB", "status": "NEW" if n % 2 else "DONE"}
        for n in range(450)
    ])  # fmt: skip
    served.browser.open("contact", served.card)
    opened(served, "withdrawals")
    served.ask()

    def rows(**args):
        return served.browser.http.get(f"{served.base}/withdrawals/withdrawals_cash/rows", query_string=args).json

    first = rows(sort="-number")
    assert first["count"] == 450 and first["rows"].count("<tr>") == 200 and "W-0449" in first["rows"]
    assert first["words"] == {"status": [["NEW", "Новая"], ["DONE", "Исполнена"]]}
    assert "Итого: Исполнена" in rows(start=200)["rows"] and "DONE" not in rows(start=200)["rows"]
    assert rows(start=400)["rows"].count("<tr>") == 50 and rows(start=450)["rows"].strip() == ""
    assert plain(rows()["totals"]).count("<bdi>101 025,00</bdi>") == 1, "over all rows, not those on the screen"
    only = rows(only_status="NEW", q="w-00 новая")
    assert only["count"] == 50 and "2 500,00" in plain(only["totals"])
    assert "Ничего не найдено" in rows(q="нет такого")["rows"]
    assert rows(start="x", sort="'; DROP", only_none="1").keys() == first.keys()
    part = served.browser.http.get(f"{served.base}/withdrawals/part").text
    assert '<option value="NEW">Новая</option>' in part


@pytest.mark.row("BR-05")
def test_a_month_opens_into_its_days(served):
    served.source.put("activity", CLIENT, trading=[
        {"day": date(2026, 11, n), "month": "2026-11", "market": "MOEX", "trades": n, "turnover": Decimal(n),
         "commission": Decimal("0.10"), "currency": "RUB"}
        for n in (2, 3)
    ])  # fmt: skip
    served.browser.open("contact", served.card)
    opened(served, "activity")
    served.ask()
    found = plain(served.browser.http.get(f"{served.base}/activity/part").text)
    month, first, second = re.findall(r"<tr class=\"(?:opens|part)\".*?</tr>", found)
    assert ">11.2026</button>" in month and "<bdi>5</bdi>" in month and "<bdi>0,20</bdi>" in month
    assert "02.11.2026" in first and "03.11.2026" in second and "hidden" in first and "11.2026</bdi>" in first


@pytest.mark.row("BR-05")
def test_files_hold_no_formula(served):
    served.source.put("position", CLIENT, securities=[*SECURITIES, {**SECURITIES[0], "instrument": "=cmd|'/c calc'!A1"}])
    served.browser.open("contact", served.card)
    opened(served)
    served.ask()
    csv = served.browser.http.get(f"{served.base}/position/securities/file.csv?q=cmd").data.decode("utf-8-sig")
    assert ";'=cmd|'/c calc'!A1;" in csv and "37370,40" in csv and csv.count("\r\n") == 2
    book = load_workbook(io.BytesIO(served.browser.http.get(f"{served.base}/position/securities/file.xlsx").data))
    cells = list(book.active.iter_rows())
    assert len(cells) == 8
    assert [one[2].data_type for one in cells if one[2].value == "=cmd|'/c calc'!A1"] == ["s"]
    assert cells[1][8].value == 37370.4
    assert served.browser.http.get(f"{served.base}/position/securities/file.exe").status_code == 404


@pytest.mark.row("BR-05")
def test_what_comes_from_outside_is_never_markup(served):
    served.source.put("position", CLIENT, securities=[{**SECURITIES[0], "instrument": "<script>alert(1)</script>"}])
    served.crm.staff.set("contact", served.card, name="<img src=x>")
    assert "<img" not in served.browser.open("contact", served.card).text
    opened(served)
    served.ask()
    assert "<script" not in served.browser.http.get(f"{served.base}/position/part").text


# --- who may see it ---------------------------------------------------------------------------------------------------


def addresses(office, base):
    yield from (("get", path) for path in (base, f"{base}/position/part", f"{base}/position/state"))
    yield from (("get", f"{base}/position/cash/{what}") for what in ("rows", "file.csv", "file.xlsx"))
    yield "post", f"{base}/position/open"
    yield "get", base.replace("/dossier/", "/dossier/block/")


def statuses(office, base):
    browser = office.browser
    return {
        (browser.http.get(path) if method == "get" else browser.post(path)).status_code
        for method, path in addresses(office, base)
    }


@pytest.mark.row("BR-19")
def test_whom_the_crm_does_not_show_the_card_sees_nothing_and_nothing_is_asked(served):
    served.hidden.add((served.irina, "contact", served.card))
    assert served.browser.open("contact", served.card).status_code == 403
    assert served.browser.open("deal", served.deal).status_code == 403, "the client's own card counts"
    served.hidden.clear()
    served.browser.open("deal", served.deal)
    other = served.crm.staff.new("contact", name="Другой", client_id="1000999")
    for base in (f"/dossier/contact/{other}", f"/dossier/deal/{other}", "/dossier/contact/nobody"):
        assert statuses(served, base) == {403}, "another number in the address"
    assert statuses(served, "/dossier/lead/1") == {404}
    assert not served.source.asked and served.log() == []


@pytest.mark.row("BR-19")
def test_a_permission_lasts_a_quarter_of_an_hour_and_is_proven_anew_by_the_same_person(served):
    served.browser.open("contact", served.card)
    opened(served)
    served.ask()
    served.advance(minutes=14)
    assert statuses(served, served.base) == {200}
    served.advance(minutes=1)
    assert statuses(served, served.base) == {403}
    prove = f"{served.base}/prove"
    assert served.browser.post(prove, AUTH_ID="").status_code == 403
    assert served.browser.post(prove, AUTH_ID="user:99").status_code == 403, "somebody else's token"
    assert statuses(served, served.base) == {403}
    assert served.browser.post(prove, AUTH_ID=served.irina).status_code == 200
    assert statuses(served, served.base) == {200}
    served.hidden.add((served.irina, "contact", served.card))
    assert served.browser.post(prove, AUTH_ID=served.irina).status_code == 403
    assert statuses(served, served.base) == {403}, "taken away at once"


@pytest.mark.row("BR-19")
def test_a_link_alone_opens_no_dossier(served):
    for client in (served.client(), served.client(served.irina), served.app.test_client()):
        assert client.get(served.base).status_code in (401, 403)
    colleague = served.crm.staff.hire("Олег").id
    served.browser.open("contact", served.card)
    assert served.client(colleague).get(served.base).status_code == 403, "a permission is one person's"


@pytest.mark.row("BR-05", "BR-19")
def test_a_deal_shows_its_clients_dossier_and_another_clients_needs_a_right_of_its_own(served):
    page = served.browser.open("deal", served.deal)
    assert "Пётр Ильин" in page.text and served.sight_asked == [[("deal", served.deal), ("contact", served.card)]]
    assert served.browser.post(f"/dossier/deal/{served.deal}/position/open").status_code == 200
    other = served.crm.staff.new("contact", name="Другой", client_id="1000999")
    served.crm.staff.set("deal", served.deal, client=Ref(other))
    served.advance(seconds=61)
    assert statuses(served, f"/dossier/deal/{served.deal}") == {403}


@pytest.mark.row("BR-05", "BR-16")
def test_a_company_has_a_dossier_of_its_own_and_a_deal_that_names_it_is_the_companys(served):
    person = served.card
    firm = served.crm.staff.new("company", name="ООО «Ромашка»", client_type="legal", client_id="1000555")
    served.source.put("position", "1000555", securities=SECURITIES[:1])
    served.card, served.base = firm, f"/dossier/company/{firm}"
    page = served.browser.open("company", firm).text
    assert "ООО «Ромашка»" in page and "Юридическое лицо" in page and "1000555" in page
    opened(served)
    served.ask()
    assert "37 370,40" in plain(served.browser.http.get(f"{served.base}/position/part").text)
    served.crm.staff.set("deal", served.deal, company=Ref(firm), client=Ref(person))
    assert "1000555" in served.browser.open("deal", served.deal).text and CLIENT not in page
    assert served.sight_asked[-1] == [("deal", served.deal), ("company", firm)]
    served.crm.staff.delete("company", firm)
    assert CLIENT in served.browser.open("deal", served.deal).text, "a company that is gone is nobody's client"


@pytest.mark.row("BR-06")
def test_no_client_id_no_question_and_a_changed_one_shows_nothing_of_the_old(served):
    served.browser.open("contact", served.card)
    opened(served)
    served.ask()
    served.crm.staff.set("contact", served.card, client_id="")
    served.advance(seconds=61)
    page = served.browser.http.get(served.base).text
    assert "Клиент ещё не заведён в учётной системе" in page and "position" not in page
    assert served.browser.post(f"{served.base}/position/open").status_code == 404 and len(served.source.asked) == 1
    served.crm.staff.set("contact", served.card, client_id="1000999")
    served.advance(seconds=61)
    served.browser.open("contact", served.card)
    text = opened(served)
    assert "GAZP" not in text and "Спрашиваем" in text and state(served)["client"] == "1000999"


@pytest.mark.row("BR-16")
def test_the_position_in_the_card_itself(served):
    page = served.browser.open("contact", served.card, "dossier/block/{entity}/{record}")
    assert page.status_code == 200 and 'data-block="position"' in page.text
    source = "https://api.bitrix24.com"  # a card stays open for longer than a permission: its page proves anew who looks
    assert f'data-source="{source}"' in page.text and f"'self' {source}" in page.headers["Content-Security-Policy"]
    served.browser.post(f"{served.base}/position/open?block=1")
    served.ask()
    part = plain(served.browser.http.get(f"{served.base}/position/part?block=1").text)
    for text in ("99 690,05", "25 000,00", "208 149,50 *", "0,20", "252,75", "на 13:00", "не все значения"):
        assert text in part, text
