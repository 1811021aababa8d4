"""The plugin's own tables: all its SQL."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from kernel.conversations import viewers
from kernel.storage import Tx
from kernel.storage.text import storable
from kernel.values import from_micros, to_micros

NONE, WAITING, CONFIRMING, LIVE, DEAF, BROKEN, PAUSED, DETACHED = (
    "none", "waiting", "confirming", "live", "deaf", "broken", "paused", "detached",
)  # fmt: skip
WORKING = (LIVE, DEAF)
EXPIRED = "expired"  #: reason of a chat that waits
FOLLOWED = "followed"  #: how a detached chat stands that went over to another card (`followed_by`)
CODE_BYTES = 16


@dataclass(frozen=True)
class Partner:
    """A partner's card and how its chat stands."""

    id: str  #: the CRM's
    name: str = ""
    phone: str = ""
    email: str = ""
    telegram: str = ""
    language: str = ""
    automatic: bool = True  #: «Автоматичні повідомлення»
    ticked: bool = False  #: «Чат з партнером»
    responsible: str = ""  #: a person's id
    thread: str = ""
    state: str = NONE
    state_since: datetime | None = None
    reason: str = ""
    shown: Mapping[str, Any] | None = None  #: what was written into the card

    @property
    def subject(self) -> str:
        """How threads and messages name it."""
        return f"partner:{self.id}"

    @property
    def standing(self) -> str:
        """The state by which texts are named: a group may be waited for without success, since the link has expired; or
        the chat is no longer this card's, since it follows another."""
        if self.state == DETACHED and self.followed_by:
            return FOLLOWED
        return EXPIRED if self.state == WAITING and self.reason == EXPIRED else self.state

    @property
    def followed_by(self) -> str:
        """The card that the chat went over to, after this one was merged into it."""
        return str((self.shown or {}).get("followed_by", ""))

    @property
    def works(self) -> bool:
        return self.state in WORKING and bool(self.thread)


def plain_id(record_id: str) -> str:
    """A card's id as its own page has it: Planfix puts its kind in front where a field points to it."""
    return record_id.removeprefix("contact:")


@dataclass(frozen=True)
class Link:
    partner: str
    person: str
    expires_at: datetime
    used: bool


@dataclass(frozen=True)
class GroupStanding:
    """What the bot may do in a group, and who brought it."""

    thread: str
    state: str  #: member, admin, left, kicked
    hears_all: bool = False
    public: bool = False
    adder: str = ""
    adder_name: str = ""

    @property
    def inside(self) -> bool:
        return self.state in ("member", "admin")


@dataclass(frozen=True)
class Announcement:
    """What a partner was told of a deal."""

    subject: str
    partner: str
    record_id: str
    number: str
    stage: str = ""
    state: str = ""  #: announced, withdrawn, closed; empty: nothing was said
    shown: str = ""  #: the view as text (plugins.partners.views_text)
    wanted: str = ""
    turn: int = 0
    revision: int = 0
    message: str = ""
    code: str = ""


# --- partners ---------------------------------------------------------------------------------------------------------


def partner(tx: Tx, partner_id: str) -> Partner | None:
    row = tx.one("SELECT * FROM partner WHERE id = :id", id=partner_id)
    return _partner(row) if row else None


def partner_of(tx: Tx, thread: str) -> Partner | None:
    row = tx.one("SELECT * FROM partner WHERE thread = :t AND thread <> ''", t=thread)
    return _partner(row) if row else None


def partners(tx: Tx) -> list[Partner]:
    return [_partner(row) for row in tx.all("SELECT * FROM partner ORDER BY name, id")]


def lock_partner(tx: Tx, partner_id: str) -> Partner | None:
    """The same, held until the end of the unit of work."""
    row = tx.lock("SELECT * FROM partner WHERE id = :id", id=partner_id)
    return _partner(row) if row else None


