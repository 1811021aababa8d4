"""The desk's pages through Flask's test client: what they show, that it agrees, and that it adds up."""

from __future__ import annotations

import html
import json
import re
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.crm import Record, Row
from plugins.exchange import explain, reports, views_asked, views_contacts, views_explain, views_reports
from plugins.exchange.board import COLUMNS, board
from plugins.exchange.control import control
from plugins.exchange.model import Party
from plugins.exchange.tests.web_fixture import USD, Desk, StillClock, deal, make_desk, operation

NOON = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)  # 12:00 in Kyiv
HOSTILE = "<script>alert(1)</script>\u202etxt\x00\u2066"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = make_desk(tmp_path, clock=StillClock(NOON + timedelta(hours=2)))
    yield made
    made.close()


def opening(amount: int = 100_000_00, at: datetime = NOON - timedelta(days=40)) -> Any:
    return deal(
        1, operation(1, "deposit", "USD", amount, partner=None), operation(2, "deposit", "UAH", 5_000_000_00, partner=None),
        client=None, at=at,
    )  # fmt: skip


def figure(page: str, name: str) -> str:
    """The text of the figure's link on a page."""
    found = re.search(rf'data-figure="{re.escape(name)}"[^>]*>(.*?)</a>', page)
    assert found, name
    return html.unescape(re.sub("<[^>]+>", "", found[1])).replace("\u00a0", " ")


def minor_of(text: str) -> int:
    return int(re.sub(r"\D", "", text)) * (-1 if "−" in text else 1)


def adds_up(page: str) -> None:
    """The check on the page says so, and the listed parts themselves add up to the total below them."""
    assert "Сума частин = показник" in page
    parts = [int(one) for one in re.findall(r'data-minor="(-?\d+)"', page)]
    if totals := re.findall(r'data-total="(-?\d+)"', page):
        assert sum(parts) == int(totals[0])


# --- the board ------------------------------------------------------------------------------------------------------


@pytest.mark.row("EX-10")
def test_worked_example_on_the_board(desk: Desk) -> None:
    desk.stand(opening(), deal(2, operation(amount=10_000_00), at=NOON))
    client = desk.client()
    page = client.get("/exchange/board").text
    assert "<h1>Табло</h1>" in page and ">Зберігання</th>" in page
    assert figure(page, "profit/UAH/") == "1 500,00"
    assert figure(page, "held/UAH/") == "5 001 500,00"
    assert figure(page, "in_today/USD/") == "10 000,00" and figure(page, "out_today/UAH/") == "412 000,00"
    with desk.portal.read() as unit:
        assert json.loads(client.get("/exchange/board.json").text) == board(unit).data()


@pytest.mark.row("EX-10")
def test_pending_custody_and_places(desk: Desk) -> None:
    desk.stand(
        opening(),
        deal(2, operation(), stage="client_paid", at=NOON),
        deal(3, operation(place="Банк"), stage="partner_paid", custody=True, at=NOON),
    )
    page = desk.client().get("/exchange/board").text
    assert figure(page, "pending_out/UAH/Каса") == "412 000,00"
    assert figure(page, "custody/UAH/Банк") == "412 000,00" and figure(page, "custody/UAH/") == "412 000,00"
    assert figure(page, "owed/USD/Каса") == "10 000,00"


@pytest.mark.row("EX-10")
def test_as_of_a_past_moment(desk: Desk) -> None:
    desk.stand(opening(), deal(2, operation(), at=NOON))
    client = desk.client()
    before = client.get("/exchange/board?at=2026-11-21T11:59").text  # Kyiv time, a minute before
    assert figure(before, "held/UAH/") == "5 000 000,00"
    assert 'id="still"' in before and "data-live=" not in before
    after = client.get("/exchange/board?at=2026-11-21T12:00:01").text
    assert figure(after, "held/UAH/") == "5 001 500,00"
    link = re.search(r'href="([^"]+)" data-figure="held/UAH/"', after)
    assert link and "at=2026-11-21T12:00:01" in html.unescape(link[1]).replace("%3A", ":")
    assert client.get("/exchange/board?at=yesterday").status_code == 400
    typed = client.get("/exchange/board?at=21.11.2026+12:00:01").text
    assert figure(typed, "held/UAH/") == "5 001 500,00" and 'name="at" value="21.11.2026 12:00:01"' in typed


