"""A sales department with the next one behind it, and a back office in memory that keeps one of three promises."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from kernel.crm import Ref
from kernel.datasets import Accepted, FieldError, FoundClient, Opened, Refusal, Standing
from kernel.errors import AnnexError, Unreachable
from kernel.extension import Connection, Connector, Plugin, SettingLine
from kernel.extension.account_verbs import ACCOUNT_VERBS
from kernel.extension.decisions import doubt_what_waits
from kernel.http import Vault
from kernel.jobs import outgoing
from kernel.mapping import MappingSet, load_set
from kernel.storage import Database
from kernel.testing import Crash, FakeClock, MemoryAccounts, MemoryQueue, MemorySource, World
from kernel.values import to_micros
from plugins.assignment import plugin as assignment
from plugins.opening import plugin as opening
from plugins.opening import registering, store
from plugins.opening.store import Deal
from plugins.stage_lock import plugin as stage_lock

SET = load_set(Path(__file__).parents[3] / "mappings" / "broker-bitrix24")
PROMISES = ("request_id", "lookup", "none")
TERMS = ("margin", "derivatives", "currency", "iis", "lending", "edo", "qualified")
PERSON = {
    "last_name": "Новиков", "first_name": "Иван", "name": "Иван Новиков", "birth_date": date(1990, 5, 4),
    "inn": "770987654347", "phone": "8 (900) 111-22-99", "client_type": "Физическое лицо", "client_status": "Кандидат",
}  # fmt: skip
FIRM = {
    "name": "ООО «Клён»", "short_name": "Клён", "inn": "7709876545", "kpp": "770901001", "ogrn": "1027700132195",
    "phone": "+7 495 111-22-33", "signer": "Клён И. И., директор", "client_type": "Юридическое лицо",
    "client_status": "Кандидат",
}  # fmt: skip
TERMS_SAID = {"tariff": "Трейдер", "markets": "MOEX_STOCK, MOEX_FX", **{f"terms_{name}": "да" for name in TERMS}}
BAD_INN = FieldError("INN_CHECKSUM", "Person/INN", "Check digits do not match")
BAD_MARKET = FieldError("MARKET_CLOSED", "Terms/Market[2]", "Not open for this tariff")


class Accounts(MemoryAccounts):
    """A back office that keeps its promise and no other: without `request_id` the same request twice is two clients."""

    promise = "request_id"

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.point: Callable[[str], None] = lambda _name: None
        self.clients: list[str] = []  #: of each account that was opened, the whole request
        self.asked = 0  #: look-ups
        self.ask_faults: list[AnnexError] = []  #: one for each of the following look-ups
        self.there: list[FoundClient] = []  #: who is found besides

    def open(self, push: str, request: bytes) -> Opened:
        self.point("call.before")
        self.sent.append(request)
        if self.faults:
            raise self.faults.pop(0)
        request_id = request.decode().partition("\n")[0]
        if request_id not in self.opened or self.promise != "request_id":
            number = 1000500 + len(self.clients)
            made: Opened = Accepted(str(number), f"B-{number}", self._clock.now().date())
            self.opened[request_id] = self.answers.pop(0) if self.answers else made
            if isinstance(self.opened[request_id], Accepted):
                self.clients.append(request.decode())
        self.point("call.after")
        if self.lose:
            self.lose -= 1
            raise Unreachable("the answer got lost", maybe_done=True)
        return self.opened[request_id]

    def standing(self, push: str, request_id: str) -> Standing:
        self.asked += 1
        self.point("call.before")
        if self.ask_faults:
            raise self.ask_faults.pop(0)
        found = super().standing(push, request_id)
        self.point("call.after")
        return found

    def find(self, push: str, *, inn: str = "", phone: str = "") -> list[FoundClient]:
        return [*super().find(push, inn=inn, phone=phone), *self.there]


class Office(World):
    def __init__(
        self, url: str, *, promise: str = "request_id", settings: dict[str, Any] | None = None, mapping: MappingSet = SET,
        also: Sequence[Plugin] = (),
    ) -> None:  # fmt: skip
        mapping = promising(mapping, promise)
        clock = FakeClock()
        self.accounts = Accounts(clock)
        self.accounts.promise = promise
        self.last_deal = self.died_in = ""  #: the newest deal, and how its registration stood when the process died last
        source = self.source = MemorySource(mapping, clock)
        source.accounts = self.accounts
        self.vault_database = Database(url)
        connector = Connector(
            "backoffice", "Back office", (SettingLine("BACKOFFICE_URL", "", switch=True),), source=lambda _: source,
            verbs=ACCOUNT_VERBS,
        )  # fmt: skip
        nothing: Any = None
        connection = Connection(
            {"BACKOFFICE_URL": "https://bo.example"}, mapping, nothing, clock,
            Vault("backoffice/broker", self.vault_database, clock, b"secret" * 8), name="broker", connector=connector,
        )  # fmt: skip
        super().__init__(
            url, mapping, [assignment, opening, stage_lock, *also], clock=clock,
            connections={"broker": connection.given(source=source)}, settings={"opening": settings or {}},
        )  # fmt: skip
        self.accounts.point = self.trouble.point
        self.staff = self.crm.staff
        self.irina = self.staff.hire("Ирина Белова", groups=["Отдел продаж"])
        self.boris = self.staff.hire("Борис Цветков", groups=["Отдел продаж"])
        self.head = self.staff.hire("Вера Главная", groups=["Отдел продаж"], heads=["Отдел продаж"])
        self.support = self.staff.hire("Семён Тихий", groups=["Отдел сопровождения"])
        self.admin = self.staff.hire("Админ Первый")
        self.crm.persons[-1] = replace(self.crm.persons[-1], admin=True)
        self.portal.people()
        self.work("stage_lock.settle")

    def close(self) -> None:
        super().close()
        self.vault_database.close()

    # --- people ---------------------------------------------------------------------------------------------------------

    def client_card(self, **other: Any) -> str:
        return str(self.staff.new("contact", **{**PERSON, **other}))

    def firm(self, **other: Any) -> str:
        return str(self.staff.new("company", **{**FIRM, **other}))

    def deal(self, client: str = "", *, firm: str = "", **other: Any) -> str:
        """A deal whose terms are said, one move away from being handed over."""
        known = {"client": Ref(client, "Иван Новиков")} if client else {}
        known |= {"company": Ref(firm, "ООО «Клён»")} if firm else {}
        made = self.staff.new(
            "deal", stage="new", author="Ирина Белова",
            **{"name": "Открытие счёта", "assigned": self.irina, "amount": 250000, **TERMS_SAID, **known, **other},
        )  # fmt: skip
        for stage in ("contact", "need", "offer", "terms"):
            self.clock.advance(milliseconds=10)
            self.staff.move(made, stage, author="Ирина Белова")
        self.last_deal, self.died_in = made, ""
        self.insist(lambda: self.sync(made))
        return str(made)

    def push(self, deal: str) -> None:
        """Somebody moves it to where clients are handed over."""
        self.clock.advance(milliseconds=10)
        self.staff.move(deal, "push", author="Ирина Белова")
        self.insist(lambda: self.sync(deal, author="Ирина Белова"))

    def pushes(self, deal: str) -> None:
        """The same as the CRM tells of it, and what runs by itself; no time passes."""
        self.staff.move(deal, "push", author="Ирина Белова")
        self.hears(deal)

    def copy(self) -> str:
        """All that the database holds at this moment, as a file."""
        made = f"{self._file}.copy{len(list(Path(self._file).parent.glob('*.copy*')))}"
        with closing(sqlite3.connect(self._file)) as own:
            own.execute("VACUUM INTO ?", (made,))
        return made

    def restored(self, copy: str) -> None:
        """The database is as it was then, and Annex is told, as by `annex restore`."""
        for database in (self.database, self.vault_database):
            database.engine.dispose()
        with closing(sqlite3.connect(copy)) as held, closing(sqlite3.connect(self._file)) as own:
            held.backup(own)
        self.queue = MemoryQueue(self.clock)
        self.restart()
        doubt_what_waits(self.portal, "restored")
        with self.portal.unit() as unit:
            assert opening.restored
            opening.restored(unit)
        with self.database.write() as tx:
            for call in outgoing.overdue(tx, to_micros(self.clock.now()) + 1):
                outgoing.revive(tx, call, queue=self.queue, mark="restored")

    @property
    def _file(self) -> str:
        return str(self.database.engine.url.database)

    def hears(self, deal: str, **of_whom: str) -> None:
        self.deliver(deal, **of_whom)
        while self.run_one():
            pass

    def corrects(self, client: str, entity: str = "contact", **values: Any) -> None:
        self.staff.set(entity, client, author="Ирина Белова", **values)
        self.insist(lambda: self.sync(client, entity=entity, author="Ирина Белова"))

    def restart(self) -> None:
        super().restart()
        last = self.rows("SELECT state FROM opening_deal WHERE deal = :d", d=self.last_deal)
        self.died_in = last[0]["state"] if last else ""

    def presses(self, who: Ref, deal: str, action: str, **form: str) -> int:
        """Somebody presses a button of the tab; the answer's status."""
        browser = self.client(who.id)
        data = {"csrf": self.served.csrf(browser), **form}
        status = browser.post(f"/opening/deal/{deal}/{action}", data=data).status_code
        self.run()
        return status

    def page(self, who: Ref, address: str) -> tuple[int, str]:
        found = self.client(who.id).get(address)
        return found.status_code, found.text

    def insist(self, do: Callable[[], Any]) -> Any:
        while True:
            try:
                return do()
            except Crash:
                self.restart()

    def rests(self, *minutes: float) -> None:
        """What is due after so many minutes, and so many more, is done."""
        for span in minutes or (1, 2, 3):
            self.clock.advance(minutes=span)
            self.insist(self.timers)
            self.insist(lambda: self.work("opening.look_on"))
            self.insist(lambda: self.work("assignment.give_out"))

    # --- what a test asks -----------------------------------------------------------------------------------------------

    def one(self, deal: str) -> Deal:
        with self.tx() as tx:
            found = store.load(tx, self.portal.name, deal)
        assert found is not None
        return found

    def state(self, deal: str) -> str:
        with self.tx() as tx:
            found = store.load(tx, self.portal.name, deal)
            return registering.phase(tx, self.portal, found) if found else ""

    def steps(self, deal: str) -> dict[str, str]:
        with self.tx() as tx:
            return {name: step.state for name, step in store.steps(tx, self.portal.name, deal).items()}

    def next_of(self, deal: str) -> str:
        with self.tx() as tx:
            return store.steps(tx, self.portal.name, deal)["next"].record

    def told(self, record: str, entity: str = "deal") -> list[str]:
        return [effect.text for effect in self.crm.effects if effect.verb == "comment" and effect.record_id == record
                and effect.entity == entity]  # fmt: skip

    def verified(self) -> list[str]:
        with self.portal.read() as unit:
            return list(opening.verify(unit)) if opening.verify else []

    def faults(self, deal: str, client: str, entity: str = "contact") -> list[str]:
        """What must not be, once all has come to rest after an accepted registration."""
        found = self.verified()
        if len(self.accounts.clients) != 1:
            found.append(f"the back office has {len(self.accounts.clients)} clients")
        card, old = self.record(client, entity).values, self.record(deal)
        if (card["client_id"], card["client_status"]) != ("1000500", "active") or not card["account_opened_at"]:
            found.append(f"the card says {card['client_id']}, {card['client_status']}")
        if old.stage != "opened":
            found.append(f"the old deal stands at {old.stage}")
        further = [one for one in self.crm.records("deal") if one.id != deal]
        if len(further) != 1 or further[0].stage != "service_new" or further[0].values["assigned"] != self.support:
            found.append(f"further deals: {[(one.stage, one.values['assigned']) for one in further]}")
        elif further[0].values["base_deal"].id != deal or old.values["next_deal"].id != further[0].id:
            found.append("the two deals do not name each other")
        told = self.told(deal)
        for words in ("Клиент заведён: ClientID 1000500, договор B-1000500 от", "Новая сделка"):
            if (times := sum(words in one for one in told)) != 1:
                found.append(f"«{words}» was told {times} times")
        found += [f"{effect.verb} {effect.key} was carried out twice" for effect in self.crm.doubled()]
        if any(step != "done" for step in self.steps(deal).values()):
            found.append(f"steps: {self.steps(deal)}")
        return found


def promising(mapping: MappingSet, promise: str) -> MappingSet:
    push = mapping.pushes["open_account"].model_copy(update={"once": promise})
    return replace(mapping, pushes={"open_account": push})


def rejected(*errors: FieldError) -> Refusal:
    return Refusal(errors)
