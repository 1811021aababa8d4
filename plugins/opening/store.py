"""The plugin's tables: all their SQL. Times are microseconds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from kernel.datasets import Opened, pack_opened, unpack_opened
from kernel.storage import Row, Tx
from kernel.storage.text import storable
from plugins.opening.rules import Finding, Origin

STEPS = ("card", "next", "activities", "close", "responsible", "told")
CHECKED_BAD, WAITING, KNOWN, ASKING, OPEN, REJECTED, REFUSED, ACCEPTED = (
    "checked_bad", "waiting", "known", "asking", "open", "rejected", "refused", "accepted",
)  # fmt: skip
DONE, LEFT = "done", "left"


@dataclass(frozen=True)
class Deal:
    """How the registration of a deal's client stands.

    checked_bad: our own check found something. waiting: another deal of the client is not decided. known: they have a
    ClientID already. asking: after a restored copy, what became of requests since. open: a request is written down;
    `registering.phase` says how far it got. rejected: by field. refused: by a fault that no repeat helps. accepted: the
    account is open.
    """

    portal: str
    deal: str
    client: str = ""  #: "contact:830"
    name: str = ""
    owner: str = ""
    stage: str = ""  #: where the deal was last seen
    state: str = ""
    since: int = 0
    answers: int = 0  #: definite ones so far
    content: str = ""  #: of what was judged last
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    wanted: bool = False  #: it is judged once more though nothing changed, as if it had just come
    gone: bool = False
    number: int = 0  #: of notices
    finished_at: int | None = None
    asked_at: int = 0  #: when it was asked what became of requests that this database may not know

    @property
    def client_entity(self) -> str:
        return self.client.partition(":")[0]

    @property
    def client_record(self) -> str:
        return self.client.partition(":")[2]

    @property
    def in_transit(self) -> bool:
        """What it began is not over: nobody should move the deal."""
        return self.state in (ASKING, OPEN, REFUSED) or (self.state == ACCEPTED and self.finished_at is None)


@dataclass(frozen=True)
class Request:
    """One request with the very bytes that go out. open: no definite answer yet."""

    portal: str
    deal: str
    number: int
    request_id: str
    client: str
    body: str
    sha256: str
    origins: tuple[Origin, ...]
    written_at: int
    state: str = "open"
    """open: no definite answer. accepted, rejected. denied: a person says that no client came of it. linked: nothing was
    sent, the client is one that another deal's request has brought in."""
    answered_at: int | None = None
    answer: Opened | None = None
    decided_by: str = ""


@dataclass(frozen=True)
class Step:
    """One step of a hand-over. doing: begun, and not yet seen to be done. stopped: it cannot go on by itself. left: what it
    would have moved stays where it is."""

    step: str
    state: str = "waiting"
    tries: int = 0
    record: str = ""  #: the CRM's number of what it made
    at: int = 0
    reason: str = ""

    @property
    def over(self) -> bool:
        return self.state in (DONE, LEFT, "skipped")


# --- deals ------------------------------------------------------------------------------------------------------------


def load(tx: Tx, portal: str, deal: str) -> Deal | None:
    row = tx.one("SELECT * FROM opening_deal WHERE portal = :p AND deal = :d", p=portal, d=deal)
    return _deal(row) if row else None


def locked(tx: Tx, portal: str, deal: str) -> Deal | None:
    """Held until the end of the unit of work."""
    row = tx.lock("SELECT * FROM opening_deal WHERE portal = :p AND deal = :d", p=portal, d=deal)
    return _deal(row) if row else None


def keep(tx: Tx, one: Deal) -> None:
    values = asdict(one) | {
        "findings": json.dumps([finding.data() for finding in one.findings], ensure_ascii=False),
        "wanted": int(one.wanted), "gone": int(one.gone), "name": storable(one.name), "reason": storable(one.reason)[:500],
    }  # fmt: skip
    values["findings"] = storable(values["findings"])
    names = list(values)
    sets = ", ".join(f"{name} = excluded.{name}" for name in names if name not in ("portal", "deal"))
    tx.run(
        f"INSERT INTO opening_deal ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)}) "
        f"ON CONFLICT (portal, deal) DO UPDATE SET {sets}",
        **values,
    )


def of_client(tx: Tx, portal: str, client: str) -> list[Deal]:
    rows = tx.all("SELECT * FROM opening_deal WHERE portal = :p AND client = :c ORDER BY since, deal", p=portal, c=client)
    return [_deal(row) for row in rows]


def unfinished(tx: Tx, portal: str, states: Sequence[str], most: int = 200) -> list[Deal]:
    """Those of these states that are not over, oldest first."""
    marks = ", ".join(f":s{number}" for number in range(len(states)))
    rows = tx.all(
        f"SELECT * FROM opening_deal WHERE portal = :p AND finished_at IS NULL AND state IN ({marks}) "
        "ORDER BY since, deal LIMIT :most",
        p=portal, most=most, **{f"s{number}": state for number, state in enumerate(states)},
    )  # fmt: skip
    return [_deal(row) for row in rows]


def every(tx: Tx, portal: str, state: str) -> list[Deal]:
    rows = tx.all("SELECT * FROM opening_deal WHERE portal = :p AND state = :s ORDER BY since, deal", p=portal, s=state)
    return [_deal(row) for row in rows]


def restored_at(tx: Tx, portal: str) -> int:
    """When this database was filled from a copy; 0: never."""
    return int(tx.value("SELECT at FROM opening_restored WHERE portal = :p", p=portal) or 0)


