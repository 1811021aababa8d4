"""A set of either CRM with the toy beside it, as one process."""

from __future__ import annotations

import hashlib
import hmac
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from app.bootstrap import Annex, build
from app.site import make_site
from kernel.mapping import load_set
from kernel.testing import FakeClock, MemoryCRM, MemoryQueue

ROOT = Path(__file__).parents[2]
SITE = Path(__file__).parent / "site"
SWITCHED_ON = """
[connection.room]
connector = "toychat"

[plugin.toyecho]
chat = "room"
"""
HOOK_SECRET = "the hook secret of the tests"
CRMS: Mapping[str, Mapping[str, str]] = {
    "planfix": {
        "PLANFIX_URL": "http://127.0.0.1:9/rest/", "PLANFIX_TOKEN": "a-token-of-tests", "PLANFIX_HOOK_SECRET": HOOK_SECRET,
    },
    "bitrix24": {
        "BITRIX24_URL": "http://127.0.0.1:9/", "BITRIX24_WEBHOOK": "http://127.0.0.1:9/rest/1/secretsecret/",
        "BITRIX24_HOOK_TOKEN": HOOK_SECRET,
    },
}  # fmt: skip


def set_of(crm: str, folder: Path, text: str = SWITCHED_ON) -> Path:
    """A copy of that CRM's set with the toy switched on."""
    target = folder / f"toy-{crm}"
    shutil.copytree(ROOT / f"mappings/exchange-desk-{crm}", target)
    file = target / "portal.toml"
    file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")
    return target


def environment(crm: str, folder: Path, peer: Mapping[str, str], text: str = SWITCHED_ON) -> dict[str, str]:
    return {
        "ANNEX_HOME": str(folder), "ANNEX_SET": str(set_of(crm, folder, text)), 
        "ANNEX_SECRET": "a secret of the tests, long enough for anybody",
        **CRMS[crm], **peer,
    }  # fmt: skip


@contextmanager
def toy_installed() -> Iterator[None]:
    """As if the outside package were installed."""
    sys.path.insert(0, str(SITE))
    try:
        yield
    finally:
        sys.path.remove(str(SITE))
        for name in [name for name in sys.modules if name.partition(".")[0] == "annex_toy"]:
            del sys.modules[name]


class Desk:
    """One process: door, pages, jobs; the CRM is the twin in memory, the toy's other side is real."""

    def __init__(self, crm: str, folder: Path, peer: Mapping[str, str], text: str = SWITCHED_ON, **more: Any) -> None:
        settings = environment(crm, folder, peer, text)
        self.clock, self.name = FakeClock(), crm
        self.queue = MemoryQueue(self.clock)
        self.crm = MemoryCRM(load_set(Path(settings["ANNEX_SET"])), self.clock)
        self.annex: Annex = build(settings, clock=self.clock, queue=self.queue, crm=self.crm, **more)
        self.annex.migrate()
        self.site = make_site(self.annex)
        self.client = self.site.test_client()

    def close(self) -> None:
        self.site.extensions["annex"].live.close()
        self.annex.close()

    def run(self) -> None:
        self.queue.run_until_quiet(self.annex.handlers())
        if self.queue.broken:
            raise self.queue.broken[0][1]

    def crm_told(self, record_id: str, delivery: str) -> Any:
        """The CRM's own webhook, with its own proof."""
        if self.name == "planfix":
            signed = f"{record_id}|deal.changed|{delivery}".encode()
            sig = hmac.new(HOOK_SECRET.encode(), signed, hashlib.sha256).hexdigest()
            body = {"task": record_id, "event": "deal.changed", "delivery": delivery, "sig": sig}
            return self.client.post("/hooks/planfix/main/deal.changed", data=body)
        reported = {"event": "ONCRMDEALUPDATE", "data[FIELDS][ID]": record_id, "auth[application_token]": HOOK_SECRET}
        return self.client.post(
            "/hooks/bitrix24/main", data=urlencode(reported), content_type="application/x-www-form-urlencoded"
        )

    def toy_told(self, **reported: str) -> Any:
        self.clock.advance(seconds=0.001)  # no two requests of one sender come at the very same time
        return self.client.post("/hooks/toychat/room", data={"secret": "the secret of the toy", **reported})

    def rows(self, sql: str, **values: Any) -> list[Any]:
        with self.annex.database.read() as tx:
            return tx.all(sql, **values)
