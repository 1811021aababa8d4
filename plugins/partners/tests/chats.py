"""A desk with partners and a bot, for the tests: the shipped Planfix set, the twins of CRM and channel."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from kernel.conversations import Incoming
from kernel.crm import Record, Ref
from kernel.extension import Connection, Connector, Received, Verb
from kernel.extension.channel_verbs import sends
from kernel.extension.portal import Portal
from kernel.jobs.outgoing import Call
from kernel.mapping import load_set
from kernel.testing import FakeClock, TwinChannel, World
from plugins.exchange import plugin as exchange
from plugins.partners import plugin as partners

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Standing:
    state: str
    hears_all: bool
    public: bool = False
    title: str = ""


@dataclass
class BotTwin(TwinChannel):
    """The twin with what the plugin asks of Telegram beyond messages."""

    left: list[str] = field(default_factory=list)  #: addresses
    presses: list[tuple[str, str]] = field(default_factory=list)  #: what was answered to each
    standings: dict[str, Standing] = field(default_factory=dict)

    def username(self) -> str:
        return "desk_bot"

    def members(self, address: str) -> tuple[int, tuple[str, ...]]:
        return 3, ("Олег Ткач",)

    def standing(self, address: str) -> Standing:
        return self.standings.get(address, Standing("admin", True))


def _leave(connection: Connection, call: Call, _maybe: bool) -> str:
    connection.channel.left.append(str(call.payload["address"]))  # type: ignore[attr-defined]
    return ""


def _answer(connection: Connection, call: Call, _maybe: bool) -> str:
    connection.channel.presses.append((call.payload["press_id"], call.payload["text"]))  # type: ignore[attr-defined]
    return ""


class Chats(World):
    """Staff, partners and clients; what each does in the CRM and in the chats."""

    def __init__(self, url: str, *, seed: int | None = None, of: str = "exchange-desk-planfix", **settings: Any) -> None:
        """`of`: the mapping set."""
        clock = FakeClock()
        self.bot = BotTwin(clock)
        connector = Connector(
            "telegram", "Telegram", channel=lambda _connection: self.bot,
            verbs={**sends("lookup"), "leave": Verb(_leave, "safe"), "answer_press": Verb(_answer, "safe")},
        )  # fmt: skip
        mapping = load_set(ROOT / "mappings" / of)
        nothing: Any = None
        connection = Connection({}, mapping, nothing, clock, nothing, name="partners", connector=connector)
        given = {
            "exchange": {"places": ["Каса", "Банк"], "default_place": "Каса"},
            "partners": {"confirm_unknown": False, **settings},
        }
        super().__init__(
            url, mapping, [exchange, partners], settings=given, connections={"partners": connection}, clock=clock,
            seed=seed,
        )  # fmt: skip
        self.bot.trouble = self.trouble
        self.manager = self.crm.staff.hire("Ігор Бондар")
        self.client_card = self.crm.staff.new("contact", name="Олена Секретенко", phone="+380509998877")
        self._updates = 0

    def fresh_portal(self) -> Portal:
        """The chat's connection keeps files where all others do."""
        portal = super().fresh_portal()
        files = portal.connections["main"].files
        portal.connections = {**portal.connections, "partners": replace(self._connections["partners"], files=files)}
        return portal

    # --- the CRM ----------------------------------------------------------------------------------------------------------

    def partner(self, name: str, **values: Any) -> str:
        """«+ Партнер»: the card's id."""
        card = self.crm.staff.new("partner", name=name, responsible=(Ref(self.manager.id, self.manager.name),), **values)
        self.sync(card, entity="partner", event="partner.created")
        return str(card)

    def with_chat(self, name: str, address: str, **values: Any) -> str:
        """A partner whose group works."""
        card = self.partner(name, **values)
        self.tap(card, address)
        return card

    def deal(
        self, partner: str, name: str, *, pair: str = "USD/UAH", amount: str = "10000", rate: str = "41.35", **more: Any
    ) -> str:
        deal = self.make_deal(partner, name, pair=pair, amount=amount, rate=rate, **more)
        self.sync(deal)
        return deal

    def make_deal(
        self, partner: str, name: str, *, pair: str = "USD/UAH", amount: str = "10000", rate: str = "41.35", **more: Any
    ) -> str:
        """In the CRM, which tells nobody of it."""
        client, manager = Ref(self.client_card, "Олена Секретенко"), Ref(self.manager.id, self.manager.name)
        deal = self.crm.staff.new("deal", name="Обмін", client=client, manager=manager)
        self.crm.staff.add_row(
            "deal", deal, "operation", kind="buy", pair=pair, amount=Decimal(amount), amount_in=pair.split("/")[0],
            client_rate=Decimal("41.2077"), partner_rate=Decimal(rate) if rate else None, partner=Ref(partner, name), **more,
        )  # fmt: skip
        return str(deal)

    def comment(self, entity: str, record_id: str, text: str, files: Any = ()) -> str:
        """Staff write a comment, and the CRM tells of it."""
        made = self.crm.staff.comment(entity, record_id, text, author=self.manager.name, files=dict(files))
        self.sync(record_id, entity=entity, event=f"{entity}.comment")
        return str(made)

    def card(self, partner: str) -> Record:
        return self.record(partner, "partner")

    def comments(self, entity: str, record_id: str) -> list[str]:
        """What Annex wrote there, oldest first."""
        return [one.text for one in self.crm.comments.of(entity, record_id) if one.ours]

    # --- the chats --------------------------------------------------------------------------------------------------------

    def link(self, partner: str) -> str:
        return str(self.card(partner).values["chat_link"]).partition("startgroup=")[2]

    def tap(self, partner: str, address: str, *, by: str = "770", title: str = "", state: str = "admin") -> None:
        """Somebody opens the link and makes a group: two updates."""
        self.bot.rooms.setdefault(address, "")
        code = self.link(partner)
        self.member(address, state, by=by, title=title)
        self.update(address, "message", by, f"/start@desk_bot {code}")

    def member(self, address: str, state: str, *, by: str = "770", title: str = "") -> None:
        hears = "yes" if state == "admin" else "no"
        self.update(address, "membership", by, "", state=state, hears_all=hears, room_title=title or f"Група {address}")

    def update(self, address: str, kind: Any, by: str, text: str, *, reply_to: str = "", **details: str) -> None:
        self._updates += 1
        self.receive(
            Received(
                messages=(
                    Incoming(
                        f"test{self._updates}", address, text, account="bot", author=by, author_name=f"Людина {by}",
                        at=self.clock.now(), kind=kind, reply_to=reply_to, details={"room": "group", **details},
                    ),
                )
            ),
            "partners",
        )  # fmt: skip
        self.run()

    def arrive(self) -> None:
        """What people did in the chats comes in."""
        if taken := self.bot.take():
            self.receive(Received(messages=taken), "partners")
        self.run()

    def says(self, address: str, text: str, *, by: str = "oleg", reply_to: str = "", files: Any = ()) -> str:
        made = self.bot.write(address, by, text, reply_to=reply_to, files=tuple(files))
        self.arrive()
        return made

    def shown(self, address: str) -> list[str]:
        """What stands in the chat from us."""
        return [one.text for one in self.bot.shown(address) if one.author == "bot"]
