"""An emulated portal becomes the broker's, another the exchange desk's, by the commands a person types: plan and apply."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import requests

from app.cli.demo.processes import Processes, free_port
from connectors.bitrix24.tests.straight import snapshot_of
from kernel.testing import until
from sandbox.bitrix24.server import Options, Sandbox
from tests.e2e.warm import WarmProcesses

SETS = {"broker-bitrix24": "empty", "exchange-desk-bitrix24": "empty-exchange"}
READS = ("get", "list", "info", "profile", "batch", "events", "methods", "scope")


@dataclass
class Office:
    """A portal, the service beside it, and somebody at the command line."""

    home: Path
    sandbox: Sandbox
    processes: Processes
    address: str

    def annex(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.processes.annex(*arguments)

    def plan(self) -> tuple[int, list[dict[str, Any]]]:
        """Exit code, and what is to do; notes apart."""
        done = self.annex("plan", "--json")
        assert done.stdout, done.stderr
        document = json.loads(done.stdout)
        changes = [one for one in document["changes"] if one["kind"] != "note"]
        assert document["to_do"] == len(changes)
        return done.returncode, changes

    def install(self) -> None:
        """An administrator installs the application: the portal sends the tokens to our door."""
        handler = f"{self.address}/hooks/bitrix24/main"
        self.control("app/install", {"handler": handler, "kind": "script"})
        self.control("wait-idle", {"timeout": 20})

    def control(self, door: str, data: Mapping[str, Any] | None = None) -> Any:
        answer = requests.post(f"{self.sandbox.address}/sandbox/{door}", json=data or {}, timeout=120)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ask(self, method: str, params: Mapping[str, Any], app: bool = False) -> Any:
        """As staff or the application would, through REST."""
        about = self.sandbox.about()
        if app:
            token = self.control("app/tokens", {"user": "1"})["access_token"]
            url, params = f"{about['address']}/rest/{method}", {**params, "auth": token}
        else:
            url = f"{about['base']}{method}"
        answer = requests.post(url, json=params, timeout=120)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    def snapshot(self) -> dict[str, Any]:
        return snapshot_of(self.ask)

    def writes(self) -> int:
        calls = self.sandbox.portal.counters.calls
        return sum(number for name, number in calls.items() if name.rpartition(".")[2] not in READS)


@contextmanager
def opened(home: Path, name: str, portal: str = "") -> Iterator[Office]:
    home.mkdir(exist_ok=True)
    with Sandbox(Options(port=0, portal=portal or SETS[name], speedup=200)) as sandbox:
        about, address = sandbox.about(), f"http://127.0.0.1:{free_port()}"
        processes = WarmProcesses(
            home,
            {
                "ANNEX_HOME": str(home), "ANNEX_DATABASE_URL": f"sqlite:///{home / 'annex.db'}", "ANNEX_SET": name,
                "ANNEX_PUBLIC_URL": address, "BITRIX24_URL": f"{about['address']}/", "BITRIX24_PLAN": "box",
                "BITRIX24_WEBHOOK": about["base"].partition("/rest/")[2].strip("/"),
                "BITRIX24_CLIENT_ID": about["app"]["client_id"], "BITRIX24_CLIENT_SECRET": about["app"]["client_secret"],
                "BITRIX24_OAUTH_SERVER": about["app"]["oauth"],
            },
        )  # fmt: skip
        try:
            yield Office(home, sandbox, processes, address)
        finally:
            processes.stop_all()


@contextmanager
def served(office: Office) -> Iterator[None]:
    """The service runs meanwhile: only it can receive what an installation brings."""
    host, _, port = office.address.removeprefix("http://").partition(":")
    office.processes.start("service", "app", "serve", "--host", host, "--port", port)
    try:
        office.processes.wait_ready(office.address)
        yield
    finally:
        office.processes.stop_all()


@pytest.fixture(scope="module", params=list(SETS))
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A portal with the application installed, and the set applied."""
    with opened(tmp_path_factory.mktemp("office"), request.param) as made:
        with served(made):
            made.install()
        done = made.annex("apply", "--cards")
        assert done.returncode == 0, done.stdout + done.stderr
        yield made


@cache
def applied(name: str) -> tuple[dict[str, Any], int]:
    """What an empty portal looks like after one apply that nothing disturbed, and how many changes that took."""
    with TemporaryDirectory() as folder, opened(Path(folder), name) as office:
        office.annex("apply", "--cards")
        return office.snapshot(), office.writes()