@pytest.mark.parametrize(("language", "shape", "words"), [
    ("uk", "дд.мм.рррр", "не дата"), ("ru", "дд.мм.гггг", "не дата"), ("en", "dd.mm.yyyy", "is no day"),
])  # fmt: skip
def test_days_are_typed_as_the_page_writes_them(desk: Desk, language: str, shape: str, words: str) -> None:
    """The browser's own fields follow the browser's language; ISO in an address goes on counting."""
    client = desk.client()
    client.set_cookie("annex_language", language)
    for page in ("operations", "contacts", "control"):
        typed = client.get(f"/exchange/{page}?from=01.11.2026&to=2026-11-30").text
        assert 'name="from" value="01.11.2026"' in typed and 'name="to" value="30.11.2026"' in typed
        assert f'placeholder="{shape}"' in typed
        for wrong in ("31.02.2026", "11/21/2026", "01.01.0001", "9999-12-31", "<b>", "0" * 5000):
            answer = client.get(f"/exchange/{page}", query_string={"from": wrong})
            assert answer.status_code == 400 and words in answer.text and "21.11.2026" in answer.text, wrong
            assert "<b>" not in answer.text and "0" * 41 not in answer.text
    assert not re.search(r'type="?(date|month|time|datetime-local|week)\b', client.get("/exchange/board").text)


@pytest.mark.row("EX-10")
def test_totals_say_which_rate_lacks(desk: Desk) -> None:
    desk.stand(opening())
    client = desk.client()
    page = client.get("/exchange/board").text
    assert figure(page, "worth_held") == "—" and "немає курсу: UAH" in page
    assert "Немає курсу для UAH" in client.get("/exchange/explain?figure=worth_held").text
    desk.rates(("USD", "UAH", "40"))
    assert figure(client.get("/exchange/board").text, "worth_held") == "225 000,00"
    explained = client.get("/exchange/explain?figure=worth_held").text
    adds_up(explained)
    assert "× 0,025" in explained and "NBU 21.11.2026" in explained


def test_freshness_and_deals_that_could_not_be_read(desk: Desk) -> None:
    desk.stand(opening())
    with desk.portal.unit() as unit:
        unit.tx.run(
            "INSERT INTO exchange_told VALUES ('planfix/main/77', :p, 1, '')", p=f"операція 1: {HOSTILE}\nдругий рядок"
        )
        unit.tx.run(
            "INSERT INTO inbox VALUES ('t', 'planfix/main', 'e', 'deal', '77', '', '', '', :at, 'done', '', NULL)",
            at=int((NOON + timedelta(hours=1, seconds=22)).timestamp() * 1e6),
        )
    client = desk.client()
    page = client.get("/exchange/board").text
    assert "Дані на" in page and ">14:00:00</time>" in page and "21.11.2026 13:00:22" in page
    assert "Не проведено заявок: 1" in page and 'href="https://desk.planfix.example/task/77"' in page
    assert "другий рядок" in page and "<script>alert" not in page
    assert client.get("/live/version").json["version"].endswith("1-1")


def test_an_empty_board_says_so(desk: Desk) -> None:
    assert "Проведених операцій ще немає" in desk.client().get("/exchange/board").text


def test_every_page_needs_a_session(desk: Desk) -> None:
    desk.stand(opening())
    paths = [str(rule) for rule in desk.app.url_map.iter_rules() if rule.endpoint.startswith("exchange.")]
    assert len(paths) >= 12
    for path in paths:
        answer = desk.app.test_client().get(re.sub("<[^>]+>", "planfix/main/1", path))
        assert answer.status_code == 401 and "USD" not in answer.text


# --- what a figure is made of ---------------------------------------------------------------------------------------


def crawl(client: Any, start: str, most: int = 400) -> dict[str, str]:
    """Every page of the desk reachable from there."""
    seen: dict[str, str] = {}
    waiting = [start]
    while waiting and len(seen) < most:
        address = html.unescape(waiting.pop(0))
        if address in seen:
            continue
        answer = client.get(address)
        assert answer.status_code == 200, address
        seen[address] = answer.text
        waiting += re.findall(r'(?:href|data-load)="(/(?:exchange|jobs|trace)[^"]*)"', answer.text)
    return seen


