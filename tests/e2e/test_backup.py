"""A copy taken here, restored elsewhere: same chain head, same reports; from either database to either."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from app.cli.demo.processes import Processes
from kernel.storage import Database
from plugins.opening import store as opening
from plugins.opening.store import Deal, Request
from tests.e2e.warm import WarmProcesses

ROWS = """deal,op,at,client,partner,kind,pair,amount,amount_in,client_rate,partner_rate,stage
1,1,2026-11-01T10:00,Олена,П1,buy,USD/UAH,10000.00,USD,41.20,41.35,closed
2,1,2026-11-02T10:00,Іван,П1,sell,USDT/USD,5000.00,USD,1.005,1.0005,partner_paid
3,1,2026-11-02T10:00,,,deposit,UAH,100.00,UAH,,,
4,1,2026-11-03T10:00,Петро,,buy,EUR/USD,100,EUR,1.1,,new
"""


def machine(home: Path, url: str, **settings: str) -> Processes:
    home.mkdir(exist_ok=True)
    return WarmProcesses(home, {"ANNEX_HOME": str(home), "ANNEX_DATABASE_URL": url, **settings})


def run(machine: Processes, *arguments: str, code: int = 0) -> str:
    done = machine.annex(*arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.row("PL-12", "PL-13", "PL-07")
@pytest.mark.parametrize("way", ["sqlite to postgresql", "postgresql to sqlite"])
def test_a_copy_restored_elsewhere_is_the_same(tmp_path: Path, fresh_postgres: Callable[..., str], way: str) -> None:
    urls = {"sqlite": f"sqlite:///{tmp_path / 'a.db'}", "postgresql": fresh_postgres(empty=True)}
    source, _, target = way.split(" ")
    here, there = machine(tmp_path / "here", urls[source]), machine(tmp_path / "there", urls[target])
    (tmp_path / "history.csv").write_text(ROWS, encoding="utf-8")
    run(here, "import", "operations", str(tmp_path / "history.csv"))
    copy = tmp_path / "copy.gz"
    output = run(here, "backup", str(copy))
    assert copy.stat().st_mode & 0o077 == 0, "nobody else may read it"
    run(here, "backup", str(copy), code=2)
    assert output.split("books")[1].strip() in run(there, "restore", str(copy))
    run(there, "restore", str(copy), code=2)  # not empty any more
    for report in (("report", "operations", "--json"), ("report", "contacts", "--json"), ("report", "control", "--json")):
        assert run(here, *report) == run(there, *report)
    boards = [json.loads(run(one, "board", "--json")) for one in (here, there)]
    assert boards[0]["rows"] == boards[1]["rows"]
    assert json.loads(run(there, "verify", "--json"))["ok"]


@pytest.mark.row("BR-08")
@pytest.mark.parametrize("way", ["a copy", "already there"])
def test_a_registration_that_waits_in_the_copy_is_asked_for_before_it_is_sent(tmp_path: Path, way: str) -> None:
    settings = {"ANNEX_SET": "broker-bitrix24", "BACKOFFICE_BROKER_URL": "https://bo.example/"}
    urls = [f"sqlite:///{tmp_path / name}.db" for name in ("one", "two")]
    here, there = (machine(tmp_path / name, url, **settings) for name, url in zip(("one", "two"), urls, strict=True))
    run(here, "backup", str(tmp_path / "empty.gz"))  # makes the tables
    with closing(Database(urls[0])) as database, database.write() as tx:
        opening.keep(tx, Deal("bitrix24/main", "5512", "contact:830", state="open"))
        opening.write_down(tx, Request("bitrix24/main", "5512", 1, "annex:main:5512:1", "contact:830", "<a/>", "", (), 1))
        payload = json.dumps({"push": "open_account", "request": "<a/>", "request_id": "annex:main:5512:1"})
        tx.run(
            "INSERT INTO outgoing VALUES ('c1', 'backoffice/broker', 'out:backoffice/broker:client:contact:830', 1, "
            "'open_account', 'annex:main:5512:1', '', :payload, 'waiting', 0, '', '', '', 1, NULL)", payload=payload,
        )  # fmt: skip
    run(there, "restore", code=2)
    if way == "a copy":
        run(here, "backup", str(tmp_path / "copy.gz"))
        run(there, "restore", str(tmp_path / "copy.gz"), "--already-there", code=2)
        run(there, "restore", str(tmp_path / "copy.gz"))
    else:
        run(here, "restore", "--already-there")
    with closing(Database(urls[way == "a copy"])) as database, database.read() as tx:
        found = {row["verb"]: row for row in tx.all("SELECT verb, state, payload FROM outgoing")}
        assert tx.value("SELECT state FROM opening_deal") == "asking"
    assert {verb: row["state"] for verb, row in found.items()} == {"open_account": "dropped", "ask_accounts": "waiting"}
    asked = json.loads(found["ask_accounts"]["payload"])
    assert (asked["stem"], asked["number"]) == ("annex:main:5512:", 1)


@pytest.mark.row("PL-12")
def test_a_copy_cut_short_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    here, there = (machine(tmp_path / name, f"sqlite:///{tmp_path / name}.db") for name in ("one", "two"))
    (tmp_path / "history.csv").write_text(ROWS, encoding="utf-8")
    run(here, "import", "operations", str(tmp_path / "history.csv"))
    copy = tmp_path / "copy.gz"
    run(here, "backup", str(copy))
    lines = gzip.decompress(copy.read_bytes()).splitlines(keepends=True)
    for broken in (lines[:-1], lines[:-3] + lines[-1:], [b"{}\n"]):
        (tmp_path / "broken.gz").write_bytes(gzip.compress(b"".join(broken)))
        run(there, "restore", str(tmp_path / "broken.gz"), code=2)
    (tmp_path / "broken.gz").write_bytes(copy.read_bytes()[:-20])
    run(there, "restore", str(tmp_path / "broken.gz"), code=2)
    run(there, "restore", str(copy))
    run(there, "verify")