def own_set(office: Office, change: Callable[[Path], None]) -> None:
    """The customer's own copy of the set, with something changed in it."""
    folder = office.home / "own-set"
    if not folder.is_dir():
        shutil.copytree(Path("mappings") / office.processes._environment["ANNEX_SET"], folder)
    change(folder)
    office.processes.set(ANNEX_SET=str(folder))


def replace(file: str, *pairs: tuple[str, str]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / file).read_text(encoding="utf-8")
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        (folder / file).write_text(text, encoding="utf-8")

    return change


# --- from an empty portal --------------------------------------------------------------------------------------------


@pytest.mark.row("BR-01")
@pytest.mark.parametrize("name", SETS)
def test_an_empty_portal_is_planned_applied_and_then_as_the_set_says(name: str, tmp_path: Path) -> None:
    with opened(tmp_path, name) as office:
        untouched = office.snapshot()
        code, changes = office.plan()
        assert code == 2 and len([one for one in changes if one["kind"] == "create"]) > 40
        assert office.snapshot() == untouched, "a plan changes nothing"
        done = office.annex("apply", "--cards")
        assert done.returncode == 2, "without the application a part is left to a person"
        assert "приложение не установлено" in done.stdout and "✓ + воронка" in done.stdout
        with served(office):
            office.install()
        done = office.annex("apply", "--cards")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "by hand" in done.stdout, "what nobody can check is told all the same"
        before = office.writes()
        assert office.plan() == (0, [])
        assert office.annex("apply", "--cards").returncode == 0 and office.writes() == before, (
            "a second apply changes nothing"
        )
        doctor = office.annex("doctor")
        assert not any(word in doctor.stdout for word in ("не хватает — ", "бракує — ", "is missing")), doctor.stdout


@pytest.mark.row("BR-01")
def test_the_portal_is_the_customers(office: Office) -> None:
    snapshot = office.snapshot()
    hooks, frame = f"{office.address}/hooks/bitrix24/main", f"{office.address}/frame/bitrix24/main"
    assert ("ONCRMDEALUPDATE", hooks) in snapshot["events"]
    if office.sandbox.portal.name == "empty":
        assert {"Продажи", "Сопровождение"} <= set(snapshot["pipelines"])
        names = [name for name, _ends, _color in snapshot["stages"]["Продажи"]]
        assert names[0] == "Новое обращение" and names[-3:] == ["Счёт открыт", "Отказ клиента", "Нецелевое обращение"]
        assert len(snapshot["lists"]) == 11 and "Журнал запросов" in snapshot["lists"]
        assert any(field[:2] == ("Клиент", "S:ECrm") for field in snapshot["lists"]["Позиция: деньги"])
        assert ("LEFT_MENU", f"{frame}/heads/", "Руководителю") in snapshot["placed"]
        assert snapshot["robots"] == ["annex_check", "annex_give_out"]
        assert ("ONCRMLEADADD", hooks) in snapshot["events"]
    else:
        names = [name for name, _ends, _color in snapshot["stages"]["Обмін валют"]]
        assert names == ["Нове звернення", "Підтвердження оплати клієнта", "Підтвердження оплати партнера",
                         "Закриття угоди", "Скасовано"]  # fmt: skip
        assert snapshot["types"] == sorted(["Журнал Annex", "Зберігання", "Операція"])
        assert ("Курс клієнта", "string", "N", "N", ()) in snapshot["fields"]["Операція"]
        assert ("LEFT_MENU", f"{frame}/exchange/board", "Табло") in snapshot["placed"]
        assert sum(event.startswith("ONCRMDYNAMICITEM") for event, _handler in snapshot["events"]) == 3


# --- afterwards --------------------------------------------------------------------------------------------------------


@pytest.mark.row("BR-01")
def test_drift_by_hand_is_named_and_mended(office: Office) -> None:
    before = office.snapshot()
    stages = office.ask("crm.status.list", {})
    stage = next(one for one in stages if one["ENTITY_ID"].startswith("DEAL_STAGE_") and one["SEMANTICS"] == "S")
    office.ask("crm.status.update", {"id": stage["ID"], "fields": {"NAME": "Ура"}})
    asked = {"moduleId": "crm", "select": {"0": "*", "language": "ru"}, "filter": {"entityId": "CRM_CONTACT"}}
    field = office.ask("userfieldconfig.list", asked)["fields"][0]
    office.ask("userfieldconfig.delete", {"moduleId": "crm", "id": field["id"]})
    office.ask("placement.unbind", {"PLACEMENT": "LEFT_MENU"}, True)
    code, changes = office.plan()
    assert code == 2
    assert [one["detail"] for one in changes if one["kind"] == "rename"] == [f"сейчас «Ура», должно быть «{stage['NAME']}»"]
    assert {"create"} == {one["kind"] for one in changes if one["kind"] != "rename"} and len(changes) > 2
    assert office.annex("apply", "--cards").returncode == 0
    assert office.plan() == (0, []) and office.snapshot() == before


