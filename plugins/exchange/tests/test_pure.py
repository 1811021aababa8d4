"""The pure part of the desk, rule by rule: what is booked when and where, and which figures come out. No database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kernel import texts
from kernel.errors import BadInput, Refused
from kernel.ledger import Draft, Leg
from kernel.values import Currencies, Currency, Pair, from_micros, round_minor, to_micros
from plugins.exchange.figures import chain_line, check_chain, figures, profits, remainders, workings
from plugins.exchange.formats import money_text
from plugins.exchange.model import CANCELLED, STAGES, Deal, Money, Operation, Party, deal_data, deal_from
from plugins.exchange.postings import postings
from plugins.exchange.rates import Rate, Rates
from plugins.exchange.reading import chain_problems, positive
from plugins.exchange.rules import advance, custody_dated, fresh_payouts, payout_refusal, positions, timed
from plugins.exchange.settings import ExchangeSettings
from plugins.exchange.store import derive, operation_time

KYIV = ZoneInfo("Europe/Kyiv")
KNOWN = Currencies()
USD, EUR, UAH, USDT = (KNOWN.get(code) for code in ("USD", "EUR", "UAH", "USDT"))
CREATED = to_micros(datetime(2026, 11, 2, 9, 0, tzinfo=KYIV))
DAY = 86_400 * 1_000_000
#: When each stage was entered: all moments differ, and the last lies half an hour after midnight in Kyiv.
ENTERED = {
    "client_paid": to_micros(datetime(2026, 11, 3, 10, 0, tzinfo=KYIV)),
    "partner_paid": to_micros(datetime(2026, 11, 4, 11, 0, tzinfo=KYIV)),
    "closed": to_micros(datetime(2026, 11, 6, 0, 30, tzinfo=KYIV)),
}
texts.add_folder(Path(__file__).parents[1] / "locale")


def op(number: int = 1, kind: str = "buy", amount: int = 100_00, pair: Any = (USD, UAH), **more: Any) -> Operation:
    base = pair[0] if pair else USD
    plain = Operation(f"k{number}", str(number), kind, amount, base, Pair(*pair) if pair else None, place="Каса")
    rates = {"client_rate": Decimal("41.2"), "partner_rate": Decimal("41.35")} if pair else {}
    return replace(plain, **{**rates, **more})


def own(kind: str, number: int = 1, **more: Any) -> Operation:
    return op(number, kind, pair=None, **more)


def deal(*operations: Operation, stage: str = "closed", **more: Any) -> Deal:
    known = {"client": Party("c", "Олена"), "entered": ENTERED, **more}
    return Deal("p/7", "7", stage, operations, CREATED, **known)


def booked(found: Deal) -> dict[str, tuple[int, list[tuple[str, str, int, str]]]]:
    return {
        one.slot: (one.at, [(leg.account, leg.currency, leg.amount, leg.place) for leg in one.legs])
        for one in (posting.check() for posting in postings(found, KYIV))
    }


def times(found: Deal) -> dict[str, int]:
    return {slot: at for slot, (at, _) in booked(found).items()}


# --- when -------------------------------------------------------------------------------------------------------------


@pytest.mark.row("EX-02")
def test_each_posting_stands_at_the_moment_of_its_stage():
    paid, partner, closed = ENTERED.values()
    one = op(commission_percent=Decimal(1), network_fee=500)
    assert times(deal(one)) == {
        "client_in": paid, "turn:k1": partner, "partner:k1": partner, "commission:k1": partner, "fee:k1": partner,
        "payout": closed,
    }  # fmt: skip
    assert times(deal(own("deposit"), own("move", 2, to_place="Банк"))) == {"deposit:k1": closed, "move:k2": closed}


def test_money_taken_out_of_custody_counts_from_its_own_moment():
    taken = ENTERED["partner_paid"] + DAY
    kept = deal(op(), own("custody_out", 2, amount_in=UAH, amount=1000_00), custody=True, stage="partner_paid")
    kept = replace(kept, entered={**ENTERED, "custody:k2": taken})
    assert (times(kept)["custody_in"], times(kept)["custody_out:k2"]) == (ENTERED["partner_paid"], taken)


def test_an_operations_own_time_counts_before_all_others():
    at = CREATED - 5 * DAY
    whole = deal(op(at=at, issue_date=date(2026, 11, 1)), own("deposit", 2, at=at))
    assert set(times(whole).values()) == {at} and operation_time(whole, whole.operations[0], KYIV) == at


@pytest.mark.parametrize(
    ("issued", "at"),
    [
        (date(2026, 11, 4), datetime(2026, 11, 5, 0, 0, tzinfo=KYIV) - timedelta(microseconds=1)),
        (date(2026, 11, 5), datetime(2026, 11, 6, 0, 0, tzinfo=KYIV) - timedelta(microseconds=1)),
        (date(2026, 11, 6), datetime(2026, 11, 6, 0, 30, tzinfo=KYIV)),  # the day itself: when it was closed
        (date(2026, 11, 7), datetime(2026, 11, 6, 0, 30, tzinfo=KYIV)),  # later: only a plan
        (None, datetime(2026, 11, 6, 0, 30, tzinfo=KYIV)),
    ],
)
def test_an_earlier_date_of_issue_is_the_payouts_day(issued, at):
    found = times(deal(op(issue_date=issued)))
    assert from_micros(found["payout"], KYIV) == at and found["client_in"] == ENTERED["client_paid"]


@pytest.mark.parametrize(
    ("issued", "at"),
    [
        (None, ENTERED["client_paid"]),
        (date(2026, 11, 3), ENTERED["client_paid"]),
        (date(2026, 11, 5), to_micros(datetime(2026, 11, 5, tzinfo=KYIV))),
        (date(2026, 10, 30), to_micros(datetime(2026, 10, 30, tzinfo=KYIV))),
    ],
)
def test_reports_count_an_operation_when_the_client_paid_or_on_its_date_of_issue(issued, at):
    one = op(issue_date=issued)
    assert operation_time(deal(one), one, KYIV) == at
    assert operation_time(deal(op(), entered={}), op(), KYIV) == CREATED


# --- what and where ---------------------------------------------------------------------------------------------------


@pytest.mark.row("EX-02", "EX-11")
def test_which_postings_each_stage_has():
    kinds = (
        own("deposit", 3),
        own("withdraw", 4),
        own("move", 5, to_place="Банк"),
        own("to_partner", 6, partner=Party("p", "П")),
    )
    whole = (op(), *kinds)
    first, second = {"client_in"}, {"client_in", "turn:k1", "partner:k1"}
    last = second | {"payout", "deposit:k3", "withdraw:k4", "move:k5", "to_partner:k6"}
    wanted = {"new": set(), "client_paid": first, "partner_paid": second, "closed": last, CANCELLED: set()}
    assert {stage: set(booked(deal(*whole, stage=stage))) for stage in (*STAGES, CANCELLED)} == wanted


def test_a_chain_over_two_places_takes_the_money_where_it_lies():
    first = op(1, amount=100_00, place="Каса")
    second = op(
        2, "sell", 4120_00, (EUR, UAH), amount_in=UAH, client_rate=Decimal("41.2"), partner_rate=Decimal("41"), place="Банк"
    )
    found = booked(deal(first, second))
    assert found["client_in"][1] == [("place", "USD", 100_00, "Каса"), ("client", "USD", -100_00, "Каса")]
    assert found["turn:k1"][1] == [
        ("client", "USD", 100_00, "Каса"), ("trading", "USD", -100_00, "Каса"),
        ("trading", "UAH", 4120_00, "Каса"), ("client", "UAH", -4120_00, "Каса"),
    ]  # fmt: skip
    assert found["turn:k2"][1] == [
        ("client", "UAH", 4120_00, "Каса"), ("trading", "UAH", -4120_00, "Каса"),
        ("trading", "EUR", 100_00, "Банк"), ("client", "EUR", -100_00, "Банк"),
    ]  # fmt: skip
    assert found["payout"][1] == [("client", "EUR", 100_00, "Банк"), ("place", "EUR", -100_00, "Банк")]


@pytest.mark.parametrize(
    ("kind", "legs"),
    [
        ("deposit", [("place", 100_00, "Каса"), ("equity", -100_00, "Каса")]),
        ("withdraw", [("place", -100_00, "Каса"), ("equity", 100_00, "Каса")]),
        ("to_partner", [("place", -100_00, "Каса"), ("partner", 100_00, "Каса")]),
        ("from_partner", [("place", 100_00, "Каса"), ("partner", -100_00, "Каса")]),
    ],
)
def test_own_money_goes_the_way_its_name_says(kind, legs):
    found = postings(deal(own(kind, partner=Party("p", "П"))), KYIV)
    assert [(leg.account, leg.amount, leg.place) for leg in found[0].legs] == legs
    assert [leg.flow for leg in found[0].legs] == ["in" if legs[0][1] > 0 else "out", ""]


def test_what_the_client_is_paid_is_what_he_gets_less_the_commission():
    one = op(commission_percent=Decimal("1.5"), commission_fixed=10_00)
    found = booked(deal(one))
    assert found["commission:k1"][1] == [("client", "UAH", 71_80, "Каса"), ("commission", "UAH", -71_80, "Каса")]
    assert found["payout"][1] == [("client", "UAH", 4048_20, "Каса"), ("place", "UAH", -4048_20, "Каса")]
    owed = sum(leg[2] for _, legs in found.values() for leg in legs if leg[0] == "client")
    assert owed == 0, "nothing is left between desk and client"


@pytest.mark.row("EX-09")
def test_custody_is_paid_out_once_in_parts_and_at_the_end():
    parts = [own("custody_out", n, amount_in=UAH, amount=1000_00) for n in (2, 3)]
    for stage, rest in (("partner_paid", 2120_00), ("closed", 0)):
        found = booked(deal(op(), *parts, custody=True, stage=stage))
        kept = -sum(leg[2] for _, legs in found.values() for leg in legs if leg[0] == "custody")
        paid = -sum(
            leg[2] for slot, (_, legs) in found.items() if slot.startswith("custody_") for leg in legs if leg[0] == "place"
        )
        assert (kept, paid) == (rest, 4120_00 - rest) and "payout" not in found


def test_facts_come_back_as_they_went_in_whatever_the_settings_say_later():
    odd = Currency("ODD", 3)
    whole = deal(
        op(
            1,
            pair=(odd, USDT),
            amount=5,
            commission_percent=Decimal("0.5"),
            commission_fixed=7,
            network_fee=9,
            issue_date=date(2026, 11, 5),
            partner=Party("p", "П"),
            comment="а\nб",
            at=5,
        ),
        own("move", 2, to_place="Банк"),
        custody=True,
        custody_until=date(2026, 12, 1),
        manager="Ігор",
        record_id="7",
        url="x://",
    )
    assert deal_from("p/7", deal_data(whole)) == whole


# --- figures ----------------------------------------------------------------------------------------------------------


@pytest.mark.row("EX-03")
@pytest.mark.parametrize(
    ("kind", "amount_in", "amount", "gives", "gets", "profit"),
    [
        ("buy", USD, 100_00, (100_00, USD), (4120_00, UAH), 15_00),
        ("sell", USD, 100_00, (4120_00, UAH), (100_00, USD), -15_00),
        ("buy", UAH, 4120_00, (100_00, USD), (4120_00, UAH), 15_00),
        ("sell", UAH, 4120_00, (4120_00, UAH), (100_00, USD), -15_00),
        ("sell", UAH, 100_00, (100_00, UAH), (2_43, USD), -48),  # 100 ÷ 41.2 = 2.4271…
    ],
)
def test_both_kinds_with_the_amount_on_either_side(kind, amount_in, amount, gives, gets, profit):
    found = figures(op(1, kind, amount, amount_in=amount_in))
    assert (found.gives, found.gets) == (Money(*gives), Money(*gets)) and found.profit == Money(profit, UAH)


def test_fees_are_taken_in_what_the_client_gets():
    for kind, currency in (("buy", UAH), ("sell", USD)):
        found = figures(op(1, kind, commission_percent=Decimal(2), commission_fixed=100, network_fee=50))
        assert found.commission.currency == found.network_fee.currency == found.due.currency == currency
        assert found.commission.minor == 100 + found.gets.minor * 2 // 100 and found.network_fee.minor == 50
        assert found.due.minor == found.gets.minor - found.commission.minor


@pytest.mark.parametrize(("amount", "rate", "rounded"), [(1, "0.5", 0), (3, "0.5", 2), (5, "0.5", 2), (1, "0.51", 1)])
def test_half_a_cent_goes_to_the_even_one(amount, rate, rounded):
    assert figures(op(amount=amount, client_rate=Decimal(rate))).gets.minor == rounded


def test_a_profit_that_is_not_known_is_not_nothing():
    known, unknown = op(1), op(2, partner_rate=None)
    for ops in ((known, unknown), (unknown, known)):
        assert profits(deal(*ops), [figures(one) for one in ops]) == [(UAH, None)]
    other = op(3, pair=(EUR, USD), partner_rate=None)
    assert profits(deal(known, other), [figures(known), figures(other)]) == [(UAH, 15_00), (USD, None)]


def chain(*pairs: tuple[str, tuple[Currency, Currency]]) -> tuple[Deal, list[Any]]:
    ops = [op(n, kind, pair=pair, client_rate=Decimal(2), partner_rate=None) for n, (kind, pair) in enumerate(pairs, 1)]
    return deal(*ops), [figures(one) for one in ops]


@pytest.mark.row("EX-06")
def test_every_link_of_a_chain_is_checked():
    good = (("buy", (USD, UAH)), ("sell", (EUR, UAH)), ("buy", (EUR, USDT)), ("buy", (USDT, UAH)))
    check_chain(*chain(*good))
    for broken in range(1, len(good)):
        pairs = [*good]
        pairs[broken] = ("buy", (KNOWN.get("PLN"), KNOWN.get("CZK")))
        with pytest.raises(Refused) as notice:
            check_chain(*chain(*pairs))
        assert notice.value.values["number"] == str(broken + 1)


def test_a_chains_line_and_what_does_not_meet_in_it():
    first = op(1, commission_fixed=20_00)  # 100 USD → 4120 UAH, less 20
    second = op(2, "sell", 4000_00, (EUR, UAH), amount_in=UAH, client_rate=Decimal(40))  # 4000 UAH → 100 EUR
    parts = [figures(first), figures(second)]
    line = chain_line(parts)
    assert (line.first, line.last, line.rate) == (Money(100_00, USD), Money(100_00, EUR), Decimal(1))
    assert remainders(parts) == [Money(100_00, UAH)]


# --- what cannot be booked --------------------------------------------------------------------------------------------


def wrong(*operations: Operation, **more: Any) -> list[str]:
    return [problem.error.code for problem in chain_problems(deal(*operations, **more), "Пара")]


@pytest.mark.row("EX-08")
@pytest.mark.parametrize("left", [1, 0, -1])
@pytest.mark.parametrize("parts", [1, 2, 3])
def test_all_that_is_kept_can_be_taken_out_and_not_a_cent_more(left, parts):
    amounts = [1000_00] * (parts - 1)
    amounts.append(4120_00 - sum(amounts) - left)
    taken = [own("custody_out", n, amount_in=UAH, amount=amount) for n, amount in enumerate(amounts, 2)]
    assert wrong(op(), *taken, custody=True) == ([] if left >= 0 else ["custody_exceeded"])
    assert wrong(op(), *taken) == ["no_custody"]
    assert wrong(op(), own("custody_out", 2, amount_in=USD, amount=1), custody=True) == ["custody_currency"]


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_a_commission_may_take_all_the_client_gets_and_not_a_cent_more(over):
    assert wrong(op(commission_fixed=4120_00 + over)) == (["commission_exceeds"] if over > 0 else [])
    halves = op(commission_percent=Decimal(50), commission_fixed=2060_00 + over)
    assert wrong(halves) == (["commission_exceeds"] if over > 0 else [])


@pytest.mark.parametrize("amount", ["0", "0.00", "-0.01", "-5"])
def test_an_operation_is_over_something(amount):
    with pytest.raises(BadInput):
        positive(Decimal(amount), USD)
    assert positive(Decimal("0.01"), USD) == 1
    assert wrong(op(amount=1, client_rate=Decimal("0.4"))) == ["rounds_to_nothing"]


# --- rules ------------------------------------------------------------------------------------------------------------


def step(before: str | None, read: str, *, entered: Any = None, now: int = 99, **settings: Any) -> Any:
    known = deal(op(), stage=before, entered=entered or {}) if before else None
    return advance(
        known, deal(op(), stage=read, entered={}), ExchangeSettings(**settings), now=now, today=date(2026, 11, 5), labels={}
    )


@pytest.mark.row("EX-02")
@pytest.mark.parametrize("was", [None, *STAGES, CANCELLED])
@pytest.mark.parametrize("to", [*STAGES, CANCELLED])
def test_only_a_jump_is_refused_and_only_where_jumps_are(was, to):
    here = STAGES.index(was) if was in STAGES else 0
    jumps = to != CANCELLED and STAGES.index(to) > here + 1
    refused = step(was, to, jump="refuse")
    assert (refused.refusal is not None) is jumps and refused.deal.stage == ((was or "new") if jumps else to)
    assert step(was, to, jump="post").refusal is None


def test_a_stage_keeps_the_moment_it_was_first_entered_and_loses_it_when_left():
    on = timed(None, deal(op(), stage="client_paid", entered={}), 1)
    further = timed(on, deal(op(), stage="closed", entered={}), 2)
    again = timed(further, deal(op(), stage="closed", entered={}), 3)
    assert further.entered == again.entered == {"client_paid": 1, "partner_paid": 2, "closed": 2}
    back = timed(again, deal(op(), stage="client_paid", entered={}), 4)
    assert back.entered == {"client_paid": 1} and timed(back, deal(op(), entered={}), 5).entered["closed"] == 5
    cancelled = timed(again, deal(op(), stage=CANCELLED, entered={}), 6)
    assert cancelled.entered == again.entered == timed(cancelled, deal(op(), entered={}), 7).entered


def test_the_moment_of_taking_out_is_kept_for_each_row():
    taken = [own("custody_out", n, amount_in=UAH, amount=1) for n in (2, 3)]
    one = timed(None, deal(op(), taken[0], stage="partner_paid", entered={}), 1)
    two = timed(one, deal(op(), *taken, stage="partner_paid", entered={}), 2)
    assert (two.entered["custody:k2"], two.entered["custody:k3"]) == (1, 2)
    assert "custody:k2" not in timed(None, deal(op(), *taken, stage="client_paid", entered={}), 1).entered


@pytest.mark.parametrize("days", [1, 30])
def test_money_is_kept_as_many_days_as_said(days):
    settings, today = ExchangeSettings(custody_days=days), date(2026, 2, 27)
    assert custody_dated(deal(op(), custody=True), settings, today).custody_until == today + timedelta(days=days)
    own_date = deal(op(), custody=True, custody_until=date(2026, 12, 31))
    assert custody_dated(own_date, settings, today) == own_date
    assert custody_dated(deal(op()), settings, today).custody_until is None


def row(account: str, amount: int, party: str = "") -> dict[str, Any]:
    return {"account": account, "party": party, "currency": "UAH", "amount": amount}


def paying(amount: int, *, slot: str = "payout") -> Draft:
    legs = (Leg("client", "UAH", amount, "Каса", "a"), Leg("place", "UAH", -amount, "Каса", flow="out"))
    return Draft("posting", "p/7", "k", 0, {"slot": slot}, legs)


@pytest.mark.row("EX-10")
def test_a_payout_may_leave_exactly_what_belongs_to_others():
    balances = [row("place", 500), row("client", -200, "a"), row("client", -100, "b"), row("custody", -200, "c")]
    assert payout_refusal(balances, [paying(200)], KNOWN) is None  # 300 held, 300 of others
    [other] = [payout_refusal([row("place", 499), *balances[1:]], [paying(200)], KNOWN)]
    assert other is not None and (other.values["held"], other.values["needed"], other.values["short"]) == (
        "2.99",
        "3.00",
        "0.01",
    )


def test_nobodys_debt_pays_for_another():
    balances = [row("place", 100), row("client", 900, "debtor"), row("client", -100, "b")]
    found = positions(balances, [])["UAH"]
    assert (found.held, found.clients) == (100, 100)
    assert payout_refusal(balances, [paying(1)], KNOWN) is not None


def test_a_correction_of_what_had_left_is_no_new_payout():
    undone = replace(paying(-300), kind="reversal")
    assert fresh_payouts([undone, paying(350)]) == {} and fresh_payouts([paying(350), paying(5, slot="fee")]) == {"UAH": 355}


# --- what is derived --------------------------------------------------------------------------------------------------

RATES = Rates([], days_max=10)


@pytest.mark.row("EX-02")
def test_profit_is_recognised_from_the_partners_payment_on_and_own_money_when_closed():
    found = {
        stage: [one["recognised"] for one in derive(deal(op(), own("deposit", 2), stage=stage), RATES, USD, KYIV).operations]
        for stage in (*STAGES, CANCELLED)
    }
    assert found == {"new": [0, 0], "client_paid": [0, 0], "partner_paid": [1, 0], "closed": [1, 1], CANCELLED: [0, 0]}


def test_what_is_expected_is_what_closing_would_still_move():
    expected = {
        stage: [
            (one["currency"], one["flow"], one["amount"])
            for one in derive(deal(op(), stage=stage), RATES, USD, KYIV).pending
        ]
        for stage in (*STAGES, CANCELLED)
    }
    came, partner, payout = ("USD", "in", 100_00), [("USD", "out", 100_00), ("UAH", "in", 4135_00)], ("UAH", "out", 4120_00)
    assert expected == {
        "new": [came, *partner, payout], "client_paid": [*partner, payout], "partner_paid": [payout],
        "closed": [], CANCELLED: [],
    }  # fmt: skip


def listed(*rates: tuple[str, str, int, str], days_max: int = 10) -> Rates:
    return Rates([Rate(b, q, date(2026, 11, day), Decimal(r), "list") for b, q, day, r in rates], days_max=days_max)


def test_the_newest_rate_not_later_than_the_day_and_not_too_old_counts():
    known = listed(("USD", "UAH", 3, "41"), ("USD", "UAH", 5, "42"), ("USD", "UAH", 7, "43"))

    def worth(day: int) -> int | None:
        found = known.value(Money(1_00, USD), UAH, date(2026, 11, day))
        return found.money.minor if found else None

    assert [worth(day) for day in (2, 3, 4, 5, 6, 7, 17, 18)] == [None, 4100, 4100, 4200, 4200, 4300, 4300, None]


def test_a_rate_serves_both_ways_and_through_a_third_currency():
    known = listed(("USD", "UAH", 5, "40"), ("EUR", "UAH", 5, "44"))
    day = date(2026, 11, 5)
    worth = {
        (one.code, other.code): found.money.minor
        for one in (USD, EUR, UAH)
        for other in (USD, EUR, UAH)
        if (found := known.value(Money(880_00, one), other, day))
    }
    assert worth == {
        ("USD", "USD"): 880_00, ("USD", "UAH"): 35200_00, ("UAH", "USD"): 22_00, ("EUR", "USD"): 968_00,
        ("USD", "EUR"): 800_00, ("EUR", "EUR"): 880_00, ("UAH", "UAH"): 880_00, ("EUR", "UAH"): 38720_00,
        ("UAH", "EUR"): 20_00,
    }  # fmt: skip


def test_profit_is_valued_at_the_rate_of_the_desks_own_day():
    night = datetime(2026, 11, 5, 0, 30, tzinfo=KYIV).astimezone(UTC)  # the fourth in Greenwich
    known = listed(("USD", "UAH", 4, "40"), ("USD", "UAH", 5, "50"))
    [found] = derive(deal(op(at=to_micros(night))), known, USD, KYIV).operations
    assert (found["profit"], found["reported"], found["reported_rate"]) == (15_00, 30, "0.02")


@pytest.mark.parametrize(
    ("minor", "text"), [(-123456789, "-1 234 567,89 UAH"), (-5, "-0,05 UAH"), (0, "0,00 UAH"), (100000, "1 000,00 UAH")]
)
def test_amounts_as_staff_read_them(minor, text):
    assert money_text(Money(minor, UAH), "uk") == text and money_text(None, "uk") == "—"
    assert money_text(Money(minor, UAH), "en") == text.replace(",", ".")


def test_how_amounts_came_about_ends_at_what_is_booked():
    for kind in ("buy", "sell"):
        for amount_in in (USD, UAH):
            one = op(1, kind, 33_333, amount_in=amount_in, commission_percent=Decimal("1.5"), commission_fixed=7)
            part, steps = figures(one), {step.what: step for step in workings(one)}
            assert set(steps) == {"client_quote" if amount_in == USD else "base", "partner_quote", "commission"}
            for step in steps.values():
                assert step.rounded.minor == round_minor(step.exact, step.rounded.currency)
            assert steps["commission"].rounded.minor == part.commission.minor - 7
            partner = part.partner_gives if kind == "buy" else part.partner_takes
            assert steps["partner_quote"].rounded == partner
    assert [step.what for step in workings(op(partner_rate=None))] == ["client_quote"]
