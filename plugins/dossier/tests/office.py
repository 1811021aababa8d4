"""A World with the shipped broker's set, a back office in memory, and a client in the CRM."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from kernel.datasets import Cell, Unread
from kernel.extension import Connection, Connector, FrameRequest, NotProven, Visitor
from kernel.mapping import load_set
from kernel.testing import FakeClock, MemorySource, World
from kernel.web import Frame
from plugins.dossier import asking, cards, plugin
from plugins.dossier.api import kept
from plugins.dossier.store import KeptAnswer

SET = load_set(Path(__file__).parents[3] / "mappings" / "broker-bitrix24")
CLIENT = "1000417"
SELLERS = "Отдел продаж"

#: The worked example of the specification: two contracts, a row without a price, a figure that cannot be read.
SECURITIES: list[dict[str, Cell]] = [
    {"contract": "B-2026/0417", "market": "MOEX", "instrument": "SBER", "isin": "RU0009029540", "board": "TQBR",
     "quantity": Decimal("120"), "price": Decimal("311.42"), "value": Decimal("37370.40"), "currency": "RUB"},
    {"contract": "B-2026/0417", "market": "MOEX", "instrument": "GAZP", "isin": "RU0007661625", "board": "TQBR",
     "quantity": Decimal("1000"), "price": Decimal("177.0075"), "value": Decimal("177007.50"), "currency": "RUB"},
    {"contract": "B-2026/0417", "market": "SPB", "instrument": "KO", "isin": "US1912161007", "board": "SPBX",
     "quantity": Decimal("4.5"), "price": Decimal("56.1666"), "value": Decimal("252.75"), "currency": "USD"},
    {"contract": "B-2026/0417", "market": "MOEX", "instrument": "YNDX", "isin": "NL0009805522", "board": "TQBR",
     "quantity": Decimal("3"), "value": None, "currency": "RUB"},
    {"contract": "B-2025/0911", "market": "MOEX", "instrument": "SBER", "isin": "RU0009029540", "board": "TQBR",
     "quantity": Decimal("-20"), "price": Decimal("311.42"), "value": Decimal("-6228.40"), "currency": "RUB"},
    {"contract": "B-2025/0911", "market": "MOEX", "instrument": "LKOH", "isin": "RU0009024277", "board": "TQBR",
     "quantity": Decimal("1"), "value": Unread("12 34,5"), "currency": "RUB"},
]  # fmt: skip
CASH: list[dict[str, Cell]] = [
    {"contract": "B-2026/0417", "market": "MOEX", "currency": "RUB", "balance": Decimal("125000.10"),
     "blocked": Decimal("25000.00"), "available": Decimal("100000.10")},
    {"contract": "B-2026/0417", "market": "SPB", "currency": "USD", "balance": Decimal("0.30"),
     "blocked": Decimal("0.10"), "available": Decimal("0.20")},
    {"contract": "B-2025/0911", "market": "MOEX", "currency": "RUB", "balance": Decimal("-310.05"),
     "blocked": Decimal("0.00"), "available": Decimal("-310.05")},
]  # fmt: skip


class Sight:
    """What the CRM shows to whom: all but what is `hidden` from them."""

    def __init__(self, office: Office, person: str) -> None:
        self.office, self.person = office, person

    def sees(self, records: Sequence[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        self.office.sight_asked.append(list(records))
        return frozenset(one for one in records if (self.person, *one) not in self.office.hidden)


class Office(World):
    """`client` is a contact with a ClientID whom the back office knows; Irina sells."""

    entity = "contact"

    def __init__(self, url: str, *, clock: FakeClock | None = None, **how: Any) -> None:
        clock = clock or FakeClock()
        self.source = MemorySource(SET, clock)
        nothing: Any = None
        connector = Connector("backoffice", "Back office", source=lambda _connection: self.source)
        broker = Connection({}, SET, nothing, clock, nothing, name="broker", connector=connector)
        super().__init__(
            url, SET, how.pop("plugins", [plugin]), clock=clock, connections={"broker": broker},
            public_url="https://annex.example", **how,
        )  # fmt: skip
        self.pools: list[Callable[[], None]] = []
        self.hidden: set[tuple[str, str, str]] = set()
        self.sight_asked: list[list[tuple[str, str]]] = []
        self.by_hand()
        self.irina = self.crm.staff.hire("Ирина Белова", groups=(SELLERS,)).id
        self.card = self.crm.staff.new("contact", name="Пётр Ильин", phone="+7 916 000-04-17", client_id=CLIENT)
        self.source.put("position", CLIENT, cash=CASH, securities=SECURITIES)

    def serve_in_frames(self, **more: Any) -> None:
        """The pages, opened as the CRM opens them: `who` of the form stands for the visitor's proof."""

        def visitor(person: str) -> Visitor:
            return Visitor(person, {}, Sight(self, person))

        def prove(opening: FrameRequest) -> Visitor:
            if not opening.form["AUTH_ID"]:
                raise NotProven("no token")
            return visitor(opening.form["AUTH_ID"])

        frame = Frame(self.portal, lambda opening: visitor(opening.form["who"]), prove)
        self.serve(frames={("bitrix24", "main"): frame}, **more)

    def by_hand(self) -> None:
        """What is to be asked waits for `ask`: no threads."""
        self.portal.memory[asking.MEMORY] = asking.Asker(self.portal, self.pools.append)

    def ask(self) -> int:
        """The pool does its work; how many questions left."""
        before = len(self.source.asked)
        while self.pools:
            self.pools.pop(0)()
        return len(self.source.asked) - before

    def open(self, set_name: str = "position", **more: Any) -> None:
        asking.open_set(self.portal, self.the_card(), set_name, self.irina, **more)

    def the_card(self, entity: str = "contact", record: str = "") -> cards.Card:
        """As Irina's page finds it, who may see all."""
        sight = Sight(self, self.irina)
        assert cards.admit(self.portal, self.irina, sight, entity, record or self.card)
        found = cards.seen_by(self.portal, self.irina, entity, record or self.card)
        assert found is not None
        return found

    def log(self) -> list[tuple[str, str]]:
        found = self.rows("SELECT set_name, outcome FROM dossier_log ORDER BY at, id")
        return [(row["set_name"], row["outcome"]) for row in found]

    def kept(self, set_name: str = "position", client_id: str = CLIENT) -> KeptAnswer | None:
        with self.tx() as tx:
            return kept(tx, self.portal.name, set_name, client_id)
