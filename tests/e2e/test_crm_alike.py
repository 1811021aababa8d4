"""The same story told to each CRM: the one in memory, Planfix and Bitrix24 behave alike, or the interface is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.bitrix24 import connector as bitrix24
from connectors.planfix import connector as planfix
from kernel.clock import SystemClock
from kernel.crm import CRM, Ref, Unreadable
from kernel.errors import NotFound, Rejected
from kernel.extension import Connection, Connector
from kernel.http import HttpClient, Vault
from kernel.mapping import EntityMap, MappingSet, PortalMap
from kernel.storage import Database, Room, migrate
from kernel.testing import FakeClock, MemoryCRM
from sandbox.bitrix24.server import Options as BitrixOptions
from sandbox.bitrix24.server import Sandbox as BitrixSandbox
from sandbox.planfix.server import Options as PlanfixOptions
from sandbox.planfix.server import Sandbox as PlanfixSandbox

pytestmark = pytest.mark.row("PL-05")
ROOT = Path(__file__).parents[2]
KINDS = {"buy": "Купівля", "sell": "Продаж"}


def entities(deal: Mapping[str, Any], contact: Mapping[str, Any], system: Mapping[str, str], rate: str) -> list[EntityMap]:
    """The one small set of the story, in the words of a portal."""

    def field(label: str, kind: str = "text", **more: Any) -> dict[str, Any]:
        return {"label": label, "type": kind, "write": True, **more}

    def own(word: str, kind: str = "text") -> dict[str, Any]:
        return {"system": system[word], "type": kind, "write": True}

    operation = {
        "kind": field("Вид", "choice", values=KINDS), "gives": field("Клієнт дає"), "amount": field("Сума", "decimal"),
        "issue": field("Дата видачі", "date"), "partner": field("Партнер", "contact"), "annex_key": field("Ключ Annex"),
    }  # fmt: skip
    fields = {
        "name": own("name"), "client": own("client", "contact"), "manager": field("Менеджер", "user"),
        "note": field("Аналітика"), "rate": field("Прибуток", rate), "due": field("Наступний контакт", "date"),
        "flag": field("На зберіганні", "bool"), "annex_key": field("Ключ Annex"),
    }  # fmt: skip
    person = {"name": own("person"), "phone": own("phone"), "email": own("email"), "annex_key": field("Ключ Annex")}
    stages = {
        "new": ("Нове звернення", ["paid", "cancelled"], ""), "paid": ("Підтвердження оплати клієнта", ["closed"], ""),
        "closed": ("Закриття угоди", [], "won"), "cancelled": ("Скасовано", [], "lost"),
    }  # fmt: skip
    pipeline = next(iter(deal.get("pipeline", {"": None})))
    return [
        EntityMap.model_validate({
            "entity": "deal", "key": "annex_key", "field": fields, **deal,
            "stage": {word: {"label": label, "next": after, "outcome": end, "pipeline": pipeline}
                      for word, (label, after, end) in stages.items()},
            "table": {"operation": {"label": "Операція", "key": "annex_key", "field": operation}},
        }),
        EntityMap.model_validate({"entity": "contact", "key": "annex_key", "field": person, **contact}),
    ]  # fmt: skip


def planfix_set(rate: str = "decimal") -> MappingSet:
    system = {"name": "name", "client": "counterparty", "person": "name", "phone": "phone", "email": "email"}
    made = entities({"object": "Заявка"}, {"object": "Клієнт"}, system, rate)
    return MappingSet("alike", PortalMap(connector="planfix", time_zone="Europe/Kyiv"), {one.entity: one for one in made})


def bitrix_set(rate: str = "decimal") -> MappingSet:
    system = {"name": "title", "client": "contactIds", "person": "name", "phone": "phone", "email": "email"}
    made = entities({"pipeline": {"desk": {"label": "Обмін валют"}}}, {}, system, rate)
    portal = PortalMap(connector="bitrix24", time_zone="Europe/Moscow")
    return MappingSet("alike", portal, {one.entity: one for one in made})


class QuickClock(SystemClock):
    def sleep(self, seconds: float) -> None:
        super().sleep(seconds / 100)


@dataclass
class World:
    crm: CRM
    type_rate: Callable[[str, str], None]  #: somebody types that text where a number belongs
    person: str  #: a member of staff
    history: bool = True
    workdays: bool = True


@contextmanager
def memory(_folder: Path) -> Iterator[World]:
    crm = MemoryCRM(planfix_set(), FakeClock(datetime.now(UTC)))
    person = crm.staff.hire("Ігор Бондар")
    crm.days[person.id] = "closed"
    yield World(crm, lambda deal, text: crm.staff.set("deal", deal, rate=text), person.id)


@contextmanager
def in_planfix(folder: Path) -> Iterator[World]:
    with PlanfixSandbox(PlanfixOptions(speedup=100, faults=(("rate_per_second", 0),))) as sandbox:
        about = sandbox.about()
        settings = {"PLANFIX_URL": about["base"], "PLANFIX_TOKEN": about["token"], "PLANFIX_HOOK_SECRET": "s" * 30}
        connection = a_connection(folder, "planfix", settings, planfix_set())
        yield World(_crm(planfix, connection), _typist(planfix, connection, planfix_set("text")), "user:3", workdays=False)


@contextmanager
def in_bitrix(folder: Path) -> Iterator[World]:
    with BitrixSandbox(BitrixOptions(faults=(("plan", "off"),))) as sandbox:
        settings = {
            "BITRIX24_URL": sandbox.address, "BITRIX24_WEBHOOK": "30/staff-30", "BITRIX24_PLAN": "box",
        }  # fmt: skip
        connection = a_connection(folder, "bitrix24", settings, bitrix_set())
        _apply(connection)
        yield World(_crm(bitrix24, connection), _typist(bitrix24, connection, bitrix_set("text")), "11")


def a_connection(folder: Path, name: str, settings: Mapping[str, str], mapping: MappingSet) -> Connection:
    clock = QuickClock()
    database = Database(f"sqlite:///{folder / 'vault.db'}")
    migrate(database, [Room("kernel.http", ROOT / "kernel" / "http" / "migrations")], clock)

    def http(base_url: str, *, pace: Any = None, headers: Any = dict) -> HttpClient:
        return HttpClient(name, base_url, clock=clock, headers=headers)

    return Connection(settings, mapping, http, clock, Vault(f"{name}/main", database, clock, b"secret"))


def _apply(connection: Connection) -> None:
    """What `annex apply` does, without a person to ask."""
    assert bitrix24.setup
    for _round in range(6):
        makes = [change.make for change in bitrix24.setup(connection).plan() if change.make and change.kind != "drop"]
        for make in makes:
            make()
        if not makes:
            return
    raise AssertionError("the portal does not come to rest")


def _crm(connector: Connector, connection: Connection) -> CRM:
    assert connector.crm
    return connector.crm(connection)


def _typist(connector: Connector, connection: Connection, words: MappingSet) -> Callable[[str, str], None]:
    """To somebody who takes the number's field for a text, anything can be typed there."""
    other = _crm(connector, replace(connection, mapping=words))
    return lambda deal, text: other.update("deal", deal, {"rate": text})


