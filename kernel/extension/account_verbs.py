"""What an outgoing call may do where accounts are opened, by what the other side promises about repeats: the verbs that
every connector of such a system declares.

| promise of the push | verb | after an answer that got lost |
|---|---|---|
| `request_id` | `open_account` | the same bytes again: the same RequestID is done once |
| `lookup` | `open_account_lookup` | looked up first; sent again only if it is unknown twice, `settle_s` apart |
| `none` | `open_account_once` | never again by itself: the call stays uncertain |

The payload holds `push`, `request` (the text of `compose`), `request_id`, and for a look-up by person `inn` and `phone`. For
a log of questions the payload of each verb may say whose they are: `record` ("deal:5512") and `person`.

`ask_accounts` sends nothing: it asks what became of requests that this database may not know, since it was restored from a
copy. Its payload holds `push`, `stem` and `number` of the first RequestID, `inn` and `phone`; its result is JSON, number and
packed answer of each that is known.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from kernel.datasets import Accepted, FoundClient, Opened, Refusal, Standing, pack_opened
from kernel.errors import AnnexError, BadAnswer, Misconfigured, Throttled, Undecided, Unreachable
from kernel.extension.asked import Asked, ask
from kernel.extension.connector import Connection, Verb
from kernel.jobs.outgoing import Call
from kernel.mapping import PushMap
from kernel.values import to_micros

DUPLICATE = "DUPLICATE_PERSON"
OPEN, LOOK_UP, FIND = "OpenAccount", "GetRequest", "FindClient"  #: what a log of questions calls them
UNKNOWN_IN_A_ROW = 2  #: a number in between may never have been sent


def _open(connection: Connection, call: Call, _maybe_done: bool) -> str:
    return _packed(connection, call, _sent(connection, call))


def _open_after_lookup(connection: Connection, call: Call, maybe_done: bool) -> str:
    if maybe_done:
        known = _known(connection, call)
        if known is not None:
            return _packed(connection, call, known)
    return _packed(connection, call, _sent(connection, call))


def _sent(connection: Connection, call: Call) -> Opened:
    declared, accounts, request = (
        _declared(connection, call),
        connection.source.accounts,
        str(call.payload["request"]).encode(),
    )
    assert accounts is not None
    try:
        return ask(
            connection.clock, OPEN, declared.service.face, lambda: accounts.open(declared.name, request), _opened_as_asked
        )
    except BadAnswer as exc:
        if not exc.maybe_done:
            raise
        # It was answered, only nobody can read how: as good as no answer, so it is not given up.
        raise Unreachable(str(exc), vendor_code=exc.vendor_code, maybe_done=True) from exc


def _packed(connection: Connection, call: Call, opened: Opened) -> str:
    """The answer; a double that it does not name is looked up, since whoever links it needs the number."""
    unnamed = isinstance(opened, Refusal) and any(one.code == DUPLICATE and not one.client_id for one in opened.errors)
    if not unnamed or not _declared(connection, call).service.find:
        return pack_opened(opened)
    try:
        clients = _found(connection, call)
    except AnnexError:  # it is told without the number, as it came
        return pack_opened(opened)
    assert isinstance(opened, Refusal)
    if len(clients) == 1:
        number = clients[0].client_id
        opened = Refusal(
            tuple(replace(one, client_id=number) if one.code == DUPLICATE else one for one in opened.errors)
        )  # fmt: skip
    return pack_opened(opened)


def _ask(connection: Connection, call: Call, _maybe_done: bool) -> str:
    """Number by number until two in a row are unknown, or one was accepted."""
    declared, number, unknown = _declared(connection, call), int(call.payload["number"]), 0
    found: list[tuple[int, str]] = []
    with _patiently():
        if not declared.service.status:
            clients = _found(connection, call)
            if len(clients) > 1:
                raise Undecided(f"{len(clients)} clients have that ИНН or phone: a person has to look")
            return json.dumps([(number, pack_opened(_as_accepted(one))) for one in clients])
        while unknown < UNKNOWN_IN_A_ROW:
            answer = _standing(connection, declared, f"{call.payload['stem']}{number}")
            unknown = unknown + 1 if answer is None else 0
            if answer is not None:
                found.append((number, _packed(connection, call, answer)))
            if isinstance(answer, Accepted):
                break
            number += 1
    return json.dumps(found)


@contextmanager
def _patiently() -> Iterator[None]:
    """An answer that nobody can read is as good as none: asked again."""
    try:
        yield
    except BadAnswer as exc:
        raise Unreachable(str(exc), vendor_code=exc.vendor_code, maybe_done=True) from exc


def _standing(connection: Connection, declared: PushMap, request_id: str) -> Opened | None:
    """How that request was decided; None if it is not known. Raises Unreachable while it is worked on."""
    accounts = connection.source.accounts
    assert accounts is not None
    standing = ask(
        connection.clock, LOOK_UP, declared.service.face, lambda: accounts.standing(declared.name, request_id),
        _standing_as_asked,
    )  # fmt: skip
    if standing.state == "in_work":
        raise Unreachable("the back office is still working on the request", maybe_done=True)
    return standing.answer


def _found(connection: Connection, call: Call) -> list[FoundClient]:
    """Clients with the ИНН, or else the phone, of the one that the call is about."""
    return find_clients(
        connection, _declared(connection, call), **{key: str(call.payload.get(key) or "") for key in ("inn", "phone")}
    )


def find_clients(connection: Connection, declared: PushMap, **by: str) -> list[FoundClient]:
    """Whom the back office knows by ИНН or phone. Beside a call it is noted as in one."""
    accounts = connection.source.accounts
    if accounts is None:
        return []
    return ask(connection.clock, FIND, declared.service.face, lambda: accounts.find(declared.name, **by), _found_as_asked)


def _opened_as_asked(opened: Opened, one: Asked) -> Asked:
    if isinstance(opened, Accepted):
        return replace(one, outcome="ok", rows=1, client_id=opened.client_id)
    return replace(one, outcome="rejected", code=",".join(dict.fromkeys(error.code for error in opened.errors)))


def _standing_as_asked(standing: Standing, one: Asked) -> Asked:
    """That a request is unknown, or still worked on, is an answer without anything in it."""
    return replace(
        _opened_as_asked(standing.answer, one) if standing.answer else one, outcome="ok" if standing.answer else "empty"
    )


def _found_as_asked(clients: list[FoundClient], one: Asked) -> Asked:
    client_id = clients[0].client_id if len(clients) == 1 else ""
    return replace(one, outcome="ok" if clients else "empty", rows=len(clients), client_id=client_id)


def _as_accepted(client: FoundClient) -> Accepted:
    return Accepted(client.client_id, client.contract_number, client.opened_on)


def _known(connection: Connection, call: Call) -> Opened | None:
    """What the back office says of an earlier try; None: it never arrived, as sure as that can be."""
    declared = _declared(connection, call)
    name, found = f"unknown:{call.id}", None
    with _patiently():
        if declared.service.status:
            found = _standing(connection, declared, str(call.payload["request_id"]))
        else:
            clients = _found(connection, call)
            if len(clients) > 1:
                raise Undecided(f"{len(clients)} clients have that ИНН or phone: a person has to look")
            found = _as_accepted(clients[0]) if clients else None
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


PAUSES = (1.0, 3.0, 9.0, 30.0, *([60.0] * 10), 300.0)
ACCOUNT_VERBS = {
    "open_account": Verb(_open, "safe", PAUSES),
    "open_account_lookup": Verb(_open_after_lookup, "lookup", PAUSES),
    "open_account_once": Verb(_open, "never", PAUSES),
    "ask_accounts": Verb(_ask, "safe", PAUSES),
}
