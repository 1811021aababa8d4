"""One worker of the comparison: a client library with one task, in a process of its own.

Started by tests/bench/bitrix24.py: says "ready", waits for a line, works, and prints what came of it as JSON. The portal's
clock runs `speedup` times as fast as ours, so every library's own pauses are shortened by as much.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

KEY = "UF_CRM_ANNEX_KEY"
DEAL = 2
PER_SECOND = 2.0
Order = dict[str, Any]
Result = dict[str, Any]


class PortalClock:
    """The portal's time, for all processes alike."""

    def __init__(self, speedup: float, began: float) -> None:
        self._speedup, self._began = speedup, began

    def now(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=(time.time() - self._began) * self._speedup)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self._speedup)

    def monotonic(self) -> float:
        return time.monotonic() * self._speedup


def parts(things: list[Any], size: int = 50) -> Iterable[list[Any]]:
    return (things[start : start + size] for start in range(0, len(things), size))


def fields_of(order: Order) -> list[dict[str, Any]]:
    return [{"title": f"new {n}", KEY: f"key-{n}"} for n in range(order["count"])]


# --- ours ---------------------------------------------------------------------------------------------------------------


def annex(order: Order) -> Callable[[], Result]:
    import logging

    import structlog

    from connectors.bitrix24 import settings
    from connectors.bitrix24.client import connect
    from connectors.bitrix24.settings import SETTINGS
    from kernel.extension import Connection
    from kernel.http import HttpClient, SharedGate, Vault
    from kernel.mapping import MappingSet, PortalMap
    from kernel.storage import Database

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    clock = PortalClock(order["speedup"], order["began"])
    database = Database(order["database"])

    def http(base_url: str, *, rate_limit: Any = None, headers: Any = dict) -> HttpClient:
        gate = SharedGate("bitrix24/main", rate_limit, database, clock) if rate_limit else None
        return HttpClient("bitrix24", base_url, clock=clock, gate=gate, headers=headers)

    given = {line.name: line.default for line in SETTINGS}
    given |= {"BITRIX24_URL": order["address"], "BITRIX24_WEBHOOK": order["webhook"]}
    mapping = MappingSet("bench", PortalMap(connector="bitrix24"), {})
    vault = Vault("bitrix24/main", database, clock, b"bench")
    client = connect(Connection(given, mapping, http, clock, vault), settings.read(given))

    def work() -> Result:
        match order["task"]:
            case "read":
                params = {"entityTypeId": DEAL, "select": ["id", "title"]}
                return {"ids": [row["id"] for row in client.all("crm.item.list", params)]}
            case "contacts":
                return {"contacts": client.contacts_of(DEAL, order["ids"])}
            case "create":
                received = client.create_many(DEAL, fields_of(order), KEY)
            case _:
                received = client.update_many(DEAL, [(number, {"title": order["title"]}) for number in order["ids"]])
        return {"unknown": sum(one.fault is not None for one in received)}

    return work


# --- fast_bitrix24 ------------------------------------------------------------------------------------------------------


def fast_bitrix24(order: Order) -> Callable[[], Result]:
    import warnings

    warnings.simplefilter("ignore")
    import fast_bitrix24 as library
    from fast_bitrix24 import srh

    srh.INITIAL_TIMEOUT /= order["speedup"]
    address = f"{order['address']}/rest/{order['webhook']}/"
    client = library.Bitrix(address, verbose=False, requests_per_second=PER_SECOND * order["speedup"])

    def work() -> Result:
        match order["task"]:
            case "read":
                rows = client.get_all("crm.deal.list", {"select": ["ID", "TITLE"]})
                return {"ids": [int(row["ID"]) for row in rows]}
            case "contacts":
                found = client.get_by_ID("crm.deal.contact.items.get", order["ids"])
                return {"contacts": {number: [one["CONTACT_ID"] for one in rows] for number, rows in found.items()}}
            case "create":
                items = [{"entityTypeId": DEAL, "useOriginalUfNames": "Y", "fields": one} for one in fields_of(order)]
                client.call("crm.item.add", items)
            case _:
                items = [{"entityTypeId": DEAL, "id": n, "fields": {"title": order["title"]}} for n in order["ids"]]
                client.call("crm.item.update", items)
        return {"unknown": 0}

    return work


# --- b24pysdk -----------------------------------------------------------------------------------------------------------


def b24pysdk(order: Order) -> Callable[[], Result]:
    import b24pysdk as library

    pause = 1 / order["speedup"]
    token = library.BitrixWebhook(domain=order["address"].partition("://")[2], webhook_token=order["webhook"])
    client = library.Client(token, initial_retry_delay=pause, retry_delay_increment=pause)

    def written(calls: list[Any]) -> Result:
        """Batch by batch: after a lost answer it raises, and whoever calls does not know what was done."""
        unknown = 0
        for some in parts(calls):
            try:
                client.call_batch(some).result  # noqa: B018 - asking for the result is what sends it
            except Exception:
                unknown += len(some)
        return {"unknown": unknown}

    def work() -> Result:
        match order["task"]:
            case "read":
                rows = client.crm.deal.list(select=["ID", "TITLE"]).as_list_fast().result
                return {"ids": [int(row["ID"]) for row in rows]}
            case "contacts":
                calls = {number: client.crm.deal.contact.items.get(bitrix_id=number) for number in order["ids"]}
                found = client.call_batches(calls).result.result
                return {"contacts": {number: [one["CONTACT_ID"] for one in rows] for number, rows in found.items()}}
            case "create":
                more = {"use_original_uf_names": True}
                return written([client.crm.item.add(entity_type_id=DEAL, fields=one, **more) for one in fields_of(order)])
        fields = {"title": order["title"]}
        return written([client.crm.item.update(entity_type_id=DEAL, bitrix_id=n, fields=fields) for n in order["ids"]])

    return work


CLIENTS = {"Annex": annex, "fast_bitrix24": fast_bitrix24, "b24pysdk": b24pysdk}


def main() -> int:
    order = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    with contextlib.redirect_stdout(sys.stderr):  # progress bars and the like
        work = CLIENTS[order["client"]](order)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.time()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            result = work()
    except Exception as exc:
        result = {"failed": f"{type(exc).__name__}: {exc}"[:200], "unknown": order.get("count") or len(order.get("ids", ()))}
    print(json.dumps({**result, "began": began, "ended": time.time()}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
