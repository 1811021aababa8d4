"""Trading days of an exchange desk, as data: deals, what staff do with them, and what they must come to in the end.

A `Plan` is one deal: an ordered list of acts. The expectation is kept beside it by the one who plans the act, in plain
fractions, so that the demo can compare the books with what people meant.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

NEW, PAID, PARTNER, CLOSED = (
    "Нове звернення",
    "Підтвердження оплати клієнта",
    "Підтвердження оплати партнера",
    "Закриття угоди",
)
CANCELLED = "Скасовано"
SCALES = {"UAH": 2, "USD": 2, "EUR": 2, "PLN": 2, "GBP": 2, "CZK": 2, "CHF": 2, "USDT": 6}
PARTNERS = ("contact:801", "contact:802", "contact:803")
NAMES = (
    "Олена Коваленко", "Тарас Шевчук", "ТОВ «Гранд»", "Ірина Мельник", "Андрій Бойко", "Наталія Ткач", "Дмитро Кравець",
    "Софія Лисенко", "Максим Гриценко", "Юлія Панченко", "ФОП Савчук", "Катерина Романюк", "Віктор Поліщук", "ТОВ «Океан»",
)  # fmt: skip


@dataclass
class Trade:
    """One operation as it is meant to stand in the end."""

    kind: str
    base: str
    quote: str
    amount: Decimal
    amount_in: str
    rate: Decimal
    partner_rate: Decimal | None
    partner: str = PARTNERS[0]
    place: str = "Каса"
    key: int = 0

    def row(self) -> dict[str, Any]:
        values: dict[str, Any] = {
            "Вид": "Купівля" if self.kind == "buy" else "Продаж", "Пара": f"{self.base}/{self.quote}", "Сума": self.amount,
            "Валюта суми": self.amount_in, "Курс клієнта": _comma(self.rate), "Партнер": {"id": self.partner},
            "Місце": self.place,
        }  # fmt: skip
        if self.partner_rate is not None:
            values["Курс партнера"] = _comma(self.partner_rate)
        return values


def _comma(rate: Decimal) -> str:
    """As staff type it."""
    return format(rate, "f").replace(".", ",")


@dataclass
class Plan:
    name: str
    who: str
    client: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)  #: further rows: owners' money, moves
    acts: list[Callable[[Any], None]] = field(default_factory=list)
    task: int = 0
    stage: str = NEW  #: where it is meant to end
    custody_left: Fraction | None = None  #: what must still be kept
    paid_out: bool = True
    case: str = "plain"


def rounded(value: Fraction, code: str) -> Fraction:
    """Half-even to the currency's scale."""
    return Fraction(round(value * 10 ** SCALES[code]), 10 ** SCALES[code])


def sides(trade: Trade) -> tuple[tuple[str, Fraction], tuple[str, Fraction], Fraction | None]:
    """What the client gives, what they get, the partner's QUOTE amount."""
    amount, rate = Fraction(trade.amount), Fraction(trade.rate)
    if trade.amount_in == trade.base:
        base, quote = amount, rounded(amount * rate, trade.quote)
    else:
        base, quote = rounded(amount / rate, trade.base), amount
    partner = None if trade.partner_rate is None else rounded(base * Fraction(trade.partner_rate), trade.quote)
    mine, theirs = (trade.base, base), (trade.quote, quote)
    return (mine, theirs, partner) if trade.kind == "buy" else (theirs, mine, partner)


def expected_held(plans: Sequence[Plan]) -> dict[str, Fraction]:
    """What the desk must hold per currency once everything has come to rest."""
    held: dict[str, Fraction] = {}

    def add(code: str, amount: Fraction) -> None:
        held[code] = held.get(code, Fraction(0)) + amount

    for plan in plans:
        if plan.stage == CANCELLED or plan.stage == NEW:
            continue
        if plan.trades:
            gives = sides(plan.trades[0])[0]
            add(*gives)
        if plan.trades and plan.stage in (PARTNER, CLOSED):
            for trade in plan.trades:
                _partner_leg(trade, add)
            code, gets = sides(plan.trades[-1])[1]
            if plan.custody_left is not None:
                add(code, plan.custody_left - gets)
            elif plan.stage == CLOSED:
                add(code, -gets)
        if plan.stage == CLOSED:
            for row in plan.rows:
                sign = {"Внесення": 1, "Виведення": -1, "Передача партнеру": -1, "Отримання від партнера": 1}.get(
                    row["Вид"], 0
                )
                add(row["Пара"], sign * Fraction(row["Сума"]))
    return {code: amount for code, amount in held.items() if amount}