@pytest.mark.row("EX-19")
def test_every_link_opens_and_every_explanation_adds_up(desk: Desk) -> None:
    desk.rates(("USD", "UAH", "41.3"))
    desk.stand(
        opening(),
        deal(2, operation(commission_percent=Decimal("0.5"), network_fee=1234), at=NOON),
        deal(
            3,
            operation(1, "sell", "USDT/USD", 4_000_000000, client_rate="1.005", partner_rate="1.0005"),
            stage="partner_paid",
            client=Party("c/2?&#", HOSTILE),
            at=NOON,
        ),
        deal("А-4/1", operation(partner_rate=None), stage="client_paid", history=True, at=NOON - timedelta(days=30)),
    )
    desk.stand(deal(2, operation(client_rate="41.25"), at=NOON), author=HOSTILE)
    pages = crawl(desk.client(), "/exchange/board")
    kinds = {re.sub(r"\?.*", "", address).split("/")[2] for address in pages if address.startswith("/exchange")}
    assert {"board", "explain", "deals", "operations", "control", "contacts"} <= kinds
    for address, page in pages.items():
        if "subject=" not in address and re.match(r"/exchange/(explain|operations/total)", address):
            if "figure=worth_" in address and ("підсумок невідомий" in page or "Частин немає" in page):
                continue
            adds_up(page)
        if ".json" in address:
            continue  # not a page: the same characters as the command's
        assert "<script>alert" not in page and "\u202e" not in page and "\x00" not in page, address
        assert "Сума частин " not in page.replace("Сума частин =", ""), address


@pytest.mark.row("PL-07")
def test_every_page_opens_on_either_database(database_url: str, tmp_path: Path) -> None:
    desk = make_desk(tmp_path, clock=StillClock(NOON + timedelta(hours=2)), url=database_url)
    try:
        desk.stand(opening(), deal(2, operation(), at=NOON), deal(3, operation(), stage="client_paid", at=NOON))
        desk.stand(deal(2, operation(client_rate="41.25"), at=NOON))
        client = desk.client()
        crawl(client, "/exchange/board")
        crawl(client, "/exchange/board?at=2026-11-21T11:00", most=60)
        for path in (*(f"/exchange/contacts?sort={name}" for name in views_contacts.SORTS), "/jobs", "/readyz", "/metrics"):
            assert client.get(path).status_code == 200, path
    finally:
        desk.close()


@pytest.mark.row("EX-19")
def test_parts_show_reversals_times_and_authors(desk: Desk) -> None:
    desk.stand(opening(), deal(2, operation(), at=NOON))
    desk.stand(deal(2, operation(client_rate="41.25"), at=NOON), author="Марія Коваль")
    page = desk.client().get("/exchange/explain?figure=profit&currency=UAH&subject=planfix/main/2").text
    assert page.count("Розрахунок із партнером") == 3
    assert "сторновано рядком №" in page and ">сторно<" in page
    assert "Ігор Бондар" in page and "Марія Коваль" in page
    assert "(операція 1)" in page and "21.11.2026 12:00:00" in page
    assert 'href="https://desk.planfix.example/task/2"' in page


@pytest.mark.row("EX-19")
def test_a_long_explanation_is_paged_and_still_adds_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views_explain, "GROUPS_PER_PAGE", 3)
    desk.stand(opening(), *(deal(n, operation(amount=n * 100_01), at=NOON) for n in range(2, 9)))
    client = desk.client()
    shown = set()
    for page_number in (1, 2, 3):
        page = client.get(f"/exchange/explain?figure=held&currency=USD&page={page_number}").text
        adds_up(page)
        shown |= set(re.findall(r'data-figure="group/([^"]+)"', page))
    assert "Інші сторінки, заявок:" in page and shown == {"planfix/main/1", *(f"planfix/main/{n}" for n in range(2, 9))}
    assert client.get("/exchange/explain?figure=held&currency=USD&page=x").status_code == 400


