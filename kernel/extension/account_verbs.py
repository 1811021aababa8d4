"""What an outgoing call may do where accounts are opened, by what the other side promises about repeats: the verbs that
every connector of such a system declares.

| promise of the push | verb | after an answer that got lost |
|---|---|---|
| `request_id` | `open_account` | the same bytes again: the same RequestID is done once |
| `lookup` | `open_account_lookup` | looked up first; sent again only if it is unknown twice, `settle_s` apart |
| `none` | `open_account_once` | never again by itself: the call stays uncertain |

The payload holds `push`, `request` (the text of `compose`), `request_id`, for a look-up by person `inn` and `phone`, and
for a log of questions `record` ("deal:5512") and `person`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from kernel.datasets import Accepted, FoundClient, Opened, Standing, pack_opened
from kernel.errors import BadAnswer, Misconfigured, Throttled, Undecided, Unreachable
from kernel.extension.asked import Asked, ask
from kernel.extension.connector import Connection, Verb
from kernel.jobs.outgoing import Call
from kernel.mapping import PushMap
from kernel.values import to_micros

OPEN, LOOK_UP, FIND = "OpenAccount", "GetRequest", "FindClient"  #: what a log of questions calls them
T = TypeVar("T")


def _open(connection: Connection, call: Call, _maybe_done: bool) -> str:
    return pack_opened(_sent(connection, call))


def _open_after_lookup(connection: Connection, call: Call, maybe_done: bool) -> str:
    if maybe_done:
        known = _known(connection, call)
        if known is not None:
            return pack_opened(known)
    return pack_opened(_sent(connection, call))


def _sent(connection: Connection, call: Call) -> Opened:
    push, accounts = str(call.payload["push"]), connection.source.accounts
    assert accounts is not None
    request = str(call.payload["request"]).encode()
    try:
        return _noted(connection, call, OPEN, lambda: accounts.open(push, request), _of_opened)
    except BadAnswer as exc:
        if not exc.maybe_done:
            raise
        # It was answered, only nobody can read how: as good as no answer, so it is not given up.
        raise Unreachable(str(exc), vendor_code=exc.vendor_code, maybe_done=True) from exc


def _known(connection: Connection, call: Call) -> Opened | None:
    """What the back office says of an earlier try; None: it never arrived, as sure as that can be."""
    declared = _declared(connection, call)
    name, accounts = f"unknown:{call.id}", connection.source.accounts
    assert accounts is not None
    try:
        if declared.service.status:
            request_id = str(call.payload["request_id"])
            standing = _noted(connection, call, LOOK_UP, lambda: accounts.standing(declared.name, request_id), _of_standing)
            if standing.state == "in_work":
                raise Unreachable("the back office is still working on the request", maybe_done=True)
            found = standing.answer
        else:
            asked = {key: str(call.payload.get(key) or "") for key in ("inn", "phone")}
            clients = _noted(connection, call, FIND, lambda: accounts.find(declared.name, **asked), _of_clients)
            if len(clients) > 1:
                raise Undecided(f"{len(clients)} clients have that ИНН or phone: a person has to look")
            one = clients[0] if clients else None
            found = Accepted(one.client_id, one.contract_number, one.opened_on) if one else None
    except BadAnswer as exc:
        raise Unreachable(str(exc), vendor_code=exc.vendor_code, maybe_done=True) from exc
    if found is not None:
        connection.vault.drop(name)
        return found
    now, first = to_micros(connection.clock.now()), (connection.vault.get(name) or {}).get("at")
    passed = (now - first) / 1e6 if first is not None else 0.0
    if first is None:
        connection.vault.put(name, {"at": now})
    if first is None or passed < declared.settle_s:
        raise Throttled(
            "the back office does not know the request: asked once more later",
            wait_seconds=max(declared.settle_s - passed, 1.0), maybe_done=True,
        )  # fmt: skip
    connection.vault.drop(name)
    return None


def _declared(connection: Connection, call: Call) -> PushMap:
    found = connection.mapping.pushes.get(str(call.payload["push"]))
    if found is None:
        raise Misconfigured(f"mapping set «{connection.mapping.name}» has no push.{call.payload['push']}.toml")
    return found


def _noted(connection: Connection, call: Call, what: str, run: Callable[[], T], judged: Callable[[T, Asked], Asked]) -> T:
    declared = connection.mapping.pushes.get(str(call.payload["push"]))
    return ask(connection.clock, what, declared.service.face if declared else "", run, judged)


def find_clients(connection: Connection, declared: PushMap, **by: str) -> list[FoundClient]:
    """Beside any call: whom the back office knows by ИНН or phone. Noted like what a call asks."""
    accounts = connection.source.accounts
    if accounts is None:
        return []
    return ask(connection.clock, FIND, declared.service.face, lambda: accounts.find(declared.name, **by), _of_clients)


def _of_opened(opened: Opened, one: Asked) -> Asked:
    if isinstance(opened, Accepted):
        return replace(one, outcome="ok", rows=1, client_id=opened.client_id)
    return replace(one, outcome="rejected", code=",".join(dict.fromkeys(error.code for error in opened.errors)))


def _of_standing(standing: Standing, one: Asked) -> Asked:
    """That a request is unknown, or still worked on, is an answer without anything in it."""
    return replace(_of_opened(standing.answer, one), outcome="ok") if standing.answer else replace(one, outcome="empty")


def _of_clients(clients: list[FoundClient], one: Asked) -> Asked:
    client_id = clients[0].client_id if len(clients) == 1 else ""
    return replace(one, outcome="ok" if clients else "empty", rows=len(clients), client_id=client_id)


PAUSES = (1.0, 3.0, 9.0, 30.0, *([60.0] * 10), 300.0)
ACCOUNT_VERBS = {
    "open_account": Verb(_open, "safe", PAUSES),
    "open_account_lookup": Verb(_open_after_lookup, "lookup", PAUSES),
    "open_account_once": Verb(_open, "never", PAUSES),
}