def keep_partner(tx: Tx, one: Partner, now: datetime) -> None:
    tx.run(
        "INSERT INTO partner (id, name, phone, email, telegram, language, automatic, ticked, responsible, thread, state, "
        "state_since, reason, shown, created_at) VALUES (:id, :name, :phone, :email, :telegram, :language, :automatic, "
        ":ticked, :responsible, :thread, :state, :since, :reason, :shown, :now) ON CONFLICT (id) DO UPDATE SET "
        "name = excluded.name, phone = excluded.phone, email = excluded.email, telegram = excluded.telegram, "
        "language = excluded.language, automatic = excluded.automatic, ticked = excluded.ticked, "
        "responsible = excluded.responsible, thread = excluded.thread, state = excluded.state, "
        "state_since = excluded.state_since, reason = excluded.reason, shown = excluded.shown",
        id=one.id, name=storable(one.name), phone=one.phone, email=storable(one.email), telegram=storable(one.telegram),
        language=one.language, automatic=int(one.automatic), ticked=int(one.ticked), responsible=one.responsible,
        thread=one.thread, state=one.state, since=to_micros(one.state_since or now), reason=storable(one.reason)[:300],
        shown=json.dumps(one.shown or {}, ensure_ascii=False), now=to_micros(now),
    )  # fmt: skip


def in_state(one: Partner, state: str, now: datetime, reason: str = "") -> Partner:
    """The partner with the chat in that state; since when, only where it is another one."""
    since = one.state_since if (one.state, one.reason) == (state, reason) else now
    return replace(one, state=state, reason=reason, state_since=since)


# --- links ------------------------------------------------------------------------------------------------------------


def make_link(tx: Tx, partner_id: str, person: str, now: datetime, expires_at: datetime) -> str:
    """A new code for that partner; the older ones are worth nothing from now on."""
    tx.run(
        "UPDATE partner_link SET expires_at = :now WHERE partner = :p AND used_at IS NULL AND expires_at > :now",
        p=partner_id, now=to_micros(now),
    )  # fmt: skip
    code = secrets.token_urlsafe(CODE_BYTES)
    tx.run(
        "INSERT INTO partner_link (code_hash, partner, person, created_at, expires_at, used_at) "
        "VALUES (:h, :p, :who, :now, :until, NULL)",
        h=_hash(code), p=partner_id, who=person, now=to_micros(now), until=to_micros(expires_at),
    )  # fmt: skip
    return code


def link_of(tx: Tx, code: str) -> Link | None:
    row = tx.lock("SELECT * FROM partner_link WHERE code_hash = :h", h=_hash(code))
    return Link(row["partner"], row["person"], from_micros(row["expires_at"]), row["used_at"] is not None) if row else None


def newest_open_link(tx: Tx, person: str, now: datetime) -> str | None:
    """The partner whose link that person made last and nobody has used, for where no code comes with a group."""
    found = tx.value(
        "SELECT partner FROM partner_link WHERE person = :who AND used_at IS NULL AND expires_at > :now "
        "ORDER BY created_at DESC LIMIT 1",
        who=person, now=to_micros(now),
    )  # fmt: skip
    return None if found is None else str(found)


def has_open_link(tx: Tx, partner_id: str, now: datetime) -> bool:
    """Whether a link of that partner's can still make a group."""
    found = tx.one(
        "SELECT partner FROM partner_link WHERE partner = :p AND used_at IS NULL AND expires_at > :now LIMIT 1",
        p=partner_id, now=to_micros(now),
    )  # fmt: skip
    return found is not None


def use_links(tx: Tx, partner_id: str, now: datetime) -> None:
    tx.run("UPDATE partner_link SET used_at = :now WHERE partner = :p AND used_at IS NULL", p=partner_id, now=to_micros(now))


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "replace")).hexdigest()


# --- rooms ------------------------------------------------------------------------------------------------------------


def room(tx: Tx, thread: str) -> GroupStanding | None:
    row = tx.one("SELECT * FROM partner_room WHERE thread = :t", t=thread)
    if row is None:
        return None
    return GroupStanding(
        row["thread"], row["state"], bool(row["hears_all"]), bool(row["public"]), row["adder"], row["adder_name"]
    )  # fmt: skip


def keep_room(tx: Tx, one: GroupStanding, now: datetime) -> None:
    tx.run(
        "INSERT INTO partner_room (thread, state, hears_all, public, adder, adder_name, since) VALUES "
        "(:t, :s, :h, :p, :a, :n, :now) ON CONFLICT (thread) DO UPDATE SET state = excluded.state, "
        "hears_all = excluded.hears_all, public = excluded.public, adder = excluded.adder, "
        "adder_name = excluded.adder_name, since = excluded.since",
        t=one.thread, s=one.state, h=int(one.hears_all), p=int(one.public), a=one.adder, n=storable(one.adder_name),
        now=to_micros(now),
    )  # fmt: skip


