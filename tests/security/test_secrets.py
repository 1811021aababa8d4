"""Secrets are looked for where they must not be: logs, pages, answers, tables, copies, files, the list of processes."""

from __future__ import annotations

import gzip
import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from connectors.bitrix24 import settings as bitrix
from connectors.bitrix24.tests.pocket import refused
from kernel.errors import AnnexError, Rejected
from kernel.jobs import inbox
from kernel.settings import Settings
from kernel.storage.dump import dump
from kernel.telemetry import mask, set_up_logs
from kernel.web import secret_of
from tests.conformance.checkout import ROOT, annex, output, sources
from tests.security.test_forms import addresses
from tests.security.whole import BROKER, PROOF, SECRETS, Whole


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """All that is logged, down to the smallest."""
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    set_up_logs("debug", readable=False)
    yield stream
    structlog.reset_defaults()


def found_in(text: str) -> set[str]:
    return {name for name, secret in SECRETS.items() if secret in text}


def a_day(broker: Whole) -> None:
    """What brings every secret past: events with tokens, openings, calls that fail with the token in their words."""
    auth = {**PROOF, "access_token": SECRETS["access"], "refresh_token": SECRETS["refresh"]}
    assert broker.event("ONCRMDEALUPDATE", auth, ID="5").status_code == 200
    assert broker.frame().status_code == 303
    assert broker.frame(AUTH_ID="nobodys").status_code == 403
    assert broker.event("ONCRMDEALUPDATE", {**auth, "application_token": "forged"}, ID="5").status_code == 403
    assert broker.event("ONCRMDEALUPDATE", auth, ID=SECRETS["access"]).status_code == 400
    message = f"the token {SECRETS['access']} of /rest/1/{SECRETS['webhook']}/ may not"
    broker.outside.before = lambda method, params: refused(400, "ERROR", message)
    with pytest.raises(AnnexError):
        broker.annex.runtime.portal.crm.people.all()
    broker.annex.sweep()
    with broker.annex.database.write() as tx:
        ids = [row["id"] for row in tx.all("SELECT id FROM inbox")]
        inbox.settle(tx, ids, "failed", message, broker.annex.clock)


@pytest.mark.row("PL-10")
def test_no_log_holds_a_secret(broker: Whole, written: io.StringIO) -> None:
    a_day(broker)
    assert len(written.getvalue().splitlines()) > 5 and "•••" in written.getvalue(), "calls were logged"
    assert found_in(written.getvalue()) == set()


@pytest.mark.row("PL-10")
def test_no_page_holds_a_secret(broker: Whole) -> None:
    a_day(broker)
    owner, shown = broker.signed_in(), ""
    with broker.annex.database.read() as tx:
        traces = [f"/trace/{row['id']}" for row in tx.all("SELECT id FROM inbox")]
    for path in [*(path for method, path in addresses(broker.app) if method == "GET" and path != "/live"), *traces]:
        answer = owner.get(path)
        shown += answer.text + str(answer.headers)
    assert "may not" in shown, "the refusal is told, without what it quoted"
    assert found_in(shown) == set()


def test_an_error_page_masks_what_the_crm_quoted(broker: Whole) -> None:
    message = f"invalid: {SECRETS['access']}"
    assert message not in mask(message)

    def quoted() -> Any:
        raise Rejected(message)

    broker.app.view_functions["health.healthz"] = quoted
    for accept in ("text/html", "application/json"):
        answer = broker.signed_in().get("/healthz", headers={"Accept": accept})
        assert answer.status_code == 502 and "invalid" in answer.text and found_in(answer.text) == set()


@pytest.mark.row("PL-10")
def test_no_table_no_copy_and_no_file_holds_a_secret(broker: Whole, tmp_path: Path) -> None:
    a_day(broker)
    copy = tmp_path / "copy.gz"
    dump(broker.annex.database, broker.annex.migration_sets, copy)
    with gzip.open(copy, "rt", encoding="utf-8") as file:
        assert found_in(file.read()) == set()
    assert copy.stat().st_mode & 0o077 == 0, "a copy holds what the books hold: its owner alone reads it"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    for path in files:
        raw = path.read_bytes()
        assert {name for name, secret in SECRETS.items() if secret.encode() in raw} == set(), path.name
    assert (broker.annex.runtime.connection.vault.get("app") or {})["refresh_token"] == SECRETS["refresh"], "it is there"