def test_questions_that_make_no_sense(desk: Desk) -> None:
    desk.stand(opening())
    client = desk.client()
    for query in ("figure=nothing&currency=USD", "figure=held&currency=XXXX", "figure=held", "figure=worth_pending_in"):
        assert client.get(f"/exchange/explain?{query}").status_code == 400
    assert client.get("/exchange/deals/planfix/main/404").status_code == 404
    assert client.get("/exchange/contacts/nobody").status_code == 404


@pytest.mark.row("EX-19")
def test_own_available_is_explained_by_a_formula(desk: Desk) -> None:
    # The second operation takes more than the first one gave: the client owes the rest.
    chain = deal(
        2, operation(1, amount=1_000_00),
        operation(2, "sell", "USDT/UAH", 1_000_000000, client_rate="42", partner_rate="41.9"), stage="partner_paid", at=NOON,
    )  # fmt: skip
    desk.stand(opening(), chain)
    client = desk.client()
    page = client.get("/exchange/explain?figure=available&currency=UAH").text
    adds_up(page)
    assert "Винні клієнти" in page and "800,00" in page
    debt = client.get("/exchange/explain?figure=owed_by_clients&currency=UAH").text
    adds_up(debt)
    link = re.search(r'href="([^"]*party=c1[^"]*)"', debt)
    assert link
    assert "−800,00 UAH" in client.get(html.unescape(link[1])).text.replace("\u00a0", " ")


OPERATION = st.builds(
    lambda kind, pair, amount, rate, off, percent, fee: (kind, pair, amount, rate, off, percent, fee),
    st.sampled_from(["buy", "sell"]), st.sampled_from(["USD/UAH", "EUR/USD", "USDT/USD"]), st.integers(100, 5_000_000_00),
    st.decimals("0.5", "45", places=4), st.none() | st.decimals("-0.05", "0.05", places=4),
    st.none() | st.decimals("0.1", "2", places=2), st.none() | st.integers(1, 50),
)  # fmt: skip
DEALS = st.lists(
    st.tuples(
        OPERATION, st.sampled_from(["new", "client_paid", "partner_paid", "closed", "cancelled"]), st.booleans(),
        st.sampled_from(["Каса", "Банк"]), st.integers(0, 3), st.integers(0, 60 * 48),
    ),
    min_size=1, max_size=6,
)  # fmt: skip


def made(spec: list[Any]) -> Iterator[Any]:
    for n, ((kind, pair, amount, rate, off, percent, fee), stage, custody, place, who, minutes) in enumerate(spec):
        partner_rate = None if off is None else str(rate + off)
        op = operation(
            1, kind, pair, amount, client_rate=str(rate), partner_rate=partner_rate, place=place, commission_percent=percent,
            network_fee=fee,
        )  # fmt: skip
        yield deal(
            n // 2 + 2, op, stage=stage, custody=custody, client=Party(f"c{who}", f"Клієнт {who}"),
            at=NOON - timedelta(minutes=minutes),
        )  # fmt: skip


@contextmanager
def fresh_desk() -> Iterator[Desk]:
    with tempfile.TemporaryDirectory() as folder:
        desk = make_desk(Path(folder), clock=StillClock(NOON))
        try:
            yield desk
        finally:
            desk.close()