@pytest.mark.row("BR-01")
def test_a_new_label_renames_and_what_the_set_no_longer_names_is_asked_about(tmp_path: Path) -> None:
    with opened(tmp_path, "broker-bitrix24") as office:
        assert office.annex("apply", "--cards").returncode == 2
        for number in range(3):
            fields = {"name": f"{number}", "ufCrmContractNumber": f"{number}"}
            office.ask("crm.item.add", {"entityTypeId": 3, "fields": fields})
        own_set(office, replace("deal.toml", ("Отказ клиента", "Клиент отказался"), ('label = "Продажи"', 'label = "Сбыт"')))
        code, changes = office.plan()
        assert code == 2 and sorted(one["kind"] for one in changes) == ["manual", "rename", "rename"]
        assert office.annex("apply", "--cards").returncode == 2 and "Сбыт" in office.snapshot()["pipelines"]
        gone = '[field.contract_number]\nlabel    = "Номер договора"\nwrite    = true\nrequired = false\n'
        own_set(office, replace("contact.toml", (gone, "")))
        own_set(office, replace("portal.toml", ('["contract_number", "account_opened_at"] }', '["account_opened_at"] }')))
        own_set(office, replace("push.open_account.toml", (', ContractNumber = "client.contract_number"', "")))
        [drop] = [one for one in office.plan()[1] if one["kind"] == "drop"]
        assert drop["records"] == 3 and "Номер договора" in drop["what"]
        alone = office.annex("apply", "--cards")
        assert alone.returncode == 2 and "records that hold data: 3" in alone.stdout, "nobody there to ask means no"
        assert any(label == "Номер договора" for label, *_rest in office.snapshot()["fields"]["contact"])
        code, output = at_a_terminal(office, "n\n")
        assert code == 2 and "drop it?" in output
        assert any(label == "Номер договора" for label, *_rest in office.snapshot()["fields"]["contact"])
        code, output = at_a_terminal(office, "y\n")
        assert "✓ -" in output
        assert not any(label == "Номер договора" for label, *_rest in office.snapshot()["fields"]["contact"])
        assert [one["kind"] for one in office.plan()[1]] == ["manual"]


def at_a_terminal(office: Office, typed: str) -> tuple[int, str]:
    """`annex apply` with somebody who answers."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "apply", "--cards"], env=office.processes._environment, stdin=theirs,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        os.write(ours, typed.encode())
        output, _none = process.communicate(timeout=300)
    finally:
        os.close(ours)
        os.close(theirs)
    return process.returncode, output


# --- killed and cut ----------------------------------------------------------------------------------------------------


@pytest.mark.row("BR-01")
@pytest.mark.parametrize("name", SETS)
def test_killed_again_and_again_it_ends_in_the_same_state(name: str, tmp_path: Path) -> None:
    wanted, needed = applied(name)
    with opened(tmp_path, name) as office:
        for calls in (1, 4, 9, 17, 26):
            kill_after(office, calls)
        assert office.annex("apply", "--cards").returncode == 2
        assert office.snapshot() == wanted
        assert office.writes() <= needed + 12, "little was done twice, and nothing made twice"


def kill_after(office: Office, calls: int) -> None:
    """kill -9 as soon as the portal has carried out so many more changes."""
    wanted = office.writes() + calls
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "apply", "--cards"], env=office.processes._environment, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until(lambda: office.writes() >= wanted or process.poll() is not None, "so many changes are made", every=0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.row("BR-01")
def test_answers_that_get_lost_stop_it_with_words_and_the_next_one_goes_on(tmp_path: Path) -> None:
    wanted, _needed = applied("exchange-desk-bitrix24")
    with opened(tmp_path, "exchange-desk-bitrix24") as office:
        stopped = 0
        office.sandbox.portal.faults.set("cut_every", 15)
        while (done := office.annex("apply", "--cards")).returncode == 1:
            stopped += 1
            assert "✗" in done.stderr and "goes on from here" in done.stderr
            assert stopped < 12, done.stderr
        assert done.returncode == 2 and stopped >= 3
        assert office.snapshot() == wanted and [one["kind"] for one in office.plan()[1]] == ["manual"]