def groups_inside(tx: Tx) -> int:
    """How many groups the bot is in, whoever's they are."""
    found = tx.value(
        "SELECT COUNT(*) FROM partner_room JOIN thread ON thread.id = partner_room.thread "
        "WHERE partner_room.state IN ('member', 'admin') AND thread.room <> 'private'"
    )
    return int(found)


# --- what partners were told of deals ---------------------------------------------------------------------------------


def announcement(tx: Tx, subject: str, partner_id: str) -> Announcement | None:
    row = tx.one("SELECT * FROM partner_deal WHERE subject = :s AND partner = :p", s=subject, p=partner_id)
    return _announcement(row) if row else None


def announcements_of(tx: Tx, subject: str) -> list[Announcement]:
    return [
        _announcement(row) for row in tx.all("SELECT * FROM partner_deal WHERE subject = :s ORDER BY partner", s=subject)
    ]


def announcements_to(tx: Tx, partner_id: str) -> list[Announcement]:
    """The newest first."""
    rows = tx.all("SELECT * FROM partner_deal WHERE partner = :p ORDER BY changed_at DESC, subject", p=partner_id)
    return [_announcement(row) for row in rows]


def keep_announcement(tx: Tx, one: Announcement, now: datetime) -> None:
    tx.run(
        "INSERT INTO partner_deal (subject, partner, record_id, number, stage, state, shown, wanted, turn, revision, "
        "message, code, changed_at) VALUES (:s, :p, :r, :n, :stage, :state, :shown, :wanted, :turn, :rev, :m, :c, :now) "
        "ON CONFLICT (subject, partner) DO UPDATE SET record_id = excluded.record_id, number = excluded.number, "
        "stage = excluded.stage, state = excluded.state, shown = excluded.shown, wanted = excluded.wanted, "
        "turn = excluded.turn, revision = excluded.revision, message = excluded.message, code = excluded.code, "
        "changed_at = excluded.changed_at",
        s=one.subject, p=one.partner, r=one.record_id, n=one.number, stage=one.stage, state=one.state, shown=one.shown,
        wanted=one.wanted, turn=one.turn, rev=one.revision, m=one.message, c=one.code, now=to_micros(now),
    )  # fmt: skip


# --- people, comments, counts -----------------------------------------------------------------------------------------


def note_person(tx: Tx, account: str, author: str, partner_id: str, name: str) -> None:
    tx.run(
        "INSERT INTO partner_person (account, author, partner, name) VALUES (:a, :w, :p, :n) "
        "ON CONFLICT (account, author, partner) DO UPDATE SET name = excluded.name",
        a=account, w=author, p=partner_id, n=storable(name),
    )  # fmt: skip


def partners_of_person(tx: Tx, account: str, author: str) -> list[str]:
    rows = tx.all(
        "SELECT partner FROM partner_person WHERE account = :a AND author = :w ORDER BY partner", a=account, w=author
    )
    return [row["partner"] for row in rows]


def keep_comment(
    tx: Tx, messages: Sequence[str], key: str, entity: str, record_id: str, text: str, below: Sequence[str] = (),
    comment: str = "",
) -> None:  # fmt: skip
    """`below`: the last lines of its text, which an edit of the message leaves as they are."""
    for message in messages:
        tx.run(
            "INSERT INTO partner_comment (message, key, entity, record_id, comment, text, below) "
            "VALUES (:m, :k, :e, :r, :c, :t, :b) ON CONFLICT (message) DO NOTHING",
            m=message, k=key, e=entity, r=record_id, c=comment, t=storable(text),
            b=json.dumps(list(below), ensure_ascii=False),
        )  # fmt: skip


def comment_of(tx: Tx, message: str) -> Mapping[str, Any] | None:
    """key, entity, record_id, comment (its id in the CRM, empty until it is there) and text."""
    return tx.lock("SELECT * FROM partner_comment WHERE message = :m", m=message)


def comment_by_key(tx: Tx, key: str) -> Mapping[str, Any] | None:
    return tx.one("SELECT * FROM partner_comment WHERE key = :k LIMIT 1", k=key)


