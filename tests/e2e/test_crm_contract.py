"""The contract suite of CRMs, run on the one in memory, on Planfix and on Bitrix24: they behave alike, or it is none."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.bitrix24 import connector as bitrix24
from connectors.bitrix24.client import connect
from connectors.bitrix24.settings import read
from connectors.planfix import connector as planfix
from kernel.clock import SystemClock
from kernel.crm import CRM
from kernel.extension import Connection, Connector
from kernel.http import HttpClient, Vault
from kernel.mapping import MappingSet, PortalMap
from kernel.storage import Database, MigrationSet, migrate
from kernel.testing import FakeClock, MemoryCRM
from kernel.testing.contracts import crm as contract
from kernel.testing.contracts.crm import BEHAVIOURS, World, entities
from sandbox.bitrix24.server import Options as BitrixOptions
from sandbox.bitrix24.server import Sandbox as BitrixSandbox
from sandbox.planfix.server import Options as PlanfixOptions
from sandbox.planfix.server import Sandbox as PlanfixSandbox

pytestmark = pytest.mark.row("PL-05")
ROOT = Path(__file__).parents[2]


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


@contextmanager
def memory(_folder: Path) -> Iterator[World]:
    crm = MemoryCRM(planfix_set(), FakeClock(datetime.now(UTC)))
    person = crm.staff.hire("Ігор Бондар")
    crm.days[person.id] = "closed"
    everything = ("people", "workdays", "history", "bin")
    yield World(
        crm, lambda deal, text: crm.staff.set("deal", deal, rate=text), person.id, crm.staff.dismiss, crm.staff.delete,
        everything,
    )  # fmt: skip


@contextmanager
def in_planfix(folder: Path) -> Iterator[World]:
    with PlanfixSandbox(PlanfixOptions(speedup=100, faults=(("rate_per_second", 0),))) as sandbox:
        about = sandbox.about()
        settings = {"PLANFIX_URL": about["base"], "PLANFIX_TOKEN": about["token"], "PLANFIX_HOOK_SECRET": "s" * 30}
        connection = a_connection(folder, "planfix", settings, planfix_set())

        def dismiss(person: str) -> None:
            sandbox.portal.users[person].active = False

        def delete(entity: str, record_id: str) -> None:
            held = sandbox.portal.tasks if entity == "deal" else sandbox.portal.contacts
            held[int(record_id.rpartition(":")[2])].deleted = True

        typist = _typist(planfix, connection, planfix_set("text"))
        parts = ("people", "history", "bin")
        yield World(_crm(planfix, connection), typist, "user:3", dismiss, delete, parts)


@contextmanager
def in_bitrix(folder: Path) -> Iterator[World]:
    with BitrixSandbox(BitrixOptions(faults=(("plan", "off"),))) as sandbox:
        settings = {
            "BITRIX24_URL": sandbox.address, "BITRIX24_WEBHOOK": "30/staff-30", "BITRIX24_PLAN": "box",
        }  # fmt: skip
        connection = a_connection(folder, "bitrix24", settings, bitrix_set())
        _apply(connection)

        def dismiss(person: str) -> None:
            sandbox.portal.people[person].active = False

        typist = _typist(bitrix24, connection, bitrix_set("text"))
        client = connect(connection, read(connection.settings, connection.mapping.portal.time_zone))

        def delete(entity: str, record_id: str) -> None:
            client.call(f"crm.{entity}.delete", {"id": int(record_id)}, writes=True)

        parts = ("people", "workdays", "history")
        yield World(_crm(bitrix24, connection), typist, "11", dismiss, delete, parts)


def a_connection(folder: Path, name: str, settings: Mapping[str, str], mapping: MappingSet) -> Connection:
    clock = QuickClock()
    database = Database(f"sqlite:///{folder / 'vault.db'}")
    migrate(database, [MigrationSet("kernel.http", ROOT / "kernel" / "http" / "migrations")], clock)

    def http(base_url: str, *, rate_limit: Any = None, headers: Any = dict) -> HttpClient:
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


@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda one: one.__name__)
def test_each_crm_keeps_the_contract(behaviour, world):
    behaviour(world)


def test_no_behaviour_is_left_out():
    written = {name for name, one in vars(contract).items() if callable(one) and list(_parameters(one)) == ["world"]}
    assert {one.__name__ for one in BEHAVIOURS} == written


def _parameters(one: Any) -> list[str]:
    return list(inspect.signature(one).parameters) if inspect.isfunction(one) else []
