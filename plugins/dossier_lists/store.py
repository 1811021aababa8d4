"""The plugin's tables: all their SQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kernel.jobs import next_number
from kernel.storage import Tx
from plugins.dossier_lists.elements import SUMMARY
from plugins.dossier_lists.rules import Held

ELEMENT = "portal = :p AND list = :l AND code = :code"
GOES = "state = 'drop', content = '', turn = :turn, place = 0, refused = ''"
CARD = "portal = :p AND list = :l AND entity = :e AND record = :r"


def hold(tx: Tx, portal: str) -> None:
    """Until the end of the unit of work nobody else plans or sends: two at once follow each other."""
    next_number(tx, f"dossier lists:{portal}")


def not_before(tx: Tx, portal: str) -> int:
    """When the next request may leave at the earliest."""
    return int(tx.value("SELECT not_before FROM dossier_list_state WHERE portal = :p", p=portal) or 0)


def keep_not_before(tx: Tx, portal: str, at: int) -> None:
    tx.run(
        "INSERT INTO dossier_list_state VALUES (:p, :at, 0) "
        "ON CONFLICT (portal) DO UPDATE SET not_before = excluded.not_before",
        p=portal, at=at,
    )  # fmt: skip


# --- passes -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pass:
    """One list of one card that is to be brought up to date. All times are microseconds."""

    list: str
    entity: str
    record: str
    set_name: str
    table_name: str
    client_id: str
    due_at: int = 0
    begun_at: int = 0
    known: int = 0
    fewer_at: int = 0
    doubled: int = 0

    @property
    def card(self) -> dict[str, str]:
        return {"l": self.list, "e": self.entity, "r": self.record}


def wish(tx: Tx, portal: str, one: Pass, every: int) -> None:
    """Have it brought up to date at `one.due_at`, but not before `every` has passed since the last time. One that waits
    already takes the newest answer when its turn comes."""
    tx.run(
        "INSERT INTO dossier_list_pass VALUES (:p, :l, :e, :r, :set, :table, :c, :due, 0, 0, 0, 0) "
        "ON CONFLICT (portal, list, entity, record) DO UPDATE SET set_name = excluded.set_name, "
        "table_name = excluded.table_name, client_id = excluded.client_id, due_at = CASE "
        "WHEN dossier_list_pass.due_at > 0 AND dossier_list_pass.due_at < excluded.due_at THEN dossier_list_pass.due_at "
        "WHEN dossier_list_pass.begun_at + :every > excluded.due_at THEN dossier_list_pass.begun_at + :every "
        "ELSE excluded.due_at END",
        p=portal, **one.card, set=one.set_name, table=one.table_name, c=one.client_id, due=one.due_at, every=every,
    )  # fmt: skip


def due_passes(tx: Tx, portal: str, now: int, most: int) -> list[Pass]:
    rows = tx.all(
        "SELECT * FROM dossier_list_pass WHERE portal = :p AND due_at > 0 AND due_at <= :now "
        "ORDER BY due_at, list, entity, record LIMIT :most",
        p=portal, now=now, most=most,
    )  # fmt: skip
    return [Pass(**{name: value for name, value in row.items() if name != "portal"}) for row in rows]


def next_pass(tx: Tx, portal: str) -> int | None:
    found = tx.value("SELECT MIN(due_at) FROM dossier_list_pass WHERE portal = :p AND due_at > 0", p=portal)
    return None if found is None else int(found)


def begun(tx: Tx, portal: str, one: Pass, now: int, *, fewer_at: int = 0, doubled: int = 0) -> None:
    tx.run(
        f"UPDATE dossier_list_pass SET due_at = 0, begun_at = :now, fewer_at = :few, doubled = :d WHERE {CARD}",
        p=portal, **one.card, now=now, few=fewer_at, d=doubled,
    )  # fmt: skip


def put_off(tx: Tx, portal: str, until: int) -> None:
    """Nothing is planned before that."""
    tx.run("UPDATE dossier_list_pass SET due_at = :u WHERE portal = :p AND due_at > 0 AND due_at < :u", p=portal, u=until)


def end_passes(tx: Tx, portal: str, entity: str, record: str, client_id: str) -> None:
    """What waits for that client at that card, or at any where the card is empty, is not done any more."""
    where = "portal = :p AND client_id = :c" + (" AND entity = :e AND record = :r" if record else "")
    card = {"e": entity, "r": record} if record else {}
    tx.run(f"UPDATE dossier_list_pass SET due_at = 0 WHERE {where}", p=portal, c=client_id, **card)


def every_pass(tx: Tx, portal: str) -> list[Pass]:
    rows = tx.all("SELECT * FROM dossier_list_pass WHERE portal = :p ORDER BY list, entity, record", p=portal)
    return [Pass(**{name: value for name, value in row.items() if name != "portal"}) for row in rows]


def found(tx: Tx, portal: str, one: Pass, codes: Iterable[str]) -> None:
    """What the list holds of the card, whoever wrote it: what we did not know is looked at by the next pass."""
    tx.run_many(
        "INSERT INTO dossier_list_element VALUES (:p, :l, :code, :e, :r, '', '', 1, 'kept', '', '', 0, 0, 0, 0, '') "
        "ON CONFLICT (portal, list, code) DO UPDATE SET there = 1",
        [{"p": portal, **one.card, "code": code} for code in codes],
    )
    tx.run(f"UPDATE dossier_list_pass SET known = 1 WHERE {CARD}", p=portal, **one.card)


# --- elements ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Waiting:
    """An element that is to be written, or to go."""

    list: str
    code: str
    entity: str
    record: str
    state: str
    there: int
    wanted: str
    content: str


def held(tx: Tx, portal: str, one: Pass) -> dict[str, Held]:
    rows = tx.all(
        f"SELECT code, client_id, written, there, state, content, gone_at FROM dossier_list_element WHERE {CARD}",
        p=portal, **one.card,
    )  # fmt: skip
    return {row["code"]: Held(**{**row, "there": bool(row["there"])}) for row in rows}


@dataclass(frozen=True)
class Put:
    """What an element is to hold."""

    code: str
    wanted: str
    content: str
    gone_at: int = 0
    made_at: int = 0


def put(tx: Tx, portal: str, card: Mapping[str, str], client_id: str, wanted: Sequence[Put], turn: int) -> None:
    tx.run_many(
        "INSERT INTO dossier_list_element "
        "VALUES (:p, :l, :code, :e, :r, :c, '', 0, 'put', :wanted, :content, :turn, :place, :gone, :made, '') "
        "ON CONFLICT (portal, list, code) DO UPDATE SET client_id = excluded.client_id, state = 'put', "
        "wanted = excluded.wanted, content = excluded.content, gone_at = excluded.gone_at, turn = CASE "
        "WHEN dossier_list_element.state = 'put' THEN dossier_list_element.turn ELSE excluded.turn END, "
        "place = excluded.place, refused = ''",
        [
            {"p": portal, **card, "c": client_id, "code": one.code, "wanted": one.wanted, "content": one.content,
             "turn": turn, "place": place, "gone": one.gone_at, "made": one.made_at}
            for place, one in enumerate(wanted)
        ],
    )  # fmt: skip


def drop(tx: Tx, portal: str, name: str, codes: Iterable[str], turn: int) -> None:
    tx.run_many(
        f"UPDATE dossier_list_element SET {GOES} WHERE {ELEMENT}",
        [{"p": portal, "l": name, "code": code, "turn": turn} for code in codes],
    )


def drop_client(tx: Tx, portal: str, client_id: str, turn: int, *, entity: str = "", record: str = "") -> int:
    """All that the lists hold of that client, at that card or at all of them; how many there are."""
    where = "portal = :p AND client_id = :c" + (" AND entity = :e AND record = :r" if record else "")
    card = {"e": entity, "r": record} if record else {}
    return tx.run(
        f"UPDATE dossier_list_element SET {GOES} WHERE {where}",
        p=portal, c=client_id, turn=turn, **card,
    )  # fmt: skip


def drop_all(tx: Tx, portal: str, turn: int, *, but_summaries: bool, log_list: str) -> int:
    """The lists are to hold no rows of clients; how many of them do."""
    summaries = " AND code NOT LIKE :summary" if but_summaries else ""
    pattern = {"summary": f"%:{SUMMARY}"} if but_summaries else {}
    return tx.run(
        f"UPDATE dossier_list_element SET {GOES} WHERE portal = :p AND state <> 'drop' AND list <> :log{summaries}",
        p=portal, turn=turn, log=log_list, **pattern,
    )  # fmt: skip


def waiting(tx: Tx, portal: str, most: int) -> list[Waiting]:
    """What leaves next: oldest turn first, what is to go before what is to come."""
    rows = tx.all(
        "SELECT list, code, entity, record, state, there, wanted, content FROM dossier_list_element "
        "WHERE portal = :p AND state IN ('put', 'drop') ORDER BY turn, place, list, code LIMIT :most",
        p=portal, most=most,
    )  # fmt: skip
    return [Waiting(**row) for row in rows]


def waiting_count(tx: Tx, portal: str) -> tuple[int, int]:
    """How many wait, and since when the oldest does."""
    row = tx.one(
        "SELECT COUNT(*) AS count, COALESCE(MIN(turn), 0) AS since FROM dossier_list_element "
        "WHERE portal = :p AND state IN ('put', 'drop')",
        p=portal,
    )  # fmt: skip
    assert row is not None
    return int(row["count"]), int(row["since"])


def written(tx: Tx, portal: str, name: str, code: str, digest: str, *, keeps: bool) -> None:
    """The list holds that now. What it holds is kept here too where `keeps` says so, else forgotten; a newer content that
    came meanwhile goes on waiting."""
    content = "content" if keeps else "''"
    tx.run(
        "UPDATE dossier_list_element SET written = :d, there = 1, "
        "state = CASE WHEN state = 'put' AND wanted = :d THEN 'kept' ELSE state END, "
        f"content = CASE WHEN state = 'put' AND wanted = :d THEN {content} ELSE content END WHERE {ELEMENT}",
        p=portal, l=name, code=code, d=digest,
    )  # fmt: skip


def dropped(tx: Tx, portal: str, name: str, code: str) -> None:
    tx.run(f"DELETE FROM dossier_list_element WHERE {ELEMENT} AND state = 'drop'", p=portal, l=name, code=code)
    tx.run(f"UPDATE dossier_list_element SET there = 0, written = '' WHERE {ELEMENT}", p=portal, l=name, code=code)


def doubted(tx: Tx, portal: str, name: str, code: str) -> None:
    """Nobody knows what the list holds of it; it goes on waiting."""
    tx.run(f"UPDATE dossier_list_element SET written = '' WHERE {ELEMENT}", p=portal, l=name, code=code)


def refused(tx: Tx, portal: str, name: str, code: str, digest: str, reason: str) -> None:
    """It waits no longer; the next pass tries it again."""
    tx.run(
        "UPDATE dossier_list_element SET written = '', refused = :why, "
        f"state = CASE WHEN state = 'put' AND wanted <> :d THEN state ELSE 'kept' END WHERE {ELEMENT}",
        p=portal, l=name, code=code, d=digest, why=reason,
    )  # fmt: skip


# --- the request log --------------------------------------------------------------------------------------------------


def log_upto(tx: Tx, portal: str) -> int:
    return int(tx.value("SELECT log_upto FROM dossier_list_state WHERE portal = :p", p=portal) or 0)


def keep_log_upto(tx: Tx, portal: str, upto: int) -> None:
    tx.run(
        "INSERT INTO dossier_list_state VALUES (:p, 0, :u) ON CONFLICT (portal) DO UPDATE SET log_upto = excluded.log_upto",
        p=portal, u=upto,
    )  # fmt: skip


def log_codes(tx: Tx, portal: str, name: str, since: int) -> frozenset[str]:
    """Lines of the request log asked since then that the list holds, or is to hold."""
    rows = tx.all(
        "SELECT code FROM dossier_list_element WHERE portal = :p AND list = :l AND made_at >= :since",
        p=portal, l=name, since=since,
    )  # fmt: skip
    return frozenset(row["code"] for row in rows)


def drop_log_elsewhere(tx: Tx, portal: str, name: str, turn: int) -> None:
    """Lines of the request log in any other list."""
    tx.run(
        f"UPDATE dossier_list_element SET {GOES} WHERE portal = :p AND list <> :l AND made_at > 0 AND state <> 'drop'",
        p=portal, l=name, turn=turn,
    )  # fmt: skip


def old_log_codes(tx: Tx, portal: str, name: str, before: int, most: int) -> list[str]:
    rows = tx.all(
        "SELECT code FROM dossier_list_element WHERE portal = :p AND list = :l AND made_at > 0 AND made_at < :old "
        "AND state <> 'drop' ORDER BY made_at, code LIMIT :most",
        p=portal, l=name, old=before, most=most,
    )  # fmt: skip
    return [row["code"] for row in rows]


# --- for the doctor ---------------------------------------------------------------------------------------------------


def refusals(tx: Tx, portal: str) -> list[tuple[str, int, str]]:
    """By list: how many the CRM did not take, and why one of them."""
    rows = tx.all(
        "SELECT list, COUNT(*) AS count, MIN(refused) AS reason FROM dossier_list_element "
        "WHERE portal = :p AND refused <> '' GROUP BY list ORDER BY list",
        p=portal,
    )  # fmt: skip
    return [(row["list"], int(row["count"]), row["reason"]) for row in rows]


def doubles(tx: Tx, portal: str) -> list[tuple[str, str, int]]:
    rows = tx.all(
        "SELECT list, client_id, doubled FROM dossier_list_pass WHERE portal = :p AND doubled > 0 ORDER BY list, client_id",
        p=portal,
    )  # fmt: skip
    return [(row["list"], row["client_id"], int(row["doubled"])) for row in rows]