@pytest.mark.row("EX-19", "EX-10")
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(DEALS, st.none() | st.integers(1, 60 * 48))
def test_parts_of_any_figure_add_up_to_it(spec: list[Any], minutes_ago: int | None) -> None:
    """Deals are accepted one after another; every second changes the one before, so reversals are among the parts."""
    with fresh_desk() as desk:
        desk.stand(*made(spec))
        at = NOON - timedelta(minutes=minutes_ago) if minutes_ago else None
        with desk.portal.read() as unit:
            shown = board(unit, at)
            for line in (*shown.rows, *shown.totals):
                assert line.place or line.held == line.own + line.owed + line.custody
                for name in COLUMNS:
                    wanted = getattr(line, name)
                    question = explain.Question(name, line.currency.code, line.place, at)
                    if name == "owed_by_clients":
                        if not line.place:
                            assert sum(one[2].minor for one in views_explain.debtors(unit, question)) == wanted
                        continue
                    if name == "available":
                        debt = 0 if line.place else line.owed_by_clients
                        assert max(0, line.own - debt) == wanted
                        continue
                    groups = explain.groups(unit, question)
                    assert sum(group.amount.minor for group in groups) == wanted, question
                    for group in groups:
                        parts = explain.parts(unit, question, group.subject)
                        assert sum(part.amount.minor for part in parts) == group.amount.minor and len(parts) == group.parts
            for total in reports.operations(unit, reports.Filter())["totals"]:
                currency = desk.portal.currencies.get(total["currency"])
                for name in ("profit", "in", "out", "commission", "network_fee"):
                    parts_sum = sum(
                        one["amount"].minor for one in views_reports.total_parts(unit, reports.Filter(), name, currency)
                    )
                    assert parts_sum == int(Decimal(total[name]).scaleb(currency.scale)), (name, total)
        query = f"&at={views_asked.at_text(at.astimezone(desk.portal.zone))}" if at else ""
        client = desk.client()
        page = client.get(f"/exchange/board?{query}").text
        for line in shown.totals:
            assert minor_of(figure(page, f"held/{line.currency.code}/")) == line.held
            adds_up(client.get(f"/exchange/explain?figure=own&currency={line.currency.code}{query}").text)


# --- a deal ---------------------------------------------------------------------------------------------------------


@pytest.mark.row("EX-19", "EX-05")
def test_a_deal_shows_workings_rate_and_changes(desk: Desk) -> None:
    op = operation(
        1, "sell", "USDT/USD", 5_000_00, amount_in=USD, client_rate="1.005", partner_rate="1.0005", comment=HOSTILE,
    )  # fmt: skip
    desk.stand(opening(), deal(2, op, at=NOON))
    desk.stand(deal(2, replace(op, client_rate=Decimal("1.006")), at=NOON), author="Марія Коваль")
    desk.stand(deal(2, replace(op, client_rate=Decimal("1.006"), amount=6_000_00), at=NOON), author="Ігор Бондар")
    page = desk.client().get("/exchange/deals/planfix/main/2").text.replace("\u00a0", " ")
    assert "6 000,00 USD ÷ 1,006" in page and "5 964,214711729622266401…" in page
    assert "5 964,214712 USDT" in page
    assert "Курс клієнта: <bdi>1,005</bdi> → <strong><bdi>1,006</bdi></strong>" in page
    assert "Сума: <bdi>5 000,00 USD</bdi> → <strong><bdi>6 000,00 USD</bdi></strong>" in page
    assert "Марія Коваль" in page and "сторно рядка №" in page and "та сама валюта" in page
    assert "&lt;script&gt;" in page and "у CRM" in page


def test_a_worked_example_in_full(desk: Desk) -> None:
    op = operation(1, "sell", "USDT/USD", 5_000_00, amount_in=USD, client_rate="1.005", partner_rate="1.0005")
    desk.stand(deal(2, op, at=NOON))
    page = desk.client().get("/exchange/deals/planfix/main/2").text.replace("\u00a0", " ")
    for text in ("4 975,124378 USDT", "4 977,61 USD", "22,39 USD", "5 000,00 USD ÷ 1,005", "клієнт дає − партнер бере"):
        assert text in page


def test_an_unknown_profit_is_a_dash(desk: Desk) -> None:
    desk.stand(deal(2, operation(partner_rate=None), at=NOON))
    page = desk.client().get("/exchange/deals/planfix/main/2").text
    assert "невідомий, доки немає курсу партнера" in page


# --- reports --------------------------------------------------------------------------------------------------------