def test_settings_show_no_secret_and_the_databases_password_is_one(tmp_path: Path) -> None:
    url = "postgresql+psycopg://annex:p%40ss-77aa10@db.example/annex"
    settings = Settings({**BROKER, "ANNEX_DATABASE_URL": url, "ANNEX_SECRET": SECRETS["annex"]})
    shown = " ".join(value.display() for value in settings.values_with_source())
    assert "77aa10" not in shown and SECRETS["annex"] not in shown
    for message in (f"cannot connect to {url}", "password authentication failed for p@ss-77aa10"):
        assert "77aa10" not in mask(message)


def test_what_holds_secrets_does_not_show_them(broker: Whole) -> None:
    connection = broker.annex.runtime.connection
    assert found_in(repr(bitrix.read(connection.settings)) + repr(connection.vault)) == set()


# --- the machine -----------------------------------------------------------------------------------------------------------


def test_no_command_takes_a_secret_as_an_argument() -> None:
    """Whoever is on the machine reads the list of processes."""
    usage = output(annex("--help"))
    names = re.findall(r"^    ([a-z-]+)\s{2,}", usage, re.MULTILINE)
    assert "serve" in names
    for path in sorted((ROOT / "app/cli").rglob("*.py")) + sorted(ROOT.glob("plugins/*/commands*.py")):
        options = re.findall(r"add_argument\(\s*[\"']([^\"']+)", path.read_text(encoding="utf-8"))
        assert not [one for one in options if re.search(r"token|secret|password|key\b", one)], path


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="reads the list of processes from /proc")
def test_the_list_of_processes_shows_no_secret(tmp_path: Path) -> None:
    """A worker of the real product: neither its arguments nor its name, and no process that it started."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ANNEX_", "PLANFIX_", "PYTEST_"))},
        **BROKER, "ANNEX_HOME": str(tmp_path), "ANNEX_SECRET": SECRETS["annex"], "BITRIX24_URL": "http://127.0.0.1:1/",
    }  # fmt: skip
    log = (tmp_path / "worker.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "doctor"], cwd=ROOT, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
    )
    seen = ""
    try:
        while process.poll() is None:
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    seen += (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                except OSError:
                    continue
            time.sleep(0.2)
    finally:
        process.kill()
        process.wait()
        log.close()
    assert "-m app doctor" in seen and found_in(seen) == set()
    assert found_in((tmp_path / "worker.log").read_text(encoding="utf-8")) == set()


def test_the_key_it_makes_is_readable_by_itself_alone(tmp_path: Path) -> None:
    settings = Settings({"ANNEX_HOME": str(tmp_path)})
    assert secret_of(settings) and (tmp_path / "secret.key").stat().st_mode & 0o077 == 0


# --- the code --------------------------------------------------------------------------------------------------------------


def using(pattern: str) -> set[str]:
    found = re.compile(pattern)
    paths = sources("kernel", "plugins", "connectors", "webhooks", "app")
    return {str(path.relative_to(ROOT)) for path in paths if found.search(path.read_text(encoding="utf-8"))}


def test_only_the_demo_starts_processes() -> None:
    found = using(r"\bsubprocess\b|os\.(?:system|popen|exec|spawn)|shell=True|\bpty\b")
    assert {path for path in found if not path.startswith("app/cli/demo")} == set()


def test_nothing_is_evaluated() -> None:
    assert using(r"(?<![\w.])(?:eval|exec|compile|__import__)\(|render_template_string") == set()


def test_no_weak_hash_and_no_guessable_chance_is_used() -> None:
    # WS-Security's UsernameToken prescribes SHA-1 for its digest; it guards a password that TLS covers as well.
    weak = using(r"hashlib\.(?:md5|sha1)\b|[\"'](?:md5|sha1)[\"']|\bDES\b|MODE_ECB")
    assert weak == {"connectors/backoffice/wsse.py"}
    guessable = using(r"^\s*(?:import random|from random)\b|\buuid\.uuid1\b|random\.(?:random|choice|Random)\(")
    assert {path for path in guessable if not path.startswith(("app/cli/demo", "app/simulation", "kernel/testing"))} == set()