def lines_below(kept: Mapping[str, Any]) -> list[str]:
    """What stands in a comment below the message and its versions: notes, reactions."""
    found: list[str] = json.loads(kept["below"])
    return found


def add_line(tx: Tx, kept: Mapping[str, Any], line: str) -> None:
    below = json.dumps([*lines_below(kept), storable(line)], ensure_ascii=False)
    tx.run("UPDATE partner_comment SET below = :b WHERE key = :k", b=below, k=kept["key"])


def comment_text_is(tx: Tx, key: str, text: str) -> None:
    tx.run("UPDATE partner_comment SET text = :t WHERE key = :k", t=storable(text), k=key)


def comment_made(tx: Tx, key: str, comment: str) -> str:
    """The comment stands in the CRM; the text that it is to have by now."""
    # A message that joins it meanwhile holds these rows: only what begins after that sees the row it has added.
    tx.lock("SELECT key FROM partner_comment WHERE key = :k", k=key)
    tx.run("UPDATE partner_comment SET comment = :c WHERE key = :k", c=comment, k=key)
    return str(tx.value("SELECT text FROM partner_comment WHERE key = :k LIMIT 1", k=key) or "")


def keep_sent(tx: Tx, comment: str, part: int, message: str, partner_id: str) -> None:
    tx.run(
        "INSERT INTO partner_sent (comment, part, message, partner) VALUES (:c, :n, :m, :p) ON CONFLICT DO NOTHING",
        c=comment, n=part, m=message, p=partner_id,
    )  # fmt: skip


def sent_from(tx: Tx, comment: str) -> list[Mapping[str, Any]]:
    """part, message and partner of each message that the comment became."""
    return tx.all("SELECT * FROM partner_sent WHERE comment = :c ORDER BY part", c=comment)


def keep_held(
    tx: Tx, comment: str, version: str, partner_id: str, entity: str, record_id: str, author: str, words: str,
    forced: bool, now: datetime,
) -> bool:  # fmt: skip
    """Whether that version of the comment was not known to be held or forced yet."""
    return bool(
        tx.run(
            "INSERT INTO partner_held (comment, version, partner, entity, record_id, author, words, forced, at) VALUES "
            "(:c, :v, :p, :e, :r, :a, :w, :f, :now) ON CONFLICT DO NOTHING",
            c=comment, v=version, p=partner_id, e=entity, r=record_id, a=storable(author), w=storable(words), f=int(forced),
            now=to_micros(now),
        )
    )  # fmt: skip


def held(tx: Tx, most: int) -> list[Mapping[str, Any]]:
    return tx.all("SELECT * FROM partner_held ORDER BY at DESC LIMIT :most", most=most)


def counted(tx: Tx, kind: str, key: str, period: str) -> int:
    """The how-manieth time it is in that period, this one counted."""
    return int(
        tx.value(
            "INSERT INTO partner_count (kind, key, period, n) VALUES (:k, :key, :p, 1) ON CONFLICT (kind, key, period) "
            "DO UPDATE SET n = partner_count.n + 1 RETURNING n",
            k=kind, key=storable(key)[:200], p=period,
        )
    )  # fmt: skip


def forget_counts(tx: Tx, before: str) -> None:
    tx.run("DELETE FROM partner_count WHERE period < :p", p=before)


def secret(tx: Tx) -> bytes:
    """What codes and buttons are signed with: made at the first use."""
    found = tx.value("SELECT value FROM partner_secret WHERE name = 'sign'")
    if found is None:
        tx.run("INSERT INTO partner_secret VALUES ('sign', :v) ON CONFLICT DO NOTHING", v=secrets.token_hex(32))
        found = tx.value("SELECT value FROM partner_secret WHERE name = 'sign'")
    return bytes.fromhex(found)


def view_of(tx: Tx, person: str) -> str:
    return str(tx.value("SELECT mode FROM partner_view WHERE person = :p", p=person) or "")


def keep_view(tx: Tx, person: str, mode: str) -> None:
    tx.run(
        "INSERT INTO partner_view (person, mode) VALUES (:p, :m) ON CONFLICT (person) DO UPDATE SET mode = excluded.mode",
        p=person, m=mode,
    )  # fmt: skip


# --- who works on a deal, forms of «+ Партнер» ------------------------------------------------------------------------


