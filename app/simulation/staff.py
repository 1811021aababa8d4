"""What staff do, in any order and with any nonsense: the dice choose, the office types."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from app.simulation.office import Office, Typed
from kernel.mapping import MappingSet
from kernel.testing import FakeClock

PAIRS = {"USD/UAH": "41.2", "EUR/USD": "1.085", "USDT/USD": "1.001", "USDT/UAH": "41.25", "BTC/USDT": "64250"}
DIGITS = {"USD": 2, "UAH": 2, "EUR": 2, "USDT": 6, "BTC": 8}
NONSENSE = ("41,2o", "1.234,5", "١٢", "1e5", "NaN", "-", "сорок", "0", "-3", "9" * 30, "41.1234567890123")
BAD_AMOUNTS = ("0", "-3", "1.23456", "0.001")
STAGES = ("new", "client_paid", "partner_paid", "closed", "cancelled")
OWN = ("deposit", "withdraw", "move", "to_partner", "from_partner", "custody_out")
PLACES = ("Каса", "Банк", "Гаманець")
SHOWN = ("profit", "analytics", "remainder", "check")
Row = dict[str, Typed]


class Staff:
    """Random work of people; the same dice, the same work."""

    def __init__(
        self, office: Office, mapping: MappingSet, dice: Any, clock: FakeClock, note: Callable[[str], None]
    ) -> None:
        self._office, self._dice, self._clock, self._note = office, dice, clock, note
        self._deal = mapping.entity("deal")
        self.deals: list[str] = []
        self.deleted_from: set[str] = set()  #: deals that lost a row

    def open_the_till(self) -> None:
        """The owners put money in."""
        for code, amount in (("UAH", "500000"), ("USD", "20000"), ("USDT", "8000")):
            deal = self._office.new_deal({"client": self._office.clients[0]})
            self._office.add_row(
                deal, {"kind": "deposit", "pair": code, "amount": amount, "place": self._dice.choice(PLACES)}
            )
            self._office.move(deal, self._label("closed"))
            self.deals.append(deal)

    def act(self) -> None:
        """Somebody does something."""
        deeds = {
            self.new_deal: 4, self.edit_row: 7, self.add_row: 2, self.delete_row: 1, self.move: 9, self.edit_deal: 3,
            self.deface: 1,
        }  # fmt: skip
        self._dice.choices(list(deeds), list(deeds.values()))[0]()

    # --- deeds ----------------------------------------------------------------------------------------------------------

    def new_deal(self) -> None:
        dice, office = self._dice, self._office
        values: dict[str, Typed] = {"manager": dice.choice(office.people), "next_contact": self._clock.now().date()}
        if dice.random() < 0.85:
            values["client"] = dice.choice([*office.clients, office.partners[0]])
        elif dice.random() < 0.7:
            values |= {"client_name": f"Гість {len(self.deals)}", "client_phone": f"+38050{len(self.deals):07d}"}
        if dice.random() < 0.35:
            values["custody"] = True
        if dice.random() < 0.3:
            values["partner"] = dice.choice(office.partners)
        deal = office.new_deal(values)
        self.deals.append(deal)
        gives = ""
        for _ in range(dice.choice((1, 1, 1, 2, 3))):
            row = self.an_exchange(gives)
            office.add_row(deal, row)
            base, quote = str(row["pair"]).split("/")
            gives = quote if row["kind"] == "buy" else base
        if dice.random() < 0.15:
            office.add_row(deal, self.an_own())
        if dice.random() < 0.4:
            office.move(deal, self._label(dice.choice(("client_paid", "closed"))))
        self._note(f"new {deal}")

    def edit_row(self) -> None:
        deal, key = self._a_row()
        if not key:
            return
        name = self._dice.choice(
            ("amount", "amount", "client_rate", "partner_rate", "partner", "place", "pair", "kind", "issue_date",
             "commission_percent", "network_fee", "comment", "amount_in")
        )  # fmt: skip
        value: Typed = {**self.an_exchange(), "comment": f"note {self._clock.now():%H:%M:%S}"}[name]
        if name in ("client_rate", "partner_rate", "commission_percent") and self._dice.random() < 0.3:
            value = self._dice.choice(NONSENSE)
        if name == "amount" and self._dice.random() < 0.2:
            value = self._dice.choice(BAD_AMOUNTS)
        self._office.edit_row(deal, key, {name: value})
        self._note(f"edit {deal}/{key} {name}={value}")

    def add_row(self) -> None:
        deal = self._a_deal()
        row = self.an_own() if self._dice.random() < 0.5 else self.an_exchange()
        self._office.add_row(deal, row)
        self._note(f"add {deal} {row['kind']} {row['pair']} {row['amount']}")

    def delete_row(self) -> None:
        deal, key = self._a_row()
        if key:
            self._office.delete_row(deal, key)
            self.deleted_from.add(deal)
            self._note(f"delete {deal}/{key}")

    def move(self) -> None:
        deal = self._a_deal()
        here = self._deal.stage_of(self._office.stage_of(deal)) or ""
        stage = self._dice.choice(("client_paid", "partner_paid", "closed", *STAGES))
        if self._dice.random() < 0.5 and here in STAGES[:3]:
            stage = STAGES[STAGES.index(here) + 1]
        self._office.move(deal, self._label(stage))
        self._note(f"move {deal} {here} -> {stage}")

    def edit_deal(self) -> None:
        deal, office, dice = self._a_deal(), self._office, self._dice
        changes: tuple[tuple[str, Typed], ...] = (
            ("client", dice.choice([*office.clients, None])),
            ("partner", dice.choice([*office.partners, None])),
            ("custody", dice.choice((True, False))),
            ("custody_until", dice.choice((None, self._clock.now().date() + timedelta(days=dice.randint(-1, 3))))),
            ("manager", dice.choice(office.people)),
        )
        name, value = dice.choice(changes)
        office.set(deal, {name: value})
        self._note(f"set {deal} {name}={value}")

    def deface(self) -> None:
        """Somebody types into a field that is ours."""
        if self._dice.random() < 0.3:
            deal, key = self._a_row()
            if key:
                self._office.edit_row(deal, key, {self._dice.choice(("gives", "gets")): "1,00 USD"})
                self._note(f"deface {deal}/{key}")
            return
        deal, name = self._a_deal(), self._dice.choice(SHOWN)
        self._office.set(deal, {name: "написано від руки"})
        self._note(f"deface {deal} {name}")

    def repair(self, deal: str, problems: list[tuple[str, str]]) -> None:
        """Somebody does what the deal's «Перевірка» asks for: (operation number or "", code) of each problem."""
        for operation, code in problems:
            keys = self._office.row_keys(deal)
            if operation:
                if int(operation) <= len(keys):
                    self._office.delete_row(deal, keys[int(operation) - 1])
                    self.deleted_from.add(deal)
                    return  # the numbers of the others have changed
            elif code == "stage_unknown":
                self._office.move(deal, self._label("new"))
            elif code == "no_operations":
                self._office.add_row(deal, self.an_exchange())
            else:
                self._office.set(deal, {"custody_until": None, "client": self._office.clients[0]})

    # --- operations as staff type them ----------------------------------------------------------------------------------

    def an_exchange(self, gives: str = "") -> Row:
        dice = self._dice
        kinds = [(kind, pair) for pair in PAIRS for kind in ("buy", "sell")]
        if gives:
            kinds = [(k, p) for k, p in kinds if p.split("/")[0 if k == "buy" else 1] == gives] or kinds
        kind, pair = dice.choice(kinds)
        base, quote = pair.split("/")
        amount_in = dice.choice((None, base, quote))
        row: Row = {
            "kind": kind, "pair": pair, "amount": self._amount(amount_in or base), "amount_in": amount_in,
            "client_rate": self._rate(pair), "partner_rate": self._rate(pair) if dice.random() < 0.8 else None,
            "partner": dice.choice(self._office.partners) if dice.random() < 0.6 else None,
            "commission_percent": "0,5" if dice.random() < 0.2 else None,
            "commission_fixed": "0.1" if dice.random() < 0.1 and base != "BTC" else None,
            "network_fee": "0.2" if dice.random() < 0.2 and base != "BTC" else None,
            "place": dice.choice((None, *PLACES)),
            "issue_date": self._day_before() if dice.random() < 0.2 else None,
        }  # fmt: skip
        return row

    def an_own(self) -> Row:
        dice, kind = self._dice, self._dice.choice(OWN)
        code = dice.choice(("USD", "UAH", "USDT"))
        return {
            "kind": kind, "pair": code, "amount": self._amount(code), "place": dice.choice((None, *PLACES)),
            "to_place": dice.choice(PLACES) if kind == "move" else None,
            "partner": dice.choice(self._office.partners) if dice.random() < 0.9 else None,
        }  # fmt: skip

    def _amount(self, code: str) -> str:
        whole, digits = self._dice.randint(1, 900), self._dice.choice((0, min(2, DIGITS[code]), DIGITS[code]))
        if code == "BTC":
            whole, digits = 0, 8
        return str(whole) + (f".{self._dice.randint(1, 10**digits - 1):0{digits}d}" if digits else "")

    def _rate(self, pair: str) -> str:
        exact = Decimal(PAIRS[pair]) * Decimal(self._dice.randint(970, 1030)) / 1000
        return str(exact.quantize(Decimal("1e-7"))).replace(".", self._dice.choice(",."))

    def _day_before(self) -> date:
        return self._clock.now().date() - timedelta(days=self._dice.randint(0, 3))

    def _a_deal(self) -> str:
        """Mostly one of the newest: there people work."""
        return str(self._dice.choice(self.deals[-6:] if self._dice.random() < 0.7 else self.deals))

    def _a_row(self) -> tuple[str, str]:
        deal = self._a_deal()
        keys = self._office.row_keys(deal)
        return deal, self._dice.choice(keys) if keys else ""

    def _label(self, stage: str) -> str:
        return self._deal.stage[stage].label