@pytest.mark.row("EX-11")
def test_operations_by_filter_agree_with_the_command(desk: Desk) -> None:
    desk.stand(
        opening(),
        deal(2, operation(), at=NOON),
        deal(
            3,
            operation(place="Банк", partner=Party("p2", "Партнер Два")),
            at=NOON - timedelta(days=1),
            manager="Ігор Бондар",
        ),
        deal(
            4, operation(1, "sell", "EUR/USD", 100_00, client_rate="1.1", partner_rate="1.09"), at=NOON - timedelta(days=25)
        ),
    )
    client = desk.client()
    filters: dict[str, tuple[reports.Filter, int]] = {
        "from=2026-11-21&to=2026-11-21": (reports.Filter(NOON.date(), NOON.date()), 1),
        "kind=sell": (reports.Filter(kind="sell"), 1),
        "currency=EUR": (reports.Filter(currency="EUR"), 1),
        "place=Банк": (reports.Filter(place="Банк"), 1),
        "manager=Ігор Бондар": (reports.Filter(manager="Ігор Бондар"), 1),
        "partner=p2": (reports.Filter(partner="p2"), 1),
        "": (reports.Filter(), 5),
    }
    for query, (wanted, count) in filters.items():
        data = json.loads(client.get(f"/exchange/operations.json?{query}").text)
        with desk.portal.read() as unit:
            assert data == reports.operations(unit, wanted)
        assert len(data["rows"]) == count
        page = client.get(f"/exchange/operations?{query if 'from' in query else query + '&from='}").text
        assert page.count('<th scope="row"><a href="/exchange/deals/') == count
    month = client.get("/exchange/operations").text  # this month unless something else is asked for
    assert "Операції: 2" in month and 'value="01.11.2026"' in month
    assert client.get("/exchange/operations?kind=gift").status_code == 400
    assert client.get("/exchange/operations?from=32.13.2026").status_code == 400


@pytest.mark.row("EX-11", "EX-07")
def test_chains_stand_in_the_report(desk: Desk) -> None:
    ops = (
        operation(1, "sell", "USDT/UAH", 100_000000, client_rate="42", partner_rate="41.9"),
        operation(2, "buy", "USDT/USD", 100_000000, client_rate="0.99", partner_rate="0.995"),
        operation(3, "sell", "EUR/USD", 90_00, client_rate="1.1", partner_rate="1.09"),
    )
    desk.stand(opening(), deal(2, *ops, at=NOON))
    page = desk.client().get("/exchange/operations").text.replace("\u00a0", " ")
    assert "Ланцюжки" in page and "4 200,00 UAH" in page and "90,00 EUR" in page


@pytest.mark.row("EX-12")
def test_control_shows_a_difference_in_red_and_in_words(desk: Desk) -> None:
    desk.stand(deal(2, operation(), stage="partner_paid", at=NOON))
    values: dict[str, Any] = {
        "kind": "buy", "pair": "USD/UAH", "amount": Decimal(10000), "amount_in": "USD", "client_rate": Decimal("41.20"),
        "partner_rate": Decimal("41.35"),
    }  # fmt: skip

    def holds(**changed: Any) -> None:
        rows = {"operation": (Row("k1", {**values, **changed}),)}
        desk.crm.records = [Record("deal", "2", stage="partner_paid", rows=rows)]

    holds()
    client = desk.client()
    frame = client.get("/exchange/control").text
    assert "Запитуємо CRM" in frame and 'data-load="/exchange/control?run=1' in frame
    page = client.get("/exchange/control?run=1").text
    assert "Розбіжностей немає" in page and "збігається" in page and "Складено" in page
    assert json.loads(client.get("/exchange/control.json").text) == control(desk.portal)
    holds(client_rate=Decimal("41.21"))  # somebody changed the CRM and the books never heard of it
    page = client.get("/exchange/control?run=1&only=differences").text.replace("\u00a0", " ")
    assert "Розбіжностей: " in page and "розбіжність 100,00 UAH" in page and 'class="differs"' in page
    assert "збігається" not in page
    part = client.get("/exchange/control?run=1", headers={"X-Annex-Part": "1"}).text
    assert "<html" not in part and "Розбіжностей: " in part


def people(desk: Desk) -> None:
    desk.rates(("USD", "UAH", "40"))
    desk.stand(
        opening(),
        deal(2, operation(), at=NOON, client=Party("c1", "Борис")),
        deal(3, operation(amount=5_000_00, partner_rate="41.10"), at=NOON, client=Party("c2", HOSTILE)),
        deal(4, operation(amount=1_00, partner_rate=None), at=NOON, client=Party("c3", "Анна")),
        deal(5, operation(amount=1_000_00), at=NOON - timedelta(days=60), client=Party("c1", "Борис")),
    )


