"""A second broker from its first question to its dossier: fields, stages, sets, elements, codes and figures are called and
written otherwise, and nothing but the files below `dealer` knows of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from app.connections import client_of
from connectors.backoffice import connector
from kernel.crm import Ref
from kernel.extension import Connection, FrameRequest, Visitor
from kernel.http import Vault
from kernel.mapping import MappingSet, load_set
from kernel.storage import Database
from kernel.testing import FakeClock, World
from kernel.web import Frame
from plugins.assignment import plugin as assignment
from plugins.dossier import asking, views
from plugins.dossier import plugin as dossier
from plugins.opening import plugin as opening
from plugins.stage_lock import plugin as stage_lock
from plugins.terms import plugin as terms
from sandbox.backoffice import Options, Sandbox

pytestmark = pytest.mark.row("BR-20")
SET = load_set(Path(__file__).parent / "dealer")
OPTIONS = [name for name in SET.entity("deal").field if name.startswith("opt_")]
CLIENT = "1000417"


class SeesAll:
    def sees(self, records: Any) -> frozenset[tuple[str, str]]:
        return frozenset(records)


class Dealer(World):
    """The dealing room with its own back office, which is a process's neighbour: asked over a socket."""

    def __init__(self, url: str, mapping: MappingSet = SET) -> None:
        self.sandbox = Sandbox(Options(faults=(("auth", "basic"), ("promise", "lookup")))).start()
        self.session = requests.Session()
        self.session.trust_env = False
        clock = FakeClock()
        self.asked_by = Database(url)
        name = "backoffice/dealer"
        connection = Connection(
            {
                "BACKOFFICE_URL": self.sandbox.address, "BACKOFFICE_PLAIN_HTTP": "yes", "BACKOFFICE_AUTH": "basic",
                "BACKOFFICE_USER": "annex", "BACKOFFICE_PASSWORD": "sandbox",
            },
            mapping, partial(client_of, "backoffice", name, self.asked_by, clock, None), clock,
            Vault(name, self.asked_by, clock, b"secret" * 8), name="dealer", connector=connector,
        )  # fmt: skip
        super().__init__(
            url, mapping, [assignment, dossier, opening, stage_lock, terms], clock=clock, connections={"dealer": connection},
            public_url="https://annex.example",
        )  # fmt: skip
        self.questions: list[Any] = []
        self.portal.memory[asking.MEMORY] = asking.Asker(self.portal, self.questions.append)
        hire = self.crm.staff.hire
        self.olga = hire("Ольга", groups=["Клиентский зал"])
        self.head = hire("Глава", groups=["Клиентский зал"], heads=["Клиентский зал"])
        self.back = hire("Тихон", groups=["Бэк-офис"])
        self.portal.people()
        self.work("stage_lock.settle")

    def close(self) -> None:
        super().close()
        self.asked_by.close()
        self.session.close()
        self.sandbox.close()

    def door(self, path: str, **data: Any) -> Any:
        answer = self.session.post(f"{self.sandbox.address}/sandbox/{path}", json=data, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def told(self, path: str) -> Any:
        return self.session.get(f"{self.sandbox.address}/sandbox/{path}", timeout=60).json()

    def client_card(self, **other: Any) -> str:
        card = {
            "name": "Ёлкин Пётр", "familiya": "Ёлкин", "imya": "Пётр", "rodilsya": date(1991, 2, 3), "nalog": "770987654347",
            "phone": "8 (900) 111-22-99", "kto": "Человек", "polozhenie": "Ждёт", **other,
        }  # fmt: skip
        return str(self.crm.staff.new("contact", **card))

    def deal(self, client: str, **other: Any) -> str:
        values = {"name": "Счёт", "client": Ref(client), "assigned": self.olga, "plan": "Про", "ploshchadki": "ММВБ"}
        made = str(self.crm.staff.new("deal", stage="beseda", author="Ольга", **{**values, **other}))
        self.sync(made)
        self.move(made, "anketa")
        return made

    def move(self, deal: str, stage: str) -> None:
        self.advance(seconds=90)
        self.crm.staff.move(deal, stage, author="Ольга")
        self.sync(deal, author="Ольга")

    def fill_in(self, deal: str, **answers: str) -> Any:
        browser = self.client(self.olga.id, "staff")
        form = {"csrf": self.served.csrf(browser), "seen": "0", **answers}
        return browser.post(f"/terms/deal/{deal}", data=form)

    def rests(self) -> None:
        for minutes in (1, 2, 3, 5):
            self.advance(minutes=minutes)
            self.timers()
            self.work("opening.look_on")
            self.work("assignment.give_out")

    def comments(self, deal: str) -> str:
        return "\n".join(one.text for one in self.crm.effects if one.verb == "comment" and one.record_id == deal)


@pytest.fixture
def dealer_of(fresh_sqlite, closing) -> Callable[..., Dealer]:
    return lambda *how: closing(Dealer(fresh_sqlite(), *how))


@pytest.fixture
def dealer(dealer_of) -> Dealer:
    return dealer_of()


def at_the_back_office(dealer: Dealer, *, markets: str = "ММВБ", **card: Any) -> tuple[str, str]:
    client = dealer.client_card(**card)
    deal = dealer.deal(client, ploshchadki=markets, **dict.fromkeys(OPTIONS, "да"))
    dealer.move(deal, "registratsiya")
    return client, deal


@pytest.mark.row("BR-07")
def test_nine_terms_are_asked_and_hold_the_deal(dealer):
    deal = dealer.deal(dealer.client_card())
    [note] = dealer.crm.notices.of(dealer.olga.id)
    assert f"https://annex.example/terms/deal/{deal}" in note
    dealer.move(deal, "registratsiya")
    assert dealer.record(deal).stage == "anketa" and dealer.told("registered")["registered"] == 0
    assert "Автоследование" in dealer.comments(deal) and "Участие в IPO" in dealer.comments(deal)
    answers = dict.fromkeys(OPTIONS, "da")
    assert len(answers) == 9
    assert "Автоследование" in dealer.fill_in(deal, **{**answers, "opt_robot": ""}).text
    assert dealer.fill_in(deal, **{**answers, "opt_ipo": "net"}).status_code == 303
    dealer.run()
    dealer.move(deal, "registratsiya")
    assert {name: dealer.record(deal).values[name] for name in OPTIONS} == {**answers, "opt_ipo": "net"}
    dealer.rests()
    [one] = [one for one in dealer.told("clients")["clients"] if one["request_id"]]
    assert one["terms"]["options"] == {
        "margin": True, "derivatives": True, "currency": True, "iis": True, "lending": True, "edo": True, "qualified": True,
        "ipo": False, "robot": True,
    }  # fmt: skip


@pytest.mark.row("BR-08", "BR-09")
def test_a_client_is_refused_in_its_words_mended_and_taken(dealer):
    client, deal = at_the_back_office(dealer, markets="ММВБ, СПБ", nalog="770123456703")
    told = dealer.comments(deal)
    assert "MARKET_CLOSED — «Площадки»" in told and "Площадка «SPB_STOCK» закрыта для этого плана" in told
    assert "DUPLICATE_PERSON" in told and f"https://crm.example/contact/{client}" in told
    dealer.crm.staff.set("contact", client, author="Ольга", nalog="770987654347")
    dealer.sync(client, entity="contact", author="Ольга")
    dealer.crm.staff.set("deal", deal, author="Ольга", ploshchadki="ММВБ, Срочный")
    dealer.sync(deal, author="Ольга")
    dealer.rests()
    [taken] = [one for one in dealer.told("clients")["clients"] if one["request_id"]]
    assert taken["details"] == {
        "last_name": "Ёлкин", "first_name": "Пётр", "birth_date": "1991-02-03", "inn": "770987654347",
        "phone": "+79001112299",
    }  # fmt: skip
    card, old = dealer.record(client, "contact").values, dealer.record(deal)
    assert (card["client_id"], card["polozhenie"]) == (taken["id"], "rabotaet")
    assert card["dogovor"].endswith(f"/{taken['id'][-4:]}") and isinstance(card["zaveden"], date)
    assert old.stage == "zaveden"
    further = dealer.record(old.values["posle"].id)
    assert (further.stage, further.values["do"].id) == ("priem", deal) and further.values["assigned"] == dealer.back
    assert {further.values[name] for name in OPTIONS} == {"da"}


@pytest.mark.row("BR-08")
@pytest.mark.parametrize("by", ["its number", "the person"])
def test_after_a_lost_answer_it_is_looked_up(dealer_of, by):
    push = SET.pushes["zayavka"]
    if by == "the person":
        push = push.model_copy(update={"service": push.service.model_copy(update={"status": ""})})
    dealer = dealer_of(replace(SET, pushes={"zayavka": push}))
    dealer.door("faults", lose_answer_next=1)
    client, deal = at_the_back_office(dealer)
    dealer.rests()
    registered = dealer.told("registered")
    assert (registered["registered"], registered["twice"]) == (1, {})
    assert dealer.record(client, "contact").values["client_id"] == "1000500" and dealer.record(deal).stage == "zaveden"
    looked = [one for one in dealer.told("requests")["entries"] if one["set"] in ("request", "clients")]
    assert {one["set"] for one in looked} == {"request" if by == "its number" else "clients"}
    sent = [one for one in dealer.told("requests")["entries"] if one["set"] == "open"]
    assert len(sent) == 1 and all(one["face"] == "dealer" for one in (*looked, *sent))


@pytest.mark.row("BR-05")
def test_its_dossier_is_shown_with_the_table_more(dealer, monkeypatch):
    def identify(opening: FrameRequest) -> Visitor:
        return Visitor(opening.form["who"], {}, SeesAll())

    dealer.serve(frames={("bitrix24", "main"): Frame(dealer.portal, identify)})
    card = dealer.client_card(client_id=CLIENT)
    browser, base = dealer.app.test_client(), f"/dossier/contact/{card}"

    def shows(page: str) -> str:
        answer = browser.get(page)
        assert answer.status_code == 200, page
        return answer.text.replace("\xa0", " ")

    def opened(name: str) -> str:
        form = {"csrf": dealer.served.csrf(browser)}
        assert browser.post(f"{base}/{name}/open", data=form).status_code == 200
        while dealer.questions:
            dealer.questions.pop()()
        return shows(f"{base}/{name}/part")

    for page in (f"dossier/contact/{card}", f"dossier/block/contact/{card}"):
        opening_page = browser.post(f"/frame/bitrix24/main/{page}", data={"who": dealer.olga.id})
        text = browser.get(opening_page.headers["Location"]).text
    assert 'data-block="portfel"' in text
    text = shows(base)
    assert all(f">{title}</button>" in text for title in ("Портфель", "Маржа"))
    text = opened("portfel")
    for figure in ("99 690,05", "0,20", "209 384,00", "252,75", "−6 228,40", "Итого: B-2026/0417", "+ 1 без оценки"):
        assert figure in text, figure
    written: list[object] = []
    tables = views.tables
    monkeypatch.setattr(views, "tables", lambda *given: written.append(given) or tables(*given))
    assert {shows(f"{base}/portfel/part") for _ in range(3)} == {text} and not written, "it is written once for all"
    browser.set_cookie("annex_language", "en")
    assert "Rows: 6" in shows(f"{base}/portfel/part") and len(written) == 1
    browser.set_cookie("annex_language", "ru")
    text = opened("marzha")
    assert len(written) > 1 and "Хватает" in text and "−5 303,95" in text
    text = shows(f"{base}/portfel/part?block=1")
    for figure in ("99 690,05", "25 000,00", "209 384,00 *", "252,75"):
        assert figure in text, figure
    dealer.door("faults", fault="MAINTENANCE")
    dealer.advance(minutes=2)
    opened("marzha")
    assert "Регламентные работы" in browser.get(f"{base}/marzha/state").json["status"]
