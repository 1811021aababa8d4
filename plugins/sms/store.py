"""The plugin's tables: all their SQL. Times are microseconds, money ten-thousandths."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from kernel.storage import Row, Tx
from kernel.storage.text import storable

CHECKING, HELD, WAITING, SENDING, UNCERTAIN = "checking", "held", "waiting", "sending", "uncertain"
QUEUED, SENT, FAILED, CANCELLED = "queued", "sent", "failed", "cancelled"
OPEN, STOPPED, PAUSED, DAY, LATER = "open", "stopped", "paused", "day", "later"


@dataclass(frozen=True)
class Sms:
    """checking: the client's card is being read. held: quiet hours, or a repeat. waiting: its turn comes. sending: it is on
    its way out. uncertain: nobody knows whether it left. queued, sent, delivered, undelivered: as the provider says. failed:
    it was not sent. cancelled: a person did not want it."""

    id: str
    portal: str
    number: str
    text: str
    at: int
    turn: int
    provider: str = ""  #: of the CRM, which is told how it stands; empty for one of our page
    message: str = ""
    author: str = ""  #: the CRM's id
    origin: str = "person"  #: person, robot, page
    records: tuple[str, ...] = ()  #: "contact:830"
    asked_of: str = ""  #: whose card says whether they want texts
    test: bool = False
    segments: int = 1
    state: str = CHECKING
    code: str = ""
    reason: str = ""
    vendor_id: str = ""
    cost: int | None = None
    told: str = ""  #: what the CRM heard last
    tries: int = 0
    ready_at: int = 0  #: since when it could leave
    sent_at: int | None = None
    check_at: int | None = None
    notices: int = 0

    @property
    def record(self) -> str:
        """The card that it is told in."""
        return self.records[0] if self.records else ""


@dataclass(frozen=True)
class Account:
    """open: texts leave. stopped, paused, day, later: they wait, and `reason` says why."""

    portal: str
    state: str = OPEN
    reason: str = ""
    until: int | None = None
    since: int = 0
    tries: int = 0
    sending: str = ""  #: the one that is in flight
    balance: int | None = None
    day_limit: int | None = None
    used_today: int | None = None
    funds_at: int = 0
    changes: int = 0


@dataclass(frozen=True)
class OptOut:
    number: str
    at: int
    source: str  #: person, code, stoplist
    who: str
    reason: str


_NAMES = tuple(Sms.__dataclass_fields__)


def keep(tx: Tx, one: Sms) -> bool:
    """Whether it is new, or was known: a message of the CRM is kept once."""
    values = asdict(one) | {
        "records": json.dumps(one.records), "test": int(one.test), "text": storable(one.text),
        "reason": storable(one.reason)[:500], "number": storable(one.number),
    }  # fmt: skip
    changed = ", ".join(f"{name} = excluded.{name}" for name in _NAMES if name not in ("id", "portal", "message"))
    return bool(
        tx.run(
            f"INSERT INTO sms ({', '.join(_NAMES)}) VALUES ({', '.join(f':{name}' for name in _NAMES)}) "
            f"ON CONFLICT (id) DO UPDATE SET {changed}",
            **values,
        )
    )


def known(tx: Tx, portal: str, message: str) -> bool:
    return tx.value("SELECT id FROM sms WHERE portal = :p AND message = :m", p=portal, m=message) is not None


def load(tx: Tx, ident: str) -> Sms | None:
    return _sms(tx.one("SELECT * FROM sms WHERE id = :id", id=ident))


def locked(tx: Tx, portal: str, ident: str) -> Sms | None:
    """Held until the end of the unit of work, with the account's row: always that one first, so that nobody waits in a
    circle."""
    account_locked(tx, portal)
    return _sms(tx.lock("SELECT * FROM sms WHERE id = :id", id=ident))


def by_vendor(tx: Tx, portal: str, vendor_id: str) -> Sms | None:
    """Held as by `locked`."""
    account_locked(tx, portal)
    return _sms(tx.lock("SELECT * FROM sms WHERE vendor_id = :v AND vendor_id <> ''", v=vendor_id))


def next_turn(tx: Tx, portal: str) -> int:
    return int(tx.value("SELECT COALESCE(MAX(turn), 0) FROM sms WHERE portal = :p", p=portal)) + 1


def next_waiting(tx: Tx, portal: str) -> Sms | None:
    return _sms(tx.one("SELECT * FROM sms WHERE portal = :p AND state = 'waiting' ORDER BY turn LIMIT 1", p=portal))


def in_state(tx: Tx, portal: str, state: str, most: int = 500) -> list[Sms]:
    rows = tx.all("SELECT * FROM sms WHERE portal = :p AND state = :s ORDER BY at, id LIMIT :n", p=portal, s=state, n=most)
    return [_made(row) for row in rows]


def waiting_for_card(tx: Tx, portal: str, record: str) -> list[Sms]:
    """Those whose client's card is being read, oldest first."""
    rows = tx.all(
        "SELECT * FROM sms WHERE portal = :p AND state = 'checking' AND asked_of = :r ORDER BY turn", p=portal, r=record
    )
    return [_made(row) for row in rows]


def same_since(tx: Tx, one: Sms, since: int) -> bool:
    """Whether that number was to get the very text before, since then."""
    found = tx.value(
        "SELECT id FROM sms WHERE portal = :p AND number = :n AND text = :t AND turn < :turn AND at >= :at "
        "AND state NOT IN ('failed', 'cancelled') LIMIT 1",
        p=one.portal, n=one.number, t=storable(one.text), turn=one.turn, at=since,
    )  # fmt: skip
    return found is not None