def mark_restored(tx: Tx, portal: str, now: int) -> None:
    tx.run(
        "INSERT INTO opening_restored (portal, at) VALUES (:p, :at) ON CONFLICT (portal) DO UPDATE SET at = excluded.at",
        p=portal, at=now,
    )  # fmt: skip


def version(tx: Tx) -> str:
    return str(tx.value("SELECT COALESCE(SUM(number), 0) || '.' || COALESCE(MAX(since), 0) FROM opening_deal"))


def _deal(row: Row) -> Deal:
    values: dict[str, Any] = {name: row[name] for name in Deal.__dataclass_fields__}
    values["findings"] = tuple(Finding(**one) for one in json.loads(row["findings"]))
    return Deal(**values | {"wanted": bool(row["wanted"]), "gone": bool(row["gone"])})


# --- requests ---------------------------------------------------------------------------------------------------------


def live(tx: Tx, portal: str, client: str) -> Request | None:
    """The client's request that is not decided, or was accepted: there is at most one."""
    row = tx.one(
        "SELECT * FROM opening_request WHERE portal = :p AND client = :c AND state IN ('open', 'accepted')",
        p=portal, c=client,
    )  # fmt: skip
    return _request(row) if row else None


def requests(tx: Tx, portal: str, deal: str) -> list[Request]:
    """A deal's requests, newest first."""
    rows = tx.all(
        "SELECT * FROM opening_request WHERE portal = :p AND deal = :d ORDER BY number DESC", p=portal, d=deal
    )  # fmt: skip
    return [_request(row) for row in rows]


def newest(tx: Tx, portal: str, deal: str) -> Request | None:
    return next(iter(requests(tx, portal, deal)), None)


def by_id(tx: Tx, request_id: str) -> Request | None:
    """Held until the end of the unit of work."""
    row = tx.lock("SELECT * FROM opening_request WHERE request_id = :r", r=request_id)
    return _request(row) if row else None


def write_down(tx: Tx, one: Request) -> bool:
    """False if the client has a request already that is not decided, or was accepted."""
    added = tx.run(
        "INSERT INTO opening_request (portal, deal, number, request_id, client, body, sha256, origins, written_at, "
        "state, answered_at, answer, decided_by) VALUES (:p, :d, :n, :r, :c, :body, :sha, :origins, :at, :state, "
        "NULL, '', '') ON CONFLICT DO NOTHING",
        p=one.portal, d=one.deal, n=one.number, r=one.request_id, c=one.client, body=one.body, sha=one.sha256,
        origins=json.dumps([asdict(origin) for origin in one.origins], ensure_ascii=False), at=one.written_at,
        state=one.state,
    )  # fmt: skip
    return bool(added)


def decide(tx: Tx, one: Request, state: str, now: int, *, answer: Opened | None, by: str = "") -> None:
    tx.run(
        "UPDATE opening_request SET state = :s, answered_at = :at, answer = :a, decided_by = :by "
        "WHERE portal = :p AND deal = :d AND number = :n",
        s=state, at=now, a=storable(pack_opened(answer)) if answer else "", by=by[:200],
        p=one.portal, d=one.deal, n=one.number,
    )  # fmt: skip


def _request(row: Row) -> Request:
    values: dict[str, Any] = {name: row[name] for name in Request.__dataclass_fields__}
    values["origins"] = tuple(Origin(**one) for one in json.loads(row["origins"]))
    values["answer"] = unpack_opened(row["answer"]) if row["answer"] else None
    return Request(**values)


# --- steps ------------------------------------------------------------------------------------------------------------


def steps(tx: Tx, portal: str, deal: str) -> dict[str, Step]:
    """All steps in their order; those not begun are `waiting`."""
    rows = tx.all("SELECT * FROM opening_step WHERE portal = :p AND deal = :d", p=portal, d=deal)
    known = {row["step"]: Step(**{name: row[name] for name in Step.__dataclass_fields__}) for row in rows}
    return {name: known.get(name, Step(name)) for name in STEPS}


def keep_step(tx: Tx, portal: str, deal: str, one: Step, **changed: Any) -> Step:
    one = replace(one, **changed)
    tx.run(
        "INSERT INTO opening_step (portal, deal, step, state, tries, record, at, reason) "
        "VALUES (:p, :d, :step, :state, :tries, :record, :at, :reason) ON CONFLICT (portal, deal, step) DO UPDATE SET "
        "state = excluded.state, tries = excluded.tries, record = excluded.record, at = excluded.at, "
        "reason = excluded.reason",
        p=portal, d=deal, **asdict(replace(one, reason=storable(one.reason)[:500])),
    )  # fmt: skip
    return one


def deal_before(tx: Tx, portal: str, next_deal: str) -> str:
    """From which deal that one was made, as far as its hand-over is not over."""
    found = tx.value(
        "SELECT s.deal FROM opening_step s JOIN opening_deal d ON d.portal = s.portal AND d.deal = s.deal "
        "WHERE s.portal = :p AND s.step = 'next' AND s.record = :r AND s.record <> '' AND d.finished_at IS NULL",
        p=portal, r=next_deal,
    )  # fmt: skip
    return str(found or "")


def all_deals(tx: Tx, portal: str) -> Sequence[Mapping[str, Any]]:
    """For the check: each accepted deal with the ClientID that its request brought."""
    return tx.all(
        "SELECT d.deal, d.client, d.state, d.finished_at, r.state AS request, r.answer FROM opening_deal d "
        "LEFT JOIN opening_request r ON r.portal = d.portal AND r.deal = d.deal AND r.state IN ('open', 'accepted') "
        "WHERE d.portal = :p ORDER BY d.deal",
        p=portal,
    )  # fmt: skip