WORLDS = {"memory": memory, "planfix": in_planfix, "bitrix24": in_bitrix}


@pytest.fixture(params=list(WORLDS))
def world(request, tmp_path):
    with WORLDS[request.param](tmp_path) as opened:
        yield opened


@pytest.fixture
def crm(world):
    return world.crm


# --- records -------------------------------------------------------------------------------------------------------------


def test_what_was_made_is_read_again(world, crm):
    client = crm.create(
        "contact", {"name": "Іван Франко", "phone": "+380509998877", "email": "ivan@example.test"}, key="c-1"
    )
    values = {
        "name": "Обмін 1", "client": Ref(client), "manager": Ref(world.person), "note": "10000 USD → «так»",
        "rate": Decimal("41.25"), "due": date(2026, 12, 24), "flag": True,
    }  # fmt: skip
    deal = crm.create("deal", values, key="d-1")
    seen = crm.get("deal", deal)
    assert (seen.entity, seen.id, seen.name, seen.stage) == ("deal", deal, "Обмін 1", "new" if seen.stage else None)
    assert seen.values["client"].id == client and seen.values["manager"].id == world.person
    for name in ("name", "note", "rate", "due", "flag"):
        assert seen.values[name] == values[name], name
    assert crm.get("contact", client).values["phone"] == "+380509998877"
    assert seen.created_at and seen.changed_at and abs(seen.created_at - datetime.now(UTC)) < timedelta(hours=1)