def to_check(tx: Tx, portal: str, now: int, most: int) -> list[Sms]:
    rows = tx.all(
        "SELECT * FROM sms WHERE portal = :p AND check_at IS NOT NULL AND check_at <= :now ORDER BY check_at, id LIMIT :n",
        p=portal, now=now, n=most,
    )  # fmt: skip
    return [_made(row) for row in rows]


def too_old(tx: Tx, portal: str, before: int) -> list[Sms]:
    """Those that could have left before that moment, and wait."""
    rows = tx.all(
        "SELECT * FROM sms WHERE portal = :p AND state = 'waiting' AND ready_at < :b ORDER BY turn LIMIT 500",
        p=portal, b=before,
    )  # fmt: skip
    return [_made(row) for row in rows]


def newest(tx: Tx, portal: str, author: str | None, most: int) -> list[Sms]:
    """Newest first; of one author, or of all."""
    whose = "" if author is None else "AND author = :a "
    rows = tx.all(
        f"SELECT * FROM sms WHERE portal = :p {whose}ORDER BY at DESC, turn DESC LIMIT :n",
        p=portal, n=most, **({} if author is None else {"a": author}),
    )  # fmt: skip
    return [_made(row) for row in rows]


def costs(tx: Tx, portal: str, since: int) -> list[Row]:
    """Of each text since then that cost something: when, whose, how much."""
    return tx.all(
        "SELECT at, author, cost FROM sms WHERE portal = :p AND at >= :since AND cost IS NOT NULL AND test = 0", p=portal,
        since=since,
    )  # fmt: skip


def counts(tx: Tx, portal: str) -> dict[str, int]:
    rows = tx.all("SELECT state, COUNT(*) AS n FROM sms WHERE portal = :p GROUP BY state", p=portal)
    return {row["state"]: int(row["n"]) for row in rows}


def _sms(row: Row | None) -> Sms | None:
    return _made(row) if row else None


def _made(row: Row) -> Sms:
    values: dict[str, Any] = {name: row[name] for name in _NAMES}
    return Sms(**values | {"records": tuple(json.loads(row["records"])), "test": bool(row["test"])})


# --- the account ------------------------------------------------------------------------------------------------------


def account(tx: Tx, portal: str) -> Account:
    row = tx.one("SELECT * FROM sms_account WHERE portal = :p", p=portal)
    return Account(**row) if row else Account(portal)


def account_locked(tx: Tx, portal: str) -> Account:
    """Held until the end of the unit of work."""
    tx.run(
        "INSERT INTO sms_account VALUES (:p, 'open', '', NULL, 0, 0, '', NULL, NULL, NULL, 0, 0) ON CONFLICT DO NOTHING",
        p=portal,
    )
    row = tx.lock("SELECT * FROM sms_account WHERE portal = :p", p=portal)
    assert row is not None
    return Account(**row)


def keep_account(tx: Tx, one: Account) -> None:
    values = asdict(one) | {"reason": storable(one.reason)[:500]}
    names = [name for name in values if name not in ("portal", "changes")]
    tx.run(
        f"UPDATE sms_account SET {', '.join(f'{name} = :{name}' for name in names)}, changes = changes + 1 "
        "WHERE portal = :portal",
        **{name: value for name, value in values.items() if name != "changes"},
    )


def version(tx: Tx) -> str:
    """Of the pages: whatever changes a text changes the account's row, too."""
    return str(tx.value("SELECT COALESCE(SUM(changes), 0) FROM sms_account"))


def touch(tx: Tx, portal: str) -> None:
    tx.run("UPDATE sms_account SET changes = changes + 1 WHERE portal = :p", p=portal)


# --- who wants none ---------------------------------------------------------------------------------------------------


def opted_out(tx: Tx, portal: str, number: str) -> OptOut | None:
    row = tx.one("SELECT * FROM sms_opt_out WHERE portal = :p AND number = :n ORDER BY at DESC LIMIT 1", p=portal, n=number)
    return _opt_out(row) if row and row["out"] else None


def opt_outs(tx: Tx, portal: str, most: int = 500) -> list[OptOut]:
    """Newest first."""
    rows = tx.all(
        "SELECT * FROM sms_opt_out AS one WHERE portal = :p AND out = 1 AND at = (SELECT MAX(at) FROM sms_opt_out AS other "
        "WHERE other.portal = one.portal AND other.number = one.number) ORDER BY at DESC LIMIT :n",
        p=portal, n=most,
    )  # fmt: skip
    return [_opt_out(row) for row in rows]


def note_opt_out(tx: Tx, portal: str, one: OptOut, *, out: bool) -> None:
    tx.run(
        "INSERT INTO sms_opt_out VALUES (:p, :n, :at, :out, :source, :who, :why) ON CONFLICT DO NOTHING",
        p=portal, n=one.number, at=one.at, out=int(out), source=one.source, who=storable(one.who)[:200],
        why=storable(one.reason)[:300],
    )  # fmt: skip


def _opt_out(row: Row) -> OptOut:
    return OptOut(row["number"], row["at"], row["source"], row["who"], row["reason"])


# --- statuses that came early -----------------------------------------------------------------------------------------


def keep_early(tx: Tx, vendor_id: str, code: str, state: str, at: int) -> None:
    tx.run("INSERT INTO sms_early VALUES (:v, :c, :s, :at) ON CONFLICT DO NOTHING", v=vendor_id, c=code, s=state, at=at)


def take_early(tx: Tx, vendor_id: str) -> list[Row]:
    rows = tx.all("SELECT * FROM sms_early WHERE vendor_id = :v ORDER BY at, code", v=vendor_id)
    tx.run("DELETE FROM sms_early WHERE vendor_id = :v", v=vendor_id)
    return rows


def forget_early(tx: Tx, before: int) -> None:
    tx.run("DELETE FROM sms_early WHERE at < :b", b=before)