def _partner_leg(trade: Trade, add: Callable[[str, Fraction], None]) -> None:
    gives, gets, partner = sides(trade)
    if partner is None:
        return
    if trade.kind == "buy":
        add(gives[0], -gives[1])
        add(trade.quote, partner)
    else:
        add(trade.quote, -partner)
        add(gets[0], gets[1])


def expected_profit(plan: Plan) -> dict[str, Fraction | None]:
    """Profit per currency; None where a partner's rate is unknown."""
    found: dict[str, Fraction | None] = {}
    for trade in plan.trades:
        gives, gets, partner = sides(trade)
        so_far = found.get(trade.quote, Fraction(0))
        if partner is None or so_far is None:
            found[trade.quote] = None
        else:
            gained = partner - gets[1] if trade.kind == "buy" else gives[1] - partner
            found[trade.quote] = so_far + gained
    return found


class Storyteller:
    """Plans the days. `cross(base, quote, day)` is the central bank's rate of that day."""

    def __init__(self, seed: int, cross: Callable[[str, str, date], Decimal]) -> None:
        self._random, self._cross = random.Random(seed), cross  # noqa: S311 - a story, not a secret
        self._count = 0

    def opening(self, day: date) -> list[Plan]:
        """The owners put money in."""
        sums = {
            "USD": 400000,
            "EUR": 350000,
            "UAH": 9000000,
            "PLN": 900000,
            "GBP": 150000,
            "CZK": 3000000,
            "CHF": 120000,
            "USDT": 500000,
        }
        plans = []
        for code, amount in sums.items():
            plan = Plan(f"Внесок власників {code}", "user:1", case="opening balance")
            plan.rows = [{"Вид": "Внесення", "Пара": code, "Сума": Decimal(amount), "Місце": "Каса"}]
            self._move_all(plan, CLOSED)
            plans.append(plan)
        return plans

    def trading_day(self, day: date, deals: int) -> list[Plan]:
        special = [
            self._chain(2), self._chain(3), self._chain(5), self._custody(closed=True), self._custody(closed=False),
            self._loss(), self._unknown_partner(), self._corrected(open_deal=True), self._corrected(open_deal=False),
            self._partner_changed(), self._moved_back(), self._jumped(), self._cancelled(), self._typo(),
            self._moved_between_places(), self._to_partner(), self._waiting(), self._half_way(),
        ]  # fmt: skip
        plans = [make(day) for make in special]
        while len(plans) < deals:
            plans.append(self._plain(day))
        self._random.shuffle(plans)
        return plans

    # --- the pieces -------------------------------------------------------------------------------------------------

    def _trade(
        self, day: date, pair: tuple[str, str] | None = None, kind: str = "", *, in_quote: bool | None = None
    ) -> Trade:
        choose = self._random.choice
        base, quote = pair or choose(
            [
                ("USD", "UAH"),
                ("EUR", "USD"),
                ("EUR", "PLN"),
                ("GBP", "USD"),
                ("EUR", "CZK"),
                ("USD", "PLN"),
                ("USDT", "USD"),
                ("EUR", "CHF"),
            ]
        )
        kind = kind or choose(["buy", "sell"])
        mid = self._cross(base, quote, day)
        spread = Decimal(self._random.randint(2, 9)) / 1000
        margin = Decimal(self._random.randint(1, 4)) / 1000
        # Buying: the client gets less than the partner pays. Selling: they pay more than the partner takes.
        sign = -1 if kind == "buy" else 1
        rate = (mid * (1 + sign * (spread + margin))).quantize(Decimal("0.0001"))
        partner_rate = (mid * (1 + sign * spread)).quantize(Decimal("0.0001"))
        in_quote = self._random.random() < 0.4 if in_quote is None else in_quote
        amount = Decimal(self._random.randint(20, 900) * 10)
        if in_quote:
            amount = (amount * rate / 10).to_integral_value(ROUND_HALF_EVEN) * 10
        partner = choose(PARTNERS)
        return Trade(kind, base, quote, amount, quote if in_quote else base, rate, partner_rate, partner)

    def _deal(self, day: date, trades: list[Trade], case: str) -> Plan:
        self._count += 1
        client = self._random.choice(NAMES)
        number = NAMES.index(client)
        plan = Plan(f"Обмін {self._count}: {client}", self._random.choice(["user:3", "user:5"]), trades=trades, case=case)
        if number < 3:
            plan.client = f"contact:{811 + number}"
        else:
            plan.fields |= {"Ім'я клієнта": client}
            way = number % 3
            if way == 0:
                plan.fields["Телефон клієнта"] = f"+38 (067) 555-{number:02d}-{number:02d}"
            elif way == 1:
                plan.fields["Email клієнта"] = f"client{number}@example.com"
            else:
                plan.fields["Telegram клієнта"] = f"@client_{number}"
        return plan

    def _move_all(self, plan: Plan, until: str, *, start: str = PAID) -> None:
        stages = [PAID, PARTNER, CLOSED]
        for stage in stages[stages.index(start) : stages.index(until) + 1]:
            plan.acts.append(_moving(plan, stage))
        plan.stage = until

    def _plain(self, day: date) -> Plan:
        plan = self._deal(day, [self._trade(day)], "plain")
        self._move_all(plan, CLOSED)
        return plan

    def _waiting(self) -> Callable[[date], Plan]:
        return lambda day: self._deal(day, [self._trade(day)], "not paid yet")

    def _half_way(self) -> Callable[[date], Plan]:
        def make(day: date) -> Plan:
            plan = self._deal(day, [self._trade(day)], "half way")
            self._move_all(plan, self._random.choice([PAID, PARTNER]))
            return plan

        return make

    def _chain(self, length: int) -> Callable[[date], Plan]:
        paths = {
            2: [("buy", "USD", "PLN"), ("sell", "EUR", "PLN")],
            3: [("buy", "USD", "PLN"), ("sell", "EUR", "PLN"), ("buy", "EUR", "CZK")],
            5: [
                ("buy", "GBP", "USD"),
                ("sell", "USDT", "USD"),
                ("buy", "USDT", "USD"),
                ("sell", "EUR", "USD"),
                ("buy", "EUR", "PLN"),
            ],
        }

        def make(day: date) -> Plan:
            trades: list[Trade] = []
            for kind, base, quote in paths[length]:
                trade = self._trade(day, (base, quote), kind, in_quote=False)
                if trades:
                    # What came out of the one before goes into this one, to the last cent.
                    code, amount = sides(trades[-1])[1]
                    trade.amount_in = code
                    trade.amount = Decimal(amount.numerator) / Decimal(amount.denominator)
                trades.append(trade)
            plan = self._deal(day, trades, f"chain of {length}")
            self._move_all(plan, CLOSED)
            return plan

        return make

    def _custody(self, *, closed: bool) -> Callable[[date], Plan]:
        def make(day: date) -> Plan:
            trade = self._trade(day, ("EUR", "USD"), "sell", in_quote=False)
            trade.amount = Decimal(6000)
            plan = self._deal(day, [trade], "custody, partly taken off" + (", closed" if closed else ""))
            plan.fields |= {"На зберіганні": True}
            if not closed:
                until = day + timedelta(days=1)
                plan.fields["Зберігати до"] = {"date": until.strftime("%d-%m-%Y")}
            self._move_all(plan, PARTNER)
            taken = {"Вид": "Зняття зі зберігання", "Пара": "EUR", "Сума": Decimal(1500), "Місце": "Каса"}
            plan.acts.append(lambda office: _add(office, plan, taken))
            plan.custody_left = Fraction(4500)
            if closed:
                plan.acts.append(_moving(plan, CLOSED))
                plan.stage, plan.custody_left = CLOSED, Fraction(0)
            return plan

        return make

    def _loss(self) -> Callable[[date], Plan]:
        def make(day: date) -> Plan:
            trade = self._trade(day, ("EUR", "PLN"), "buy")
            trade.partner_rate = trade.rate - Decimal("0.0150")
            plan = self._deal(day, [trade], "loss")
            self._move_all(plan, CLOSED)
            return plan

        return make

    def _unknown_partner(self) -> Callable[[date], Plan]:
        def make(day: date) -> Plan:
            trade = self._trade(day, ("USD", "PLN"), "buy", in_quote=False)
            trade.partner_rate, trade.amount = None, Decimal(1200)
            plan = self._deal(day, [trade], "partner's rate unknown")
            self._move_all(plan, CLOSED)
            return plan

        return make

    def _corrected(self, *, open_deal: bool) -> Callable[[date], Plan]:
        def make(day: date) -> Plan:
            trade = self._trade(day)
            plan = self._deal(day, [trade], f"rate corrected on {'an open' if open_deal else 'a closed'} deal")
            wanted, trade_first = trade.rate, trade.rate + Decimal("0.0100")

            def first(office: Any) -> None:
                office.edit_row(plan.who, trade.key, {"Курс клієнта": _comma(trade_first)})

            def correct(office: Any) -> None:
                office.edit_row(plan.who, trade.key, {"Курс клієнта": _comma(wanted)})

            plan.acts.append(first)
            self._move_all(plan, PAID if open_deal else CLOSED)
            plan.acts.append(correct)
            if open_deal:
                self._move_all(plan, CLOSED, start=PARTNER)
            return plan

        return make

    def _partner_changed(self) -> Callable[[date], Plan]:
        def make(day: date) -> Plan:
            trade = self._trade(day)
            plan = self._deal(day, [trade], "partner changed")
            self._move_all(plan, PARTNER)
            other = next(one for one in PARTNERS if one != trade.partner)
            plan.acts.append(lambda office: office.edit_row(plan.who, trade.key, {"Партнер": {"id": other}}))
            self._move_all(plan, CLOSED, start=CLOSED)
            return plan

        return make

    def _moved_back(self) -> Callable[[date], Plan]:
        def make(day: date) -> Plan:
            plan = self._deal(day, [self._trade(day)], "moved back and forward again")
            self._move_all(plan, PARTNER)
            plan.acts.append(_moving(plan, PAID))
            self._move_all(plan, CLOSED, start=PARTNER)
            return plan

        return make

    def _jumped(self) -> Callable[[date], Plan]:
        def make(day: date) -> Plan:
            plan = self._deal(day, [self._trade(day)], "a stage jumped over")
            plan.acts.append(_moving(plan, PARTNER))
            self._move_all(plan, CLOSED, start=CLOSED)
            return plan

        return make

    def _cancelled(self) -> Callable[[date], Plan]:
        def make(day: date) -> Plan:
            plan = self._deal(day, [self._trade(day)], "cancelled after the client paid")
            self._move_all(plan, PAID)
            plan.acts.append(_moving(plan, CANCELLED))
            plan.stage = CANCELLED
            return plan

        return make

    def _typo(self) -> Callable[[date], Plan]:
        def make(day: date) -> Plan:
            trade = self._trade(day)
            plan = self._deal(day, [trade], "a rate typed with a letter, then corrected")
            self._move_all(plan, PAID)
            wrong = _comma(trade.rate)[:-1] + "o"
            plan.acts.append(lambda office: office.edit_row(plan.who, trade.key, {"Курс клієнта": wrong}))
            plan.acts.append(lambda office: office.edit_row(plan.who, trade.key, {"Курс клієнта": _comma(trade.rate)}))
            self._move_all(plan, CLOSED, start=PARTNER)
            return plan

        return make

    def _moved_between_places(self) -> Callable[[date], Plan]:
        def make(day: date) -> Plan:
            plan = Plan("Інкасація в банк", "user:1", case="money moved between places")
            plan.rows = [{"Вид": "Переміщення", "Пара": "USD", "Сума": Decimal(15000), "Місце": "Каса", "Куди": "Банк"}]
            self._move_all(plan, CLOSED, start=CLOSED)
            return plan

        return make

    def _to_partner(self) -> Callable[[date], Plan]:
        def make(day: date) -> Plan:
            plan = Plan("Передача партнеру", "user:1", case="money passed to a partner and back")
            partner = {"id": PARTNERS[1]}
            plan.rows = [
                {"Вид": "Передача партнеру", "Пара": "USDT", "Сума": Decimal(2500), "Місце": "Каса", "Партнер": partner},
                {
                    "Вид": "Отримання від партнера",
                    "Пара": "USDT",
                    "Сума": Decimal(1000),
                    "Місце": "Каса",
                    "Партнер": partner,
                },
            ]
            self._move_all(plan, CLOSED, start=CLOSED)
            return plan

        return make


def _moving(plan: Plan, stage: str) -> Callable[[Any], None]:
    return lambda office: office.move(plan.who, plan.task, stage)


def _add(office: Any, plan: Plan, row: Mapping[str, Any]) -> None:
    office.add_row(plan.who, plan.task, row)


def make_deal(office: Any, plan: Plan) -> None:
    """The request as staff enter it: the task, then its rows."""
    plan.task = office.new_deal(plan.who, plan.name, plan.fields, client=plan.client)
    for trade in plan.trades:
        trade.key = office.add_row(plan.who, plan.task, trade.row())
    for row in plan.rows:
        office.add_row(plan.who, plan.task, row)