@pytest.mark.row("EX-13")
def test_contacts_sort_and_chart(desk: Desk) -> None:
    people(desk)
    client = desk.client()

    def order(query: str) -> list[str]:
        page = client.get(f"/exchange/contacts?{query}").text
        return re.findall(r'<th scope="row"><a href="/exchange/contacts/(\w+)"', page)

    assert order("sort=-profit") == ["c1", "c2", "c3", "p1"]
    assert order("sort=profit") == ["c2", "c1", "c3", "p1"]  # unknown ones stay last
    assert order("sort=contact")[-1] == "p1" and order("sort=-turnover")[0] == "p1"
    for name in views_contacts.SORTS:
        assert len(order(f"sort=-{name}")) == 4
    assert client.get("/exchange/contacts?sort=shoe_size").status_code == 400
    page = client.get("/exchange/contacts").text
    assert "<rect" in page and 'class="loss"' in page and 'aria-sort="descending"' in page
    assert 'role="img" aria-label="Борис: 37,50\u00a0USD"' in page
    with desk.portal.read() as unit:
        wanted = views_asked.filter_from({"from": "2026-11-01", "to": "2026-11-30"})
        assert json.loads(client.get("/exchange/contacts.json?from=2026-11-01&to=2026-11-30").text) == reports.contacts(
            unit, wanted
        )


@pytest.mark.row("EX-13", "EX-06")
def test_a_contacts_whole_history(desk: Desk) -> None:
    people(desk)
    desk.stand(deal(6, operation(amount=2_00), stage="client_paid", at=NOON, client=Party("c1", "Борис")))
    client = desk.client()
    page = client.get("/exchange/contacts/c1").text.replace("\u00a0", " ")
    assert "11.2026" in page and "09.2026" in page and "Винні йому" in page and "2,00 USD" in page
    part = client.get("/exchange/contacts/c1?month=2026-09", headers={"X-Annex-Part": "1"}).text
    assert "<html" not in part and "№<bdi>5</bdi>" in part and "№<bdi>2</bdi>" not in part
    assert "№<bdi>5</bdi>" in client.get("/exchange/contacts/c1?month=2026-09").text
    partner = client.get("/exchange/contacts/p1").text
    assert "партнер" in client.get("/exchange/contacts/p1?month=2026-11").text and "заявок: 4" in partner


def test_bars_share_one_scale() -> None:
    rows = [{"profit_reported": text, "contact": text} for text in ("30", "-10", "0", "5")]
    shown = views_contacts.bars([*rows, {"profit_reported": None, "contact": "unknown"}])
    assert [bar["value"] for bar in shown] == ["30", "5", "-10"]
    assert [bar["zero"] for bar in shown] == ["25.000"] * 3
    assert (shown[0]["x"], shown[0]["width"], shown[2]["x"], shown[2]["width"]) == ("25.000", "75.000", "0.000", "25.000")


# --- words ----------------------------------------------------------------------------------------------------------

HERE = Path(__file__).parents[1]


def test_both_catalogs_are_complete_and_used() -> None:
    catalogs = [tomllib.loads((HERE / f"locale_pages/{name}.toml").read_text(encoding="utf-8")) for name in ("uk", "en")]
    assert catalogs[0].keys() == catalogs[1].keys()
    for code in catalogs[0]:
        assert len({frozenset(re.findall(r"\{(\w+)\}", catalog[code])) for catalog in catalogs}) == 1, code
    sources = [*HERE.glob("templates/exchange/*.html"), HERE / "pages.py", *HERE.glob("views_*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    used = set(re.findall(r't\("(pg_\w+)"[),]', text))
    assert used <= catalogs[0].keys(), used - catalogs[0].keys()


def test_pages_in_english(desk: Desk) -> None:
    desk.stand(opening(), deal(2, operation(), at=NOON))
    client = desk.client()
    page = client.get("/exchange/board?language=en").text
    assert "<h1>Board</h1>" in page and figure(page, "profit/UAH/") == "1 500.00"
    for address, text in crawl(client, "/exchange/board", most=60).items():
        shown = re.sub(
            r'<a [^>]*hreflang="uk".*?</a>|<(bdi|td|th|dd|option|label|dt|li|footer)\b.*?</\1>', "", text, flags=re.S
        )
        assert not re.search("Прибуток|Зберігання|Залишок|Операц", shown), address