def keep_deal_people(tx: Tx, record: str, people: Mapping[str, Sequence[str]]) -> None:
    """By role ("manager", "executor"): who works on the deal now. Whoever does no more sees nothing of it from now on."""
    wanted = {(person, role) for role, ids in people.items() for person in ids}
    rows = tx.all("SELECT person, role FROM partner_deal_person WHERE record = :r", r=record)
    known = {(row["person"], row["role"]) for row in rows}
    for person, role in sorted(known - wanted):
        tx.run(
            "DELETE FROM partner_deal_person WHERE record = :r AND person = :p AND role = :role",
            r=record, p=person, role=role,
        )  # fmt: skip
    for person, role in sorted(wanted - known):
        tx.run("INSERT INTO partner_deal_person (record, person, role) VALUES (:r, :p, :role) ON CONFLICT DO NOTHING",
               r=record, p=person, role=role)  # fmt: skip
    # What Annex writes of a deal by itself holds the partner's rate and sums: the deal's manager may see these, who only
    # carries it out may not.
    viewers.let_see(tx, record, {person: (person, "manager") in wanted for person, _ in wanted})


def deals_of_person(tx: Tx, person: str, role: str = "") -> frozenset[str]:
    """The records ("deal:5512") of the deals they manage or carry out."""
    rows = tx.all(
        "SELECT DISTINCT record FROM partner_deal_person WHERE person = :p AND (:any = 1 OR role = :role)",
        p=person, any=int(not role), role=role,
    )  # fmt: skip
    return frozenset(row["record"] for row in rows)


def led_by(tx: Tx, person: str) -> frozenset[str]:
    """The partners whom that person leads."""
    rows = tx.all("SELECT id FROM partner WHERE responsible = :p", p=person) if person else []
    return frozenset(row["id"] for row in rows)


def partners_of_deals(tx: Tx, person: str) -> frozenset[str]:
    """The partners who were told of a deal which that person manages or carries out."""
    rows = tx.all(
        "SELECT DISTINCT told.partner AS id FROM partner_deal AS told JOIN partner_deal_person AS worker "
        "ON worker.record = 'deal:' || told.record_id WHERE worker.person = :p",
        p=person,
    )  # fmt: skip
    return frozenset(row["id"] for row in rows)


def records_numbered(tx: Tx, number: str) -> list[str]:
    """The records of the deals of that number of which partners were told."""
    rows = tx.all("SELECT DISTINCT record_id FROM partner_deal WHERE number = :n ORDER BY record_id", n=number)
    return [f"deal:{row['record_id']}" for row in rows]


def numbers_of(tx: Tx, record_ids: Sequence[str]) -> dict[str, str]:
    """By record id: the number that staff know the deal by."""
    values = {f"r{n}": one for n, one in enumerate(dict.fromkeys(record_ids))}
    marks = ", ".join(f":{name}" for name in values) or "NULL"
    rows = tx.all(f"SELECT DISTINCT record_id, number FROM partner_deal WHERE record_id IN ({marks})", **values)
    return {row["record_id"]: row["number"] for row in rows}


def people_of(tx: Tx, partner_ids: Sequence[str], most: int = 200) -> list[tuple[str, str]]:
    """Who was seen in the chats of these partners: id and name."""
    values = {f"p{n}": one for n, one in enumerate(partner_ids)}
    marks = ", ".join(f":{name}" for name in values) or "NULL"
    rows = tx.all(
        f"SELECT author, MAX(name) AS name FROM partner_person WHERE partner IN ({marks}) GROUP BY author "
        "ORDER BY MAX(name), author LIMIT :most",
        most=most, **values,
    )  # fmt: skip
    return [(row["author"], row["name"]) for row in rows]


def _partner(row: Mapping[str, Any]) -> Partner:
    return Partner(
        row["id"], row["name"], row["phone"], row["email"], row["telegram"], row["language"], bool(row["automatic"]),
        bool(row["ticked"]), row["responsible"], row["thread"], row["state"], from_micros(row["state_since"]), row["reason"],
        json.loads(row["shown"]),
    )  # fmt: skip


def _announcement(row: Mapping[str, Any]) -> Announcement:
    names = ("subject", "partner", "record_id", "number", "stage", "state", "shown", "wanted", "turn", "revision", "message")
    return Announcement(**{name: row[name] for name in names}, code=row["code"])
