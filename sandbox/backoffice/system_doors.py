"""Doors about the sandbox itself: figures, what was asked, switches, clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.backoffice.doors import door
from sandbox.backoffice.state import Office


@door("GET", "/sandbox/state")
def state(office: Office, data: Mapping[str, Any]) -> Any:
    asked: dict[str, dict[str, int]] = {}
    for (what, client), count in sorted(office.asked.items()):
        asked.setdefault(what, {})[client] = count
    return {
        "portal": office.name, "counters": dict(sorted(office.counters.items())), "asked": asked,
        "in_flight": office.in_flight, "clients": len(office.clients), "twice": office.twice(),
        "tariffs": office.tariffs, "ticks": round(office.clock.ticks(), 3), "now": office.clock.now().isoformat(),
        "speedup": office.clock.speedup,
    }  # fmt: skip


@door("GET", "/sandbox/requests")
def requests(office: Office, data: Mapping[str, Any]) -> Any:
    """What was asked and how it ended; `since`, `set` and `client` choose."""
    since = int(data.get("since", 0))
    entries = [
        one for one in office.log
        if one["n"] > since and all(data.get(name) in (None, one.get(name)) for name in ("set", "client"))
    ]  # fmt: skip
    return {"entries": entries, "last": office.log[-1]["n"] if office.log else 0}


@door("POST", "/sandbox/forget-requests")
def forget_requests(office: Office, data: Mapping[str, Any]) -> Any:
    """Counters and log begin anew; clients and registrations stay."""
    office.counters.clear()
    office.asked.clear()
    office.log.clear()
    return {"forgotten": True}


@door("GET", "/sandbox/called")
def called(office: Office, data: Mapping[str, Any]) -> Any:
    """Hostile answers point here: whoever follows them is counted."""
    office.counters[f"called_{data.get('by', '')}"] += 1
    return {}


@door("GET", "/sandbox/faults")
def faults(office: Office, data: Mapping[str, Any]) -> Any:
    return office.faults.table()


@door("POST", "/sandbox/faults")
def set_faults(office: Office, data: Mapping[str, Any]) -> Any:
    made = office.faults.set_all(data)
    office.wake()
    return made


@door("POST", "/sandbox/faults/clear")
def clear_faults(office: Office, data: Mapping[str, Any]) -> Any:
    """All switches as they are by default."""
    office.faults.clear()
    office.wake()
    return {}


@door("POST", "/sandbox/advance")
def advance(office: Office, data: Mapping[str, Any]) -> Any:
    office.clock.advance(float(data.get("seconds", 0)))
    return {"ticks": round(office.clock.ticks(), 3), "now": office.clock.now().isoformat()}


@door("POST", "/sandbox/date")
def date(office: Office, data: Mapping[str, Any]) -> Any:
    office.clock.set_date_given(str(data.get("at")))
    return {"now": office.clock.now().isoformat()}
