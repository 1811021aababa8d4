"""The plugin's tables: all their SQL. Times are microseconds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from kernel.storage import Row, Tx
from kernel.storage.text import storable
from plugins.client_check.model import Card, Found, How, Number, Verdict

CARD = "portal = :p AND entity = :e AND record = :r"
NUMBER = "portal = :p AND client_id = :c"
CARD_FIELDS = ("entity", "record", "name", "owner", "status", "client_id", "since", "moved_to", "found_at")
NUMBER_FIELDS = (
    "client_id", "verdict", "since", "asked_at", "how", "entity", "record", "name", "owner", "status", "lost_at",
    "moved_to",
)  # fmt: skip
AT_ONCE = 1000  #: differences of one kind that are listed


# --- cards ------------------------------------------------------------------------------------------------------------


def card(tx: Tx, portal: str, entity: str, record: str) -> Card | None:
    row = tx.one(f"SELECT * FROM client_check_card WHERE {CARD}", p=portal, e=entity, r=record)
    return _card(row) if row else None


def keep_card(tx: Tx, portal: str, one: Card, now: int, *, only_new: bool = False) -> bool:
    """Whether it was kept; with `only_new` a card that is known already stays as it is."""
    values = {name: getattr(one, name) for name in CARD_FIELDS} | {
        "portal": portal, "name": storable(one.name)[:300], "touched": now,
        "found": "" if one.found is None else storable(json.dumps([list(found) for found in one.found], ensure_ascii=False)),
    }  # fmt: skip
    names = list(values)
    sets = ", ".join(f"{name} = excluded.{name}" for name in names if name not in ("portal", "entity", "record"))
    then = "NOTHING" if only_new else f"UPDATE SET {sets}"
    kept = tx.run(
        f"INSERT INTO client_check_card ({', '.join(names)}) VALUES ({', '.join(f':{name}' for name in names)}) "
        f"ON CONFLICT (portal, entity, record) DO {then}",
        **values,
    )
    return bool(kept)


def drop_card(tx: Tx, portal: str, entity: str, record: str) -> None:
    tx.run(f"DELETE FROM client_check_card WHERE {CARD}", p=portal, e=entity, r=record)


def cards_with(tx: Tx, portal: str, client_id: str) -> list[Card]:
    rows = tx.all(
        "SELECT * FROM client_check_card WHERE portal = :p AND client_id = :c ORDER BY since, entity, record",
        p=portal, c=client_id,
    )  # fmt: skip
    return [_card(row) for row in rows]


def without_number(tx: Tx, portal: str, status: str) -> list[Card]:
    rows = tx.all(
        "SELECT * FROM client_check_card WHERE portal = :p AND client_id = '' AND status = :s "
        "ORDER BY since, entity, record LIMIT :most",
        p=portal, s=status, most=AT_ONCE,
    )  # fmt: skip
    return [_card(row) for row in rows]


def in_several_cards(tx: Tx, portal: str) -> list[list[Card]]:
    """The cards of each ClientID that stands in more than one."""
    rows = tx.all(
        "SELECT * FROM client_check_card WHERE portal = :p AND client_id IN (SELECT client_id FROM client_check_card "
        "WHERE portal = :p AND client_id <> '' GROUP BY client_id HAVING COUNT(*) > 1 LIMIT :most) "
        "ORDER BY client_id, since, entity, record",
        p=portal, most=AT_ONCE,
    )  # fmt: skip
    found: dict[str, list[Card]] = {}
    for row in rows:
        found.setdefault(row["client_id"], []).append(_card(row))
    return list(found.values())


def not_known(tx: Tx, portal: str) -> list[tuple[Card, Number]]:
    """Cards whose ClientID the back office does not know."""
    rows = tx.all(
        "SELECT client_id FROM client_check_number WHERE portal = :p AND verdict = 'unknown' ORDER BY since, client_id "
        "LIMIT :most",
        p=portal, most=AT_ONCE,
    )  # fmt: skip
    found = []
    for row in rows:
        known = number(tx, portal, row["client_id"])
        assert known is not None
        found += [(one, known) for one in cards_with(tx, portal, known.client_id)]
    return found


def to_look_up(tx: Tx, portal: str, status: str, before: int, most: int) -> list[Card]:
    """Cards with no ClientID, or one that the back office does not know, whose client was not looked up since then."""
    rows = tx.all(
        "SELECT c.* FROM client_check_card c LEFT JOIN client_check_number n ON n.portal = c.portal AND "
        "n.client_id = c.client_id WHERE c.portal = :p AND c.found_at < :before AND "
        "((c.client_id = '' AND c.status = :s) OR n.verdict = 'unknown') "
        "ORDER BY c.found_at, c.entity, c.record LIMIT :most",
        p=portal, s=status, before=before, most=most,
    )  # fmt: skip
    return [_card(row) for row in rows]


def records_after(tx: Tx, portal: str, entity: str, after: str, most: int) -> list[str]:
    """Cards that hold a ClientID or are active, and those from which a ClientID is gone, by rising id."""
    rows = tx.all(
        "SELECT record FROM client_check_card WHERE portal = :p AND entity = :e AND record > :a UNION "
        "SELECT record FROM client_check_number WHERE portal = :p AND entity = :e AND record > :a AND how <> '' "
        "ORDER BY 1 LIMIT :m",
        p=portal, e=entity, a=after, m=most,
    )  # fmt: skip
    return [row["record"] for row in rows]


def note_moved(tx: Tx, portal: str, entity: str, record: str, to: str, now: int) -> None:
    """A deal of that card stands under another card now."""
    for table in ("client_check_card", "client_check_number"):
        tx.run(
            f"UPDATE {table} SET moved_to = :to, touched = :now WHERE {CARD}", p=portal, e=entity, r=record, to=to, now=now
        )


def _card(row: Row) -> Card:
    values: dict[str, Any] = {name: row[name] for name in CARD_FIELDS}
    found = tuple(Found(*one) for one in json.loads(row["found"])) if row["found"] else None
    return Card(**values, found=found)


# --- numbers ----------------------------------------------------------------------------------------------------------


def number(tx: Tx, portal: str, client_id: str) -> Number | None:
    row = tx.one(f"SELECT * FROM client_check_number WHERE {NUMBER}", p=portal, c=client_id)
    return _number(row) if row else None


def stands(tx: Tx, portal: str, client_id: str, now: int) -> None:
    """It stands in a card (again)."""
    tx.run(
        "INSERT INTO client_check_number VALUES (:p, :c, '', 0, 0, '', '', '', '', '', '', 0, '', :now) "
        "ON CONFLICT (portal, client_id) DO UPDATE SET how = '', entity = '', record = '', name = '', owner = '', "
        "status = '', lost_at = 0, moved_to = '', touched = excluded.touched WHERE client_check_number.how <> ''",
        p=portal, c=client_id, now=now,
    )  # fmt: skip


def left(tx: Tx, portal: str, one: Card, how: How, now: int) -> None:
    """The ClientID stands in that card no more."""
    tx.run(
        "UPDATE client_check_number SET how = :how, entity = :e, record = :r, name = :name, owner = :owner, "
        f"status = :status, lost_at = :now, moved_to = :to, touched = :now WHERE {NUMBER}",
        p=portal, c=one.client_id, how=how, e=one.entity, r=one.record, name=storable(one.name)[:300], owner=one.owner,
        status=one.status, now=now, to=one.moved_to,
    )  # fmt: skip


def change_how(tx: Tx, portal: str, entity: str, record: str, now: int, *, gone: bool) -> None:
    """The card from which ClientIDs went is itself gone, or is back without them."""
    before = "how IN ('removed', 'replaced')" if gone else "how = 'gone'"
    tx.run(
        f"UPDATE client_check_number SET how = :how, touched = :now WHERE {CARD} AND {before}",
        how="gone" if gone else "removed", now=now, p=portal, e=entity, r=record,
    )  # fmt: skip


def in_no_card(tx: Tx, portal: str) -> list[Number]:
    rows = tx.all(
        "SELECT * FROM client_check_number n WHERE n.portal = :p AND n.how <> '' AND NOT EXISTS (SELECT 1 FROM "
        "client_check_card c WHERE c.portal = n.portal AND c.client_id = n.client_id) "
        "ORDER BY n.lost_at, n.client_id LIMIT :most",
        p=portal, most=AT_ONCE,
    )  # fmt: skip
    return [_number(row) for row in rows]


def to_ask(tx: Tx, portal: str, before: int, most: int) -> list[Number]:
    """Those that were not asked for since then, the ones that wait longest first."""
    rows = tx.all(
        "SELECT * FROM client_check_number WHERE portal = :p AND asked_at < :b ORDER BY asked_at, client_id LIMIT :most",
        p=portal, b=before, most=most,
    )  # fmt: skip
    return [_number(row) for row in rows]


def keep_verdict(tx: Tx, portal: str, client_id: str, verdict: Verdict, now: int) -> None:
    """What the back office says of it; empty: it said nothing that counts."""
    tx.run(
        "UPDATE client_check_number SET since = CASE WHEN :v = '' OR verdict = :v THEN since ELSE :now END, "
        "touched = CASE WHEN :v = '' OR verdict = :v THEN touched ELSE :now END, "
        f"verdict = CASE WHEN :v = '' THEN verdict ELSE :v END, asked_at = :now WHERE {NUMBER}",
        p=portal, c=client_id, v=verdict, now=now,
    )  # fmt: skip


def forget_number(tx: Tx, portal: str, client_id: str) -> None:
    tx.run(f"DELETE FROM client_check_number WHERE {NUMBER}", p=portal, c=client_id)


def forget(tx: Tx, portal: str, client_id: str) -> None:
    """Nothing of that client stays."""
    forget_number(tx, portal, client_id)
    named = f"%{json.dumps(client_id, ensure_ascii=False)}%"  # whom it is found for is looked up once more
    tx.run(
        "UPDATE client_check_card SET found = '', found_at = 0 WHERE portal = :p AND found LIKE :named",
        p=portal, named=named,
    )  # fmt: skip
    tx.run("DELETE FROM client_check_card WHERE portal = :p AND client_id = :c", p=portal, c=client_id)
    tx.run("DELETE FROM client_check_done WHERE portal = :p AND client_id = :c", p=portal, c=client_id)


def tidy(tx: Tx, portal: str) -> None:
    """Numbers that stand nowhere and are missed nowhere."""
    tx.run(
        "DELETE FROM client_check_number WHERE portal = :p AND how = '' AND NOT EXISTS (SELECT 1 FROM client_check_card c "
        "WHERE c.portal = client_check_number.portal AND c.client_id = client_check_number.client_id)",
        p=portal,
    )  # fmt: skip


def _number(row: Row) -> Number:
    return Number(**{name: row[name] for name in NUMBER_FIELDS})


# --- the rest ---------------------------------------------------------------------------------------------------------


def version(tx: Tx) -> str:
    """Moves with whatever the page shows."""
    return ".".join(
        str(tx.value(f"SELECT COUNT(*) || '.' || COALESCE(MAX({column}), 0) FROM {table}"))
        for table, column in (
            ("client_check_card", "touched"), ("client_check_number", "touched"), ("client_check_done", "at"),
        )
    )  # fmt: skip


def filled(tx: Tx, portal: str) -> str:
    return str(tx.value("SELECT declared FROM client_check_filled WHERE portal = :p", p=portal) or "")


def keep_filled(tx: Tx, portal: str, declared: str) -> None:
    tx.run(
        "INSERT INTO client_check_filled VALUES (:p, :d) ON CONFLICT (portal) DO UPDATE SET declared = excluded.declared",
        p=portal, d=declared,
    )  # fmt: skip


@dataclass(frozen=True)
class Notice:
    person: str
    day: str
    stands: bool  #: the notice was not taken back


def notices(tx: Tx, portal: str) -> dict[str, Notice]:
    rows = tx.all("SELECT person, day, stands FROM client_check_told WHERE portal = :p", p=portal)
    return {row["person"]: Notice(row["person"], row["day"], bool(row["stands"])) for row in rows}


def keep_notice(tx: Tx, portal: str, one: Notice) -> None:
    tx.run(
        "INSERT INTO client_check_told VALUES (:p, :who, :day, :s) ON CONFLICT (portal, person) DO UPDATE SET "
        "day = excluded.day, stands = excluded.stands",
        p=portal, who=one.person, day=one.day, s=int(one.stands),
    )  # fmt: skip


@dataclass(frozen=True)
class Done:
    at: int
    who: str
    kind: str
    entity: str
    record: str
    client_id: str
    action: str


def keep_done(tx: Tx, portal: str, new_id: str, one: Done) -> None:
    tx.run(
        "INSERT INTO client_check_done VALUES (:id, :p, :at, :who, :kind, :entity, :record, :client_id, :action)",
        id=new_id, p=portal, **vars(replace(one, who=storable(one.who)[:200])),
    )  # fmt: skip


def done(tx: Tx, portal: str, most: int) -> Sequence[Done]:
    """Newest first."""
    rows = tx.all(
        "SELECT at, who, kind, entity, record, client_id, action FROM client_check_done WHERE portal = :p "
        "ORDER BY at DESC, id DESC LIMIT :most",
        p=portal, most=most,
    )  # fmt: skip
    return [Done(**row) for row in rows]
