"""An emulated back office with our connection to it, as a set declares it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import requests

from app.connections import client_of
from connectors.backoffice import connector
from connectors.backoffice.source import BackOffice
from kernel.clock import Clock
from kernel.extension import Connection
from kernel.http import Transport, Vault
from kernel.jobs.outgoing import Call
from kernel.mapping import MappingSet, load_set
from kernel.storage import Database
from kernel.testing import FakeClock
from sandbox.backoffice import Options, Sandbox

ROOT = Path(__file__).parents[3]
SET = ROOT / "mappings" / "broker-bitrix24"
CLIENT, FIRM, NOBODY, PAGES = "1000417", "1000418", "1000419", "1000420"
NAME = "backoffice/broker"


def connection_to(
    url: str,
    database: Database,
    *,
    clock: Clock | None = None,
    mapping: MappingSet | None = None,
    transport: Transport | None = None,
    **settings: str,
) -> Connection:
    clock = clock or FakeClock()
    return Connection(
        settings={"BACKOFFICE_URL": url, "BACKOFFICE_PLAIN_HTTP": "yes", **settings},
        mapping=mapping or load_set(SET), clock=clock, name="broker", connector=connector,
        http=partial(client_of, "backoffice", NAME, database, clock, transport),
        vault=Vault(NAME, database, clock, b"secret"),
    )  # fmt: skip


class Office:
    def __init__(self, database: Database, *, auth: str = "none", **faults: Any) -> None:
        self.sandbox = Sandbox(Options(faults=tuple({"auth": auth, **faults}.items()))).start()
        self.database, self.address, self.clock = database, self.sandbox.address, FakeClock()
        self.connection = connection_to(self.address, database, clock=self.clock)
        self._session = requests.Session()
        self._session.trust_env = False

    def close(self) -> None:
        self._session.close()
        self.sandbox.close()

    def source(self, mapping: MappingSet | None = None, **settings: str) -> BackOffice:
        """Another process of ours: it remembers nothing."""
        return BackOffice(self.connected(mapping, **settings))

    def connected(self, mapping: MappingSet | None = None, **settings: str) -> Connection:
        return replace(
            connection_to(self.address, self.database, clock=self.clock, mapping=mapping), settings={
                **self.connection.settings, **settings
            }
        )  # fmt: skip

    def fault(self, **values: Any) -> None:
        self.door("faults", **values)

    def clear(self) -> None:
        self.door("faults/clear")

    def door(self, path: str, **data: Any) -> Any:
        answer = self._session.post(f"{self.address}/sandbox/{path}", json=data, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def state(self, path: str = "state") -> Any:
        return self._session.get(f"{self.address}/sandbox/{path}", timeout=60).json()

    @property
    def requests(self) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = self.state("requests")["entries"]
        return found


def declared(tmp_path: Path, **files: str) -> MappingSet:
    """The broker's set with other files in it: `declared(tmp_path, set_contracts="…")`; nothing else is asked."""
    home = tmp_path / "another-broker"
    home.mkdir(exist_ok=True)
    (home / "portal.toml").write_text('connector = "bitrix24"\n', encoding="utf-8")
    with suppress(FileNotFoundError):
        for name, text in files.items():
            (home / f"{name.replace('_', '.', 1)}.toml").write_text(text, encoding="utf-8")
    return load_set(home)


def a_call(verb: str, **payload: Any) -> Call:
    return Call("c1", NAME, "out", 1, verb, "", "", payload, "sending", 1, "", "", "t", 0)
