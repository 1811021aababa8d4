"""`annex jobs` and `annex replay`: what failed or is uncertain, and what to do with it."""

from __future__ import annotations

import argparse
import getpass
import json
from typing import Any

from app.bootstrap import Annex
from app.cli.command import BuiltIn
from kernel.conversations import store as messages
from kernel.errors import BadInput
from kernel.extension.decisions import ALLOWED, decide
from kernel.jobs import call_queries, inbox, outgoing
from kernel.storage import Tx
from kernel.values import from_micros

DECISIONS = {"retry": "again", "again": "again", "arrived": "arrived", "drop": "drop"}
ACTIONS = ["list", "show", *DECISIONS]
DONE = {"retry": "will be tried again", "again": "will be sent again", "arrived": "counts as arrived", "drop": "dropped"}


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=ACTIONS, default="list")
    parser.add_argument("id", nargs="?", default="")
    parser.add_argument("--by", default="", help="who decides; default: who is logged in here")
    parser.add_argument("--result", default="", help="with arrived: what the other side calls it (its number of a message)")
    parser.add_argument("--json", action="store_true")


def _replay_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id")


def failed(tx: Tx) -> list[dict[str, Any]]:
    """What waits for a person: uncertain calls first, then failed calls, deliveries and messages, oldest first."""
    calls = [
        {
            "id": row["id"],
            "kind": row["state"] if row["state"] == "uncertain" else "call",
            "what": _what(row),
            **_common(row),
        }
        for row in call_queries.undecided(tx)
    ]
    deliveries = [
        {"id": row["id"], "kind": "delivery", "what": f"{row['event']} {row['entity']}:{row['record_id']}", **_common(row)}
        for row in inbox.failed(tx)
    ]
    texts = [{"id": row["id"], "kind": "message", "what": row["address"], **_common(row)} for row in messages.failed(tx)]
    return [*calls, *deliveries, *texts]


def _kind(row: Any) -> str:
    return "uncertain" if row["state"] == "uncertain" else "call"


def _what(row: Any) -> str:
    return f"{row['verb']} {row['lane'].removeprefix('out:' + row['connection'] + ':')}"


def _common(row: Any) -> dict[str, Any]:
    at = row["created_at"] if "created_at" in row else row["received_at"]
    connection = row["connection"] if "connection" in row else row["portal"]
    return {"connection": connection, "at": from_micros(at).isoformat(timespec="seconds"), "reason": row["reason"]}


def act(annex: Annex, item: str, action: str, *, who: str, result: str = "") -> None:
    """Decide about what waits for a person. Raises BadInput if there is no such thing."""
    with annex.database.write() as tx:
        if _delivery(annex, tx, item, action) or _message(annex, tx, item, action):
            return
        call = outgoing.load(tx, item)
    if call is None or call.state not in ALLOWED:
        raise BadInput(f"{item}: nothing of that id waits for a person (see `annex jobs`)")
    decide(annex.runtime.portal, annex.runtime.plugins, item, DECISIONS[action], who=who, result=result)


def _delivery(annex: Annex, tx: Tx, item: str, action: str) -> bool:
    if action == "drop":
        return inbox.drop(tx, item, "dropped by hand", annex.clock)
    return inbox.again(tx, item, queue=annex.queue, mark=annex.ids.new(), clock=annex.clock)


def _message(annex: Annex, tx: Tx, item: str, action: str) -> bool:
    if action == "drop":
        return messages.drop(tx, item, "dropped by hand", annex.clock)
    return messages.again(tx, item, queue=annex.queue, mark=annex.ids.new(), clock=annex.clock)


def _jobs(annex: Annex, args: argparse.Namespace) -> int:
    annex.migrate()
    if args.action == "list":
        return _list(annex, as_json=args.json)
    if not args.id:
        raise BadInput(f"annex jobs {args.action}: name the id")
    if args.action == "show":
        return _show(annex, args.id)
    annex.migrate(jobs=True)
    act(annex, args.id, args.action, who=args.by or getpass.getuser(), result=args.result)
    print(f"{args.id}: {DONE[args.action]}")
    return 0


def _list(annex: Annex, *, as_json: bool) -> int:
    with annex.database.read() as tx:
        rows = failed(tx)
    if as_json:
        print(json.dumps({"failed": rows}, ensure_ascii=False, indent=2))
        return 0
    lines = [f"{r['id']}  {r['at']}  {r['kind']}  {r['connection']}  {r['what']}: {r['reason']}" for r in rows]
    if any(r["kind"] == "uncertain" for r in rows):
        lines.append("uncertain: look there whether it arrived, then `annex jobs arrived ID` or `annex jobs again ID`")
    print("\n".join(lines) or "nothing failed")
    return 0


def _show(annex: Annex, item: str) -> int:
    with annex.database.read() as tx:
        row = inbox.stored_row(tx, item) or call_queries.stored_row(tx, item) or messages.stored_row(tx, item)
        made = [{**one, "at": from_micros(one["at"]).isoformat()} for one in outgoing.decisions(tx, item)]
    if row is None:
        raise BadInput(f"{item}: there is no delivery, message or call of that id")
    print(json.dumps({**row, **({"decisions": made} if made else {})}, ensure_ascii=False, indent=2))
    return 0


def _replay(annex: Annex, args: argparse.Namespace) -> int:
    annex.migrate(jobs=True)
    act(annex, args.id, "retry", who=getpass.getuser())
    print(f"{args.id}: will be tried again")
    return 0


JOBS = BuiltIn("jobs", "what failed or is uncertain: list, show, retry, again, arrived, drop", _arguments, _jobs)
REPLAY = BuiltIn("replay", "try a failed delivery or call again", _replay_arguments, _replay)