def test_a_repeated_create_finds_what_the_first_made(crm):
    deal = crm.create("deal", {"note": "раз"}, key="d-1")
    assert crm.create("deal", {"note": "раз"}, key="d-1", maybe_done=True) == deal
    other = crm.create("deal", {"note": "два"}, key="d-2", maybe_done=True)
    assert other != deal and [one.id for one in crm.find("deal")] == [deal, other]
    client = crm.create("contact", {"name": "Олена"}, key="c-1")
    assert crm.create("contact", {"name": "Олена"}, key="c-1", maybe_done=True) == client


def test_an_update_sets_what_it_names_and_leaves_the_rest(crm):
    deal = crm.create("deal", {"note": "раз", "rate": Decimal("1.5")}, key="d-1")
    crm.update("deal", deal, {"note": "два"}, stage="paid")
    seen = crm.get("deal", deal)
    assert (seen.values["note"], seen.values["rate"], seen.stage) == ("два", Decimal("1.5"), "paid")
    assert seen.stage_label == "Підтвердження оплати клієнта"
    crm.update("deal", deal, {"rate": None, "note": None, "due": None})
    assert [crm.get("deal", deal).values[name] for name in ("rate", "note", "due")] == [None] * 3


def test_finding(crm):
    client = crm.create("contact", {"name": "Іван Франко", "phone": "+380509998877"}, key="c-1")
    crm.create("contact", {"name": "Леся Українка", "phone": "+380501112233"}, key="c-2")
    deals = [crm.create("deal", {"note": f"угода {n}", "flag": n == 1}, key=f"d-{n}") for n in range(3)]
    crm.update("deal", deals[1], {"client": Ref(client)})
    assert [one.id for one in crm.find("contact", where={"phone": "380509998877"})] == [client]
    assert [one.id for one in crm.find("contact", where={"name": "Іван Франко"})] == [client]
    assert [one.id for one in crm.find("deal", where={"client": Ref(client)})] == [deals[1]]
    assert [one.id for one in crm.find("deal", where={"flag": True, "note": "угода 1"})] == [deals[1]]
    assert [one.id for one in crm.find("deal", ids=[deals[2], deals[0]])] == [deals[0], deals[2]]
    assert crm.find("deal", ids=[]) == [] == crm.find("deal", where={"note": "такої немає"})
    assert len(crm.find("deal", changed_since=datetime.now(UTC) - timedelta(hours=1))) == 3
    assert crm.find("deal", changed_since=datetime.now(UTC) + timedelta(days=2)) == []


def test_what_cannot_be_read_is_neither_guessed_nor_lost(world, crm):
    deal = crm.create("deal", {"rate": Decimal("41.2")}, key="d-1")
    world.type_rate(deal, "по договору")
    found = crm.get("deal", deal).values["rate"]
    assert isinstance(found, Unreadable) and found.raw == "по договору"
    world.type_rate(deal, "1 000,5")
    assert crm.get("deal", deal).values["rate"] == Decimal("1000.5")


def test_what_is_not_there(crm):
    for ask in (
        lambda: crm.get("deal", "777777"),
        lambda: crm.get("contact", "777777"),
        lambda: crm.owner_of("deal/operation", "777777"),
    ):
        with pytest.raises(NotFound):
            ask()


# --- rows ----------------------------------------------------------------------------------------------------------------


def test_rows(crm):
    client = crm.create("contact", {"name": "Партнер"}, key="c-1")
    deal, other = (crm.create("deal", {}, key=f"d-{n}") for n in range(2))
    values = {
        "kind": "buy", "gives": "10000 USD", "amount": Decimal("2500.25"), "issue": date(2026, 12, 24),
        "partner": Ref(client),
    }  # fmt: skip
    row = crm.add_row("deal", deal, "operation", values, key="r-1")
    assert crm.add_row("deal", deal, "operation", values, key="r-1", maybe_done=True) == row
    second = crm.add_row("deal", deal, "operation", {"gives": "2"}, key="r-2")
    crm.add_row("deal", other, "operation", {"gives": "3"}, key="r-3")
    crm.update_row("deal", deal, "operation", row, {"gives": "11000 USD", "kind": "sell"})
    rows = crm.get("deal", deal, tables=("operation",)).rows["operation"]
    assert [one.key for one in rows] == [row, second]
    assert (rows[0].values["kind"], rows[0].values["gives"], rows[0].values["amount"]) == (
        "sell",
        "11000 USD",
        Decimal("2500.25"),
    )
    assert rows[0].values["issue"] == date(2026, 12, 24) and rows[0].values["partner"].id == client
    found = {one.id: one.rows["operation"] for one in crm.find("deal", tables=("operation",))}
    assert [len(found[one]) for one in (deal, other)] == [2, 1]
    assert crm.owner_of("deal/operation", second) == deal
    assert crm.get("deal", deal).rows == {}


