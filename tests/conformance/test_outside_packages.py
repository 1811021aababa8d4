"""A package of somebody else's brings a plugin and a connector: it is installed, used, and taken away again.

Installed means what pip would leave behind: a package and a .dist-info folder with entry points on Python's path. Everything
runs in processes of its own, as it would in life.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.conformance.checkout import ENVIRONMENT, ROOT, annex, output, run

pytestmark = pytest.mark.row("PL-06")

PLUGIN = """
from pathlib import Path
from kernel.extension import Command, Plugin, Watch

def seen(unit, seen):
    unit.tx.run("INSERT INTO guest_book VALUES (:d) ON CONFLICT (deal) DO NOTHING", d=seen.record.id)
    unit.comment("deal", seen.record.id, "a guest was here", key=f"guest:{seen.record.id}")

def translate(portal, args):
    with portal.read() as unit:
        print(args.word, unit.tx.value("SELECT COUNT(*) FROM guest_book"))
    return 0

plugin = Plugin(
    name="guest", title="Guest", fields={"deal": ("name",)}, watches=(Watch("deal", seen),),
    commands=(Command("guest-book", "how many deals the guest has seen", lambda p: p.add_argument("word"), translate),),
    migrations=Path(__file__).parent / "migrations",
)
"""
CONNECTOR = """
from pathlib import Path
from kernel.crm import CRM, Event, Record
from kernel.extension import CRM_VERBS, Connector, Received, SettingLine

class Crm(CRM):
    name = "guest_crm"
    def __init__(self, connection):
        self.book = Path(connection.settings["GUEST_BOOK"])
        self.values = {}
    def get(self, entity, record_id, *, tables=()):
        return Record(entity, record_id, name="Deal " + record_id, stage="new", values=dict(self.values))
    def find(self, entity, **_):
        return []
    def comment(self, entity, record_id, text, *, to=(), key, maybe_done=False):
        self.book.write_text(f"{entity} {record_id}: {text}")
        return "1"
    def update(self, entity, record_id, values, *, stage=None):
        self.values.update(values)
    def missing(self):
        return []
    def changed(self, since):
        return []
    def link(self, entity, record_id):
        return ""

def receive(delivery, connection):
    return Received((Event(delivery.rest, "deal", delivery.body.decode(), delivery="d1"),))

connector = Connector(
    "guest_crm", "Guest CRM", (SettingLine("GUEST_BOOK", "where comments go"),), receive, crm=Crm,
    verbs=CRM_VERBS,
)
"""
# A webhook through the real door, then every job that it leaves behind, as a worker would run them.
DELIVER = """
import json, sys
from app.bootstrap import build
from app.site import make_site

class Jobs:
    def __init__(self):
        self.waiting = []
    def enqueue(self, tx, job):
        self.waiting.append(job)

jobs = Jobs()
annex = build(queue=jobs)
annex.migrate()
with annex.database.read() as tx:
    rooms = sorted({row["room"] for row in tx.all("SELECT room FROM annex_migration")})
answer = make_site(annex).test_client().post(sys.argv[1], data=sys.argv[2])
for _ in range(20):
    if not jobs.waiting:
        break
    job = jobs.waiting.pop(0)
    annex.handlers()[job.name](job.args)
print(json.dumps({"status": answer.status_code, "rooms": rooms}))
"""


class Guest:
    """The outside package, the mapping set that uses it, and a data directory."""

    def __init__(self, folder: Path) -> None:
        self.home, self.site, self.set, self.book = (folder / name for name in ("home", "site", "guest-set", "book"))
        package = self.site / "annex_guest"
        (package / "migrations").mkdir(parents=True)
        for name, text in {"__init__.py": "", "plug.py": PLUGIN, "connect.py": CONNECTOR}.items():
            (package / name).write_text(text, encoding="utf-8")
        (package / "migrations/0001_guest.sql").write_text("CREATE TABLE guest_book (deal TEXT PRIMARY KEY);\n")
        about = self.site / "annex_guest-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: annex-guest\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(
            "[annex.plugins]\nguest = annex_guest.plug:plugin\n"
            "[annex.connectors]\nguest_crm = annex_guest.connect:connector\n"
        )
        shutil.copytree(ROOT / "mappings/exchange-desk-planfix", self.set)

    def switch_on(self, text: str, *, connector: str = "planfix") -> None:
        portal = (ROOT / "mappings/exchange-desk-planfix/portal.toml").read_text(encoding="utf-8")
        portal = portal.replace('connector = "planfix"', f'connector = "{connector}"')
        (self.set / "portal.toml").write_text(f"{portal}\n{text}\n", encoding="utf-8")

    def environment(self, *, installed: bool = True) -> dict[str, str]:
        own = {"ANNEX_HOME": str(self.home), "ANNEX_SET": str(self.set), "GUEST_BOOK": str(self.book)}
        return {**ENVIRONMENT, **own, **({"PYTHONPATH": str(self.site)} if installed else {})}

    def deliver(self, address: str, body: str) -> dict[str, object]:
        done = run(sys.executable, "-c", DELIVER, address, body, more=self.environment())
        assert done.returncode == 0, output(done)
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    return Guest(tmp_path)


def test_its_command_stands_in_the_help_while_it_is_installed(guest):
    assert "guest-book" in annex("--help", more=guest.environment()).stdout
    without = annex("--help", more=guest.environment(installed=False))
    assert without.returncode == 0
    assert "guest-book" not in without.stdout


def test_its_command_works_on_its_own_table(guest):
    guest.switch_on("[plugin.guest]")
    done = annex("guest-book", "seen:", more=guest.environment())
    assert (done.returncode, done.stdout) == (0, "seen: 0\n"), output(done)


def test_its_plugin_and_its_connector_carry_a_deal_from_webhook_to_comment(guest):
    guest.switch_on("[plugin.guest]", connector="guest_crm")
    result = guest.deliver("/hooks/guest_crm/main/deal.changed", "7")
    assert result["status"] == 200
    assert "guest" in result["rooms"]
    assert annex("guest-book", "seen:", more=guest.environment()).stdout == "seen: 1\n"
    assert guest.book.read_text(encoding="utf-8") == "deal 7: a guest was here"


def test_taken_away_it_leaves_everything_else_working(guest):
    guest.switch_on("[plugin.guest]", connector="guest_crm")
    guest.deliver("/hooks/guest_crm/main/deal.changed", "7")
    gone = guest.environment(installed=False)

    for connector, word in (("guest_crm", "connector «guest_crm»"), ("planfix", "plugin «guest»")):
        guest.switch_on("[plugin.guest]", connector=connector)
        still_named = annex("board", more=gone)
        assert still_named.returncode == 3
        assert f"{word} is not installed" in still_named.stderr

    guest.switch_on("")
    for command in (("board", "--json"), ("verify",), ("jobs",), ("report", "operations", "--json")):
        done = annex(*command, more=gone)
        assert done.returncode == 0, output(done)


def test_a_name_that_is_taken_is_refused(guest):
    points = guest.site / "annex_guest-1.0.dist-info/entry_points.txt"
    points.write_text(
        points.read_text().replace("[annex.connectors]", "again = annex_guest.plug:plugin\n[annex.connectors]")
    )
    done = annex("--help", more=guest.environment())
    assert done.returncode == 3
    assert "two packages bring «guest»" in done.stderr
