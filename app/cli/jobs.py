"""`annex jobs` and `annex replay`: what failed, and what to do with it."""

from __future__ import annotations

import argparse
import json
from typing import Any

from app.bootstrap import Annex
from app.cli.command import BuiltIn
from kernel.errors import BadInput
from kernel.jobs import inbox, outgoing
from kernel.storage import Tx
from kernel.values import from_micros


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", nargs="?", choices=["list", "show", "retry", "drop"], default="list")
    parser.add_argument("id", nargs="?", default="")
    parser.add_argument("--json", action="store_true")


def _replay_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id")


def failed(tx: Tx) -> list[dict[str, Any]]:
    """Failed deliveries and calls, oldest first."""
    rows = [
        {"id": row["id"], "kind": "delivery", "what": f"{row['event']} {row['entity']}:{row['record_id']}", **_common(row)}
        for row in tx.all("SELECT *, received_at AS at FROM inbox WHERE state = 'failed' ORDER BY received_at")
    ]
    rows += [
        {"id": row["id"], "kind": "call", "what": f"{row['verb']} {row['lane'].split(':', 2)[-1]}", **_common(row)}
        for row in tx.all("SELECT *, created_at AS at FROM outgoing WHERE state = 'failed' ORDER BY created_at")
    ]
    return rows


def _common(row: Any) -> dict[str, Any]:
    return {"portal": row["portal"], "at": from_micros(row["at"]).isoformat(timespec="seconds"), "reason": row["reason"]}


def retry(annex: Annex, tx: Tx, item: str) -> None:
    """Have a failed delivery looked at again, or a failed call sent again. Raises BadInput if there is none."""
    row = tx.one("SELECT * FROM inbox WHERE id = :i AND state = 'failed'", i=item)
    if row is not None:
        tx.run("UPDATE inbox SET state = 'new', reason = '', done_at = NULL WHERE id = :i", i=item)
        mark = f":{annex.ids.new()}"
        inbox.sync(tx, row["portal"], row["entity"], row["record_id"], trace=item, queue=annex.queue, mark=mark)
        return
    call = outgoing.load(tx, item)
    if call is None or call.state != "failed":
        raise BadInput(f"{item}: there is no failed delivery or call of that id (see `annex jobs`)")
    outgoing.again(tx, call, queue=annex.queue, clock=annex.clock)


def drop(annex: Annex, tx: Tx, item: str) -> None:
    """Give a failed delivery or call up."""
    if tx.value("SELECT id FROM inbox WHERE id = :i AND state = 'failed'", i=item):
        inbox.settle(tx, [item], "dropped", "dropped by hand", annex.clock)
        return
    call = outgoing.load(tx, item)
    if call is None or call.state != "failed":
        raise BadInput(f"{item}: there is no failed delivery or call of that id (see `annex jobs`)")
    outgoing.mark(tx, item, "dropped", annex.clock, reason=f"dropped by hand; was: {call.reason}")


def _jobs(annex: Annex, args: argparse.Namespace) -> int:
    annex.migrate()
    if args.action == "list":
        with annex.database.read() as tx:
            rows = failed(tx)
        if args.json:
            print(json.dumps({"failed": rows}, ensure_ascii=False, indent=2))
        else:
            print(
                "\n".join(f"{r['id']}  {r['at']}  {r['kind']}  {r['what']}: {r['reason']}" for r in rows) or "nothing failed"
            )
        return 0
    if not args.id:
        raise BadInput(f"annex jobs {args.action}: name the id")
    if args.action == "show":
        return _show(annex, args.id)
    annex.migrate(jobs=True)
    with annex.database.write() as tx:
        (retry if args.action == "retry" else drop)(annex, tx, args.id)
    print(f"{args.id}: {'will be tried again' if args.action == 'retry' else 'dropped'}")
    return 0


def _show(annex: Annex, item: str) -> int:
    with annex.database.read() as tx:
        row = tx.one("SELECT * FROM inbox WHERE id = :i", i=item) or tx.one("SELECT * FROM outgoing WHERE id = :i", i=item)
    if row is None:
        raise BadInput(f"{item}: there is no delivery or call of that id")
    print(json.dumps(dict(row), ensure_ascii=False, indent=2))
    return 0


def _replay(annex: Annex, args: argparse.Namespace) -> int:
    annex.migrate(jobs=True)
    with annex.database.write() as tx:
        retry(annex, tx, args.id)
    print(f"{args.id}: will be tried again")
    return 0


JOBS = BuiltIn("jobs", "failed deliveries and calls: list, show, retry, drop", _arguments, _jobs)
REPLAY = BuiltIn("replay", "try a failed delivery or call again", _replay_arguments, _replay)