# --- comments ------------------------------------------------------------------------------------------------------------


def test_a_comment_is_written_once(world, crm):
    deal = crm.create("deal", {}, key="d-1")
    said = crm.comment("deal", deal, "Привіт\n<b>[B]&", to=(world.person,), key="m-1")
    assert crm.comment("deal", deal, "Привіт\n<b>[B]&", to=(world.person,), key="m-1", maybe_done=True) == said
    assert crm.comment("deal", deal, "Привіт", key="m-2", maybe_done=True) != said


# --- what a sweep, the stage lock and the assignment ask -------------------------------------------------------------------


def test_changes_are_named(crm):
    deal = crm.create("deal", {}, key="d-1")
    client = crm.create("contact", {"name": "Іван"}, key="c-1")
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    seen = crm.changed({"deal": hour_ago, "contact": hour_ago})
    assert {("deal", deal), ("contact", client)} <= {(one.entity, one.id) for one in seen}
    assert all(one.at > hour_ago for one in seen)
    assert {one.entity for one in crm.changed({"contact": hour_ago})} == {"contact"}
    assert crm.changed({"deal": datetime.now(UTC) + timedelta(days=2)}) == []
    newest = max(one.at for one in seen if one.entity == "deal")
    crm.update("deal", deal, {"note": "ще"})
    assert deal in {one.id for one in crm.changed({"deal": newest - timedelta(minutes=2)})}


def test_a_changed_row_names_its_deal(crm):
    """By itself or as a change of the deal: a sweep finds the deal either way."""
    deal = crm.create("deal", {}, key="d-1")
    row = crm.add_row("deal", deal, "operation", {"gives": "1"}, key="r-1")
    crm.update_row("deal", deal, "operation", row, {"gives": "2"})
    seen = crm.changed({"deal": datetime.now(UTC) - timedelta(hours=1)})
    named = {crm.owner_of(one.entity, one.id) if "/" in one.entity else one.id for one in seen}
    assert named == {deal}
    assert all(one.owner in ("", deal) for one in seen)


def test_the_way_through_the_stages(world, crm):
    deal = crm.create("deal", {}, key="d-1")
    for stage in ("paid", "closed"):
        crm.update("deal", deal, {}, stage=stage)
    moves = crm.moves("deal", deal)
    assert moves is not None
    assert [one.stage for one in moves if not one.created][-2:] == ["paid", "closed"]
    assert [one.label for one in moves][-1] == "Закриття угоди"
    assert [one.at for one in moves] == sorted(one.at for one in moves)
    assert all(one.id for one in moves) and len({one.id for one in moves}) == len(moves)


def test_working_days(world, crm):
    days = crm.workdays([world.person, "user:777" if ":" in world.person else "777"])
    assert days[world.person] == ("closed" if world.workdays else "off")
    assert len(days) == 2 and set(days.values()) <= {"closed", "off", "unknown"}
    if world.workdays:
        crm.start_workday(world.person)
        assert crm.workdays([world.person]) == {world.person: "open"}
    else:
        with pytest.raises(Rejected):
            crm.start_workday(world.person)
    assert crm.workdays([]) == {} == crm.overdue([])


def test_nobody_is_overdue_in_a_new_portal(world, crm):
    crm.create("deal", {"manager": Ref(world.person), "due": date(2027, 12, 24)}, key="d-1")
    assert crm.overdue([world.person]) == {world.person: 0}


# --- the rest ------------------------------------------------------------------------------------------------------------


def test_people_lacks_and_links(world, crm):
    people = {one.id: one for one in crm.people()}
    assert people[world.person].name and people[world.person].active
    assert {one.role for one in people.values()} <= {"owner", "staff", "robot"}
    assert crm.lacks() == []
    deal = crm.create("deal", {}, key="d-1")
    assert deal in crm.link("deal", deal) and crm.link("deal", deal).startswith("http")
    assert crm.get("deal", deal).url == crm.link("deal", deal)
