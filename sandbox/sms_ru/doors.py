"""The sandbox's own doors, everything under /sandbox/: what was sent, money, switches, clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from sandbox.sms_ru import seed
from sandbox.sms_ru.callbacks import Caller
from sandbox.sms_ru.state import Account

WAIT_SECONDS_MAX = 120.0


class Running(Protocol):
    account: Account
    caller: Caller


DoorFunction = Callable[[Running, Mapping[str, Any]], Any]
DOORS: dict[tuple[str, str], DoorFunction] = {}


def door(verb: str, path: str) -> Callable[[DoorFunction], DoorFunction]:
    """`@door("GET", "/sandbox/state")`; what the function returns goes out as JSON."""

    def put(run: DoorFunction) -> DoorFunction:
        DOORS[verb, path] = run
        return run

    return put


@door("GET", "/sandbox/state")
def state(sandbox: Running, data: Mapping[str, Any]) -> Any:
    """Money as books: what was there, what is there, what was spent. `twice`: texts that a number got more than once."""
    account = sandbox.account
    with account.lock:
        account.walk()
        real = [one for one in account.messages.values() if not one.test]
        same = Counter((one.to, one.text) for one in real)
        return {
            "portal": account.name, "balance": f"{account.balance:.2f}", "spent": f"{account.spent:.2f}",
            "cost": f"{sum((one.cost for one in real), start=account.spent * 0):.2f}", "messages": len(real),
            "tested": len(account.messages) - len(real), "twice": sum(count - 1 for count in same.values()),
            "waiting": len(account.waiting), "callbacks": list(account.callbacks), "stoplist": dict(account.stoplist),
            "counters": dict(sorted(account.counters.items())), "ticks": round(account.clock.ticks(), 3),
            "now": account.clock.now().isoformat(), "speedup": account.clock.speedup,
        }  # fmt: skip


@door("GET", "/sandbox/messages")
def messages(sandbox: Running, data: Mapping[str, Any]) -> Any:
    """What was accepted, oldest first; `to` chooses."""
    with sandbox.account.lock:
        sandbox.account.walk()
        return {
            "messages": [
                {**vars(one), "cost": f"{one.cost:.2f}"} for one in sandbox.account.messages.values()
                if data.get("to") in (None, one.to)
            ]
        }  # fmt: skip


@door("POST", "/sandbox/account")
def change(sandbox: Running, data: Mapping[str, Any]) -> Any:
    """`{"balance": "5.00", "limit": 10, "senders": ["X"], …}`: what a person would do in the vendor's own pages."""
    with sandbox.account.lock:
        seed.fill(sandbox.account, dict(data))
    sandbox.account.wake()
    return state(sandbox, {})


@door("GET", "/sandbox/log")
def log(sandbox: Running, data: Mapping[str, Any]) -> Any:
    since, wanted = int(data.get("since", 0)), data.get("direction")
    with sandbox.account.lock:
        entries = [one for one in sandbox.account.log if one["n"] > since and wanted in (None, one["direction"])]
    return {"entries": entries, "last": entries[-1]["n"] if entries else since}


@door("GET", "/sandbox/faults")
def faults(sandbox: Running, data: Mapping[str, Any]) -> Any:
    return sandbox.account.faults.table()


@door("POST", "/sandbox/faults")
def set_faults(sandbox: Running, data: Mapping[str, Any]) -> Any:
    with sandbox.account.lock:
        made = sandbox.account.faults.set_all(data)
    sandbox.account.wake()
    return made


@door("POST", "/sandbox/pause")
def pause(sandbox: Running, data: Mapping[str, Any]) -> Any:
    sandbox.caller.pause(True)
    return {"paused": True}


@door("POST", "/sandbox/resume")
def resume(sandbox: Running, data: Mapping[str, Any]) -> Any:
    sandbox.caller.pause(False)
    return {"paused": False}


@door("POST", "/sandbox/wait-idle")
def wait_idle(sandbox: Running, data: Mapping[str, Any]) -> Any:
    idle = sandbox.caller.wait_idle(min(float(data.get("timeout", 10)), WAIT_SECONDS_MAX))
    return {"idle": idle, "waiting": len(sandbox.account.waiting)}


@door("POST", "/sandbox/advance")
def advance(sandbox: Running, data: Mapping[str, Any]) -> Any:
    clock = sandbox.account.clock
    clock.advance(float(data.get("seconds", 0)))
    return {"ticks": round(clock.ticks(), 3), "now": clock.now().isoformat()}
