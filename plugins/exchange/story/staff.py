"""What the staff of a desk do, in any order and with any nonsense: chance chooses, the emulated CRM keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal

from kernel.testing.stories import Action, Card, Typed, World, absent, labels
from plugins.exchange.store import load_deal

PAIRS = {"USD/UAH": "41.2", "EUR/USD": "1.085", "USDT/USD": "1.001", "USDT/UAH": "41.25", "BTC/USDT": "64250"}
DIGITS = {"USD": 2, "UAH": 2, "EUR": 2, "USDT": 6, "BTC": 8}
NONSENSE = ("41,2o", "1.234,5", "١٢", "1e5", "NaN", "-", "сорок", "0", "-3", "9" * 30, "41.1234567890123")
BAD_AMOUNTS = ("0", "-3", "1.23456", "0.001")
STAGES = ("new", "client_paid", "partner_paid", "closed", "cancelled")
OWN = ("deposit", "withdraw", "move", "to_partner", "from_partner", "custody_out")
PLACES = ("Каса", "Банк", "Гаманець")
SHOWN = ("profit", "analytics", "remainder", "check")
PARTNERS, CLIENTS = ("Партнер Альфа", "Партнер Бета", "Партнер Гамма"), ("Олена Коваленко", "Тарас Шевчук", "ТОВ «Гранд»")
DEAL, OPERATION = "deal", "operation"
DEALS_LEFT_MIN = 4
Row = dict[str, Typed]


class Staff:
    """Random work of people; the same chances, the same work."""

    def __init__(self, world: World) -> None:
        self._crm, self._chance, self._clock, self._note = world.crm, world.random, world.clock, world.note
        self._portal = world.portal
        self.deals: list[str] = []
        self.deleted: list[str] = []
        self._partners: list[Card] = []
        self._clients: list[Card] = []

    def begin(self) -> None:
        """The first cards, and the owners put money in."""
        known = labels(self._crm.contacts)
        for names, cards in ((PARTNERS, self._partners), (CLIENTS, self._clients)):
            cards += [known.get(name) or Card(self._crm.new("contact", {"name": name}), name) for name in names]
        for code, amount in (("UAH", "500000"), ("USD", "20000"), ("USDT", "8000")):
            deal = self._crm.new(DEAL, {"client": self._clients[0]})
            place = self._chance.choice(PLACES)
            self._add(deal, {"kind": "deposit", "pair": code, "amount": amount, "place": place})
            self._crm.move(DEAL, deal, "closed")
            self.deals.append(deal)

    def actions(self) -> Mapping[Action, int]:
        return {
            self.new_deal: 4, self.edit_row: 7, self.add_row: 2, self.delete_row: 1, self.move: 9, self.edit_deal: 3,
            self.deface: 1, self.delete_deal: 2, self.restore_deal: 1,
        }  # fmt: skip

    # --- what they do ---------------------------------------------------------------------------------------------------

    def new_deal(self) -> None:
        chance, crm = self._chance, self._crm
        values: dict[str, Typed] = {"manager": self._somebody(), "next_contact": self._clock.now().date()}
        if chance.random() < 0.85:
            values["client"] = chance.choice([*self._clients, self._partners[0]])
        elif chance.random() < 0.7:
            values |= {"client_name": f"Гість {len(self.deals)}", "client_phone": f"+38050{len(self.deals):07d}"}
        if chance.random() < 0.35:
            values["custody"] = True
        if chance.random() < 0.3:
            values["partner"] = chance.choice(self._partners)
        deal = crm.new(DEAL, values)
        self.deals.append(deal)
        gives = ""
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            row = self.an_exchange(gives)
            self._add(deal, row)
            base, quote = str(row["pair"]).split("/")
            gives = quote if row["kind"] == "buy" else base
        if chance.random() < 0.15:
            self._add(deal, self.an_own())
        if chance.random() < 0.4:
            crm.move(DEAL, deal, chance.choice(("client_paid", "closed")))
        self._note(f"new {deal}")

    def edit_row(self) -> None:
        deal, key = self._a_row()
        if not key:
            return
        name = self._chance.choice(
            ("amount", "amount", "client_rate", "partner_rate", "partner", "place", "pair", "kind", "issue_date",
             "commission_percent", "network_fee", "comment", "amount_in")
        )  # fmt: skip
        value: Typed = {**self.an_exchange(), "comment": f"note {self._clock.now():%H:%M:%S}"}[name]
        if name in ("client_rate", "partner_rate", "commission_percent") and self._chance.random() < 0.3:
            value = self._chance.choice(NONSENSE)
        if name == "amount" and self._chance.random() < 0.2:
            value = self._chance.choice(BAD_AMOUNTS)
        self._crm.edit_row(DEAL, deal, OPERATION, key, {name: value})
        self._note(f"edit {deal}/{key} {name}={value}")

    def add_row(self) -> None:
        deal = self._a_deal()
        row = self.an_own() if self._chance.random() < 0.5 else self.an_exchange()
        self._add(deal, row)
        self._note(f"add {deal} {row['kind']} {row['pair']} {row['amount']}")

    def delete_row(self) -> None:
        deal, key = self._a_row()
        if key:
            self._crm.delete_row(DEAL, deal, OPERATION, key)
            self._note(f"delete {deal}/{key}")

    def move(self) -> None:
        deal = self._a_deal()
        here = self._crm.stage_of(DEAL, deal)
        stage = self._chance.choice(("client_paid", "partner_paid", "closed", *STAGES))
        if self._chance.random() < 0.5 and here in STAGES[:3]:
            stage = STAGES[STAGES.index(here) + 1]
        self._crm.move(DEAL, deal, stage)
        self._note(f"move {deal} {here} -> {stage}")

    def edit_deal(self) -> None:
        deal, chance = self._a_deal(), self._chance
        changes: tuple[tuple[str, Typed], ...] = (
            ("client", chance.choice([*self._clients, None])),
            ("partner", chance.choice([*self._partners, None])),
            ("custody", chance.choice((True, False))),
            ("custody_until", chance.choice((None, self._clock.now().date() + timedelta(days=chance.randint(-1, 3))))),
            ("manager", self._somebody()),
        )
        name, value = chance.choice(changes)
        self._crm.set(DEAL, deal, {name: value})
        self._note(f"set {deal} {name}={value}")

    def delete_deal(self) -> None:
        """One that the books know: of others the CRM's events alone tell, and it has none for what is restored."""
        deal = self._a_deal()
        with self._portal.read() as unit:
            known = load_deal(unit.tx, f"{self._portal.name}/{deal}") is not None
        if known and len(self.deals) > DEALS_LEFT_MIN:
            self._crm.delete(DEAL, deal)
            self.deals.remove(deal)
            self.deleted.append(deal)
            self._note(f"delete {deal}")

    def restore_deal(self) -> None:
        if self.deleted:
            deal = self._chance.choice(self.deleted)
            self._crm.restore(DEAL, deal)
            self.deleted.remove(deal)
            self.deals.append(deal)
            self._note(f"restore {deal}")

    def _somebody(self) -> Card:
        away = absent(self._crm.absences, self._clock.now())
        return self._chance.choice([one for one in self._crm.people if one.id not in away])

    def deface(self) -> None:
        """Somebody types into a field that is ours."""
        if self._chance.random() < 0.3:
            deal, key = self._a_row()
            if key:
                self._crm.edit_row(DEAL, deal, OPERATION, key, {self._chance.choice(("gives", "gets")): "1,00 USD"})
                self._note(f"deface {deal}/{key}")
            return
        deal, name = self._a_deal(), self._chance.choice(SHOWN)
        self._crm.set(DEAL, deal, {name: "написано від руки"})
        self._note(f"deface {deal} {name}")

    def repair(self, deal: str, problems: list[tuple[str, str]]) -> None:
        """Somebody does what the deal's «Перевірка» asks for: (operation number or "", code) of each problem."""
        for operation, code in problems:
            keys = self._crm.row_keys(DEAL, deal, OPERATION)
            if operation:
                if int(operation) <= len(keys):
                    self._crm.delete_row(DEAL, deal, OPERATION, keys[int(operation) - 1])
                    return  # the numbers of the others have changed
            elif code == "stage_unknown":
                self._crm.move(DEAL, deal, "new")
            elif code == "no_operations":
                self._add(deal, self.an_exchange())
            else:
                self._crm.set(DEAL, deal, {"custody_until": None, "client": self._clients[0]})

    # --- operations as staff type them ----------------------------------------------------------------------------------

    def an_exchange(self, gives: str = "") -> Row:
        chance = self._chance
        kinds = [(kind, pair) for pair in PAIRS for kind in ("buy", "sell")]
        if gives:
            kinds = [(k, p) for k, p in kinds if p.split("/")[0 if k == "buy" else 1] == gives] or kinds
        kind, pair = chance.choice(kinds)
        base, quote = pair.split("/")
        amount_in = chance.choice((None, base, quote))
        row: Row = {
            "kind": kind, "pair": pair, "amount": self._amount(amount_in or base), "amount_in": amount_in,
            "client_rate": self._rate(pair), "partner_rate": self._rate(pair) if chance.random() < 0.8 else None,
            "partner": chance.choice(self._partners) if chance.random() < 0.6 else None,
            "commission_percent": "0,5" if chance.random() < 0.2 else None,
            "commission_fixed": "0.1" if chance.random() < 0.1 and base != "BTC" else None,
            "network_fee": "0.2" if chance.random() < 0.2 and base != "BTC" else None,
            "place": chance.choice((None, *PLACES)),
            "issue_date": self._day_before() if chance.random() < 0.2 else None,
        }  # fmt: skip
        return row

    def an_own(self) -> Row:
        chance, kind = self._chance, self._chance.choice(OWN)
        code = chance.choice(("USD", "UAH", "USDT"))
        return {
            "kind": kind, "pair": code, "amount": self._amount(code), "place": chance.choice((None, *PLACES)),
            "to_place": chance.choice(PLACES) if kind == "move" else None,
            "partner": chance.choice(self._partners) if chance.random() < 0.9 else None,
        }  # fmt: skip

    def _amount(self, code: str) -> str:
        whole, digits = self._chance.randint(1, 900), self._chance.choice((0, min(2, DIGITS[code]), DIGITS[code]))
        if code == "BTC":
            whole, digits = 0, 8
        return str(whole) + (f".{self._chance.randint(1, 10**digits - 1):0{digits}d}" if digits else "")

    def _rate(self, pair: str) -> str:
        exact = Decimal(PAIRS[pair]) * Decimal(self._chance.randint(970, 1030)) / 1000
        return str(exact.quantize(Decimal("1e-7"))).replace(".", self._chance.choice(",."))

    def _day_before(self) -> date:
        return self._clock.now().date() - timedelta(days=self._chance.randint(0, 3))

    def _a_deal(self) -> str:
        """Mostly one of the newest: there people work."""
        return str(self._chance.choice(self.deals[-6:] if self._chance.random() < 0.7 else self.deals))

    def _a_row(self) -> tuple[str, str]:
        deal = self._a_deal()
        keys = self._crm.row_keys(DEAL, deal, OPERATION)
        return deal, self._chance.choice(keys) if keys else ""

    def _add(self, deal: str, row: Row) -> None:
        self._crm.add_row(DEAL, deal, OPERATION, row)
