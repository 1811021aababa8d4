"""One-time links and the sessions they open: what is kept of them, and who a session belongs to.

A link is used up by the POST of its small page, not by the GET: previews and scanners that only fetch addresses leave it
alone, while a person's browser sends the form at once by itself (or by one click where scripts are off).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from kernel.clock import Clock, Ids
from kernel.crm import Person
from kernel.errors import BadInput, Closed, Misconfigured
from kernel.extension.roles import ALL
from kernel.mapping.schema import OPERATOR
from kernel.settings import Settings
from kernel.storage import Database, Row, Tx
from kernel.telemetry import log, tell_secret
from kernel.values import to_micros
from kernel.web.rights import ANY_ROLE, SIGNED_IN

SESSION_SECONDS = 12 * 3600
IDLE_SECONDS = 2 * 3600
USE_NOTED_SECONDS = 60  #: not every request writes
LINK_SECONDS = 900
FIELD_LINK_SECONDS = 120  #: one that stands in a field, where others can see it
CODES = 1_000_000
USED_LINKS_KEPT_SECONDS = 86_400
NOBODY = "nobody"  #: the link of somebody whom the CRM did not name
_LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*\Z")


def is_local_path(text: str) -> bool:
    """A path of ours, and no way round to another host."""
    return bool(_LOCAL_PATH.match(text))


@dataclass(frozen=True)
class Session:
    """Who signed in. What they may do does not stand here: it is looked up at each request."""

    name: str
    person_id: str  #: the CRM's id of them; empty for an operator, and in sessions of 0.1.0 that knew only a name
    operator: bool  #: whoever runs Annex and has the machine in hand: `annex link --operator`
    csrf: str
    hash: str  #: under which the session is kept


@dataclass(frozen=True)
class User:
    """Who sent the request in hand, with the roles they have at this moment.

    `open` says that they came in only because ANNEX_OPEN_PAGES lets this machine in.
    """

    name: str
    csrf: str
    roles: frozenset[str] = frozenset()
    rights: frozenset[str] = frozenset()
    open: bool = False
    operator: bool = False
    person_id: str = ""  #: the CRM's id
    session: str = ""  #: the hash under which the session is kept

    def may(self, right: str) -> bool:
        """Whether one of their roles brings this right."""
        if right == ANY_ROLE:
            return self.operator or bool(self.roles)
        return right == SIGNED_IN or right in self.rights or ALL in self.rights


def hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def secret_of(settings: Settings) -> bytes:
    """ANNEX_SECRET, or one made once and kept in ANNEX_HOME/secret.key, readable by us alone."""
    if settings["ANNEX_SECRET"]:
        return settings["ANNEX_SECRET"].encode()
    path = settings.home / "secret.key"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{secrets.token_hex(4)}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_hex(32), encoding="ascii")
        try:
            path.hardlink_to(fresh)  # of two processes starting at once, one makes it
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    text = path.read_text(encoding="ascii").strip()
    tell_secret(text)
    return text.encode()


def idle_seconds(settings: Settings) -> int:
    """ANNEX_IDLE_MINUTES in seconds; 0 means no limit. Raises Misconfigured."""
    text = settings["ANNEX_IDLE_MINUTES"].strip()
    if not text.isascii() or not text.isdecimal():
        raise Misconfigured(f"ANNEX_IDLE_MINUTES: «{text}» is not a number of minutes")
    return int(text) * 60


class Links:
    """One-time addresses, and the sessions they open."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        secret: bytes,
        public_url: str,
        *,
        idle_seconds: int = IDLE_SECONDS,
    ) -> None:
        self._database, self._clock, self._ids, self._secret = database, clock, ids, secret
        self._public_url, self._idle_seconds = public_url.rstrip("/"), idle_seconds

    @property
    def https(self) -> bool:
        return self._public_url.startswith("https://")

    def for_person(self, who: str, to: str, seconds: int = LINK_SECONDS, *, tx: Tx | None = None) -> str:
        """A one-time address that signs a person of the CRM in, by id or name, and opens the local path `to`.

        Nobody is asked here: who it is turns out when the link is used. Without a name it leads to a page that says so.
        """
        return self._make(who.strip(), "", to, seconds, tx) if who.strip() else f"{self._public_url}/enter/{NOBODY}"

    def keep(self, tx: Tx, token: str, person_id: str, to: str, seconds: int) -> str:
        """The same with a token that is known already, in the caller's unit of work."""
        self._keep(tx, token, person_id, "", to, seconds)
        return self.address(token)

    def address(self, token: str) -> str:
        return f"{self._public_url}/enter/{token}"

    def private_token(self, number: str) -> str:
        """The token of the link of that number: whoever writes it into the CRM later derives it once more, so that it
        stands nowhere in between."""
        digest = hmac.new(self._secret, f"private link:{number}".encode(), "sha256").digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def code(self, ask: str) -> str:
        """The six digits for that question for a code; derived, like the token of a private link."""
        digest = hmac.new(self._secret, f"code:{ask}".encode(), "sha256").digest()
        return f"{int.from_bytes(digest, 'big') % CODES:06d}"

    def keyed(self, text: str) -> str:
        """A hash that nobody can make who does not have our key."""
        return hmac.new(self._secret, f"keyed:{text}".encode(), "sha256").hexdigest()

    def revoke(self, token: str) -> None:
        """It is good for nobody any more."""
        with self._database.write() as tx:
            tx.run(
                "UPDATE web_link SET used_at = :now WHERE hash = :h AND used_at IS NULL", now=self._now(), h=hashed(token)
            )

    def for_operator(self, name: str, to: str, seconds: int = LINK_SECONDS) -> str:
        """The same for whoever runs Annex: every right, whatever the CRM says. Only for the command line."""
        return self._make(name, OPERATOR, to, seconds, None)

    def _make(self, who: str, role: str, to: str, seconds: int, tx: Tx | None) -> str:
        if not _LOCAL_PATH.match(to):
            raise BadInput("a sign-in link may only lead to a path of ours", field="to")
        token = secrets.token_urlsafe(32)
        if tx is None:
            with self._database.write() as own:
                self._keep(own, token, who, role, to, seconds)
        else:
            self._keep(tx, token, who, role, to, seconds)
        return self.address(token)

    def _keep(self, tx: Tx, token: str, who: str, role: str, to: str, seconds: int) -> None:
        tx.run("DELETE FROM web_link WHERE expires_at < :t", t=self._now(-USED_LINKS_KEPT_SECONDS))
        tx.run(
            "INSERT INTO web_link (hash, person, role, target, expires_at) VALUES (:h, :p, :r, :to, :e)",
            h=hashed(token), p=who, r=role, to=to, e=self._now(seconds),
        )  # fmt: skip

    def _now(self, plus_seconds: float = 0) -> int:
        return to_micros(self._clock.now() + timedelta(seconds=plus_seconds))

    def peek(self, token: str) -> Row | None:
        """The link, if it could still be used."""
        with self._database.read() as tx:
            return tx.one(
                "SELECT * FROM web_link WHERE hash = :h AND used_at IS NULL AND expires_at > :now",
                h=hashed(token), now=self._now(),
            )  # fmt: skip

    def enter(self, token: str, person: Person | None) -> tuple[str, str] | None:
        """Use the link up: the new session's cookie value and where to go; None if it is used or expired.

        `person`: whom the link means; None for an operator's link.
        """
        cookie, now = secrets.token_urlsafe(32), self._now()
        with self._database.write() as tx:
            used = tx.run(
                "UPDATE web_link SET used_at = :now WHERE hash = :h AND used_at IS NULL AND expires_at > :now",
                h=hashed(token), now=now,
            )  # fmt: skip
            if not used:
                return None
            link = tx.one("SELECT person, role, target FROM web_link WHERE hash = :h", h=hashed(token))
            assert link is not None
            if person:
                self._open(tx, cookie, person.name, "", person.id)
            else:
                self._open(tx, cookie, link["person"], link["role"], "")
        return cookie, link["target"]

    def open_session(self, person: Person) -> str:
        """A session for somebody whom the CRM itself has proved; returns the cookie's value."""
        cookie = secrets.token_urlsafe(32)
        with self._database.write() as tx:
            self._open(tx, cookie, person.name, "", person.id)
        return cookie

    def _open(self, tx: Tx, cookie: str, person: str, role: str, person_id: str) -> None:
        tx.run("DELETE FROM web_session WHERE expires_at < :now OR used_at <= :idle", now=self._now(), idle=self._idle())
        tx.run(
            "INSERT INTO web_session (hash, person, role, created_at, expires_at, person_id, used_at) "
            "VALUES (:h, :p, :r, :now, :e, :i, :now)",
            h=hashed(cookie), p=person, r=role, now=self._now(), e=self._now(SESSION_SECONDS), i=person_id,
        )  # fmt: skip

    def _idle(self) -> int:
        """A session that was last used then or earlier has ended."""
        return self._now(-self._idle_seconds) if self._idle_seconds else -1

    def session(self, cookie: str, *, note: bool = True) -> Session | None:
        """Whose session it is, if it is one; asking counts as use, unless `note` says no."""
        if not cookie:
            return None
        with self._database.read() as tx:
            row = tx.one(
                "SELECT person, role, person_id, used_at FROM web_session "
                "WHERE hash = :h AND expires_at > :now AND used_at > :idle",
                h=hashed(cookie), now=self._now(), idle=self._idle(),
            )  # fmt: skip
        if row is None:
            return None
        if note and row["used_at"] < self._now(-USE_NOTED_SECONDS):
            self._note_use(hashed(cookie))
        return session_of(row, self.csrf(cookie), hashed(cookie))

    def _note_use(self, session: str) -> None:
        try:
            with self._database.write() as tx:
                tx.run("UPDATE web_session SET used_at = :now WHERE hash = :h", now=self._now(), h=session)
        except (Closed, sa.exc.DBAPIError) as exc:  # a page is shown all the same where nothing can be written
            log.warning("session.use_unnoted", reason=type(exc).__name__)

    def open_sessions(self, tx: Tx) -> list[Row]:
        """All that have not ended, by name; the longest first."""
        return tx.all(
            "SELECT hash, person, person_id, role, created_at, used_at, expires_at FROM web_session "
            "WHERE expires_at > :now AND used_at > :idle ORDER BY person, person_id, created_at, hash",
            now=self._now(), idle=self._idle(),
        )  # fmt: skip

    def leave(self, cookie: str) -> None:
        with self._database.write() as tx:
            tx.run("DELETE FROM web_session WHERE hash = :h", h=hashed(cookie))

    def csrf(self, session: str) -> str:
        """A token that only a page of this very session can know."""
        return hmac.new(self._secret, f"csrf:{session}".encode(), "sha256").hexdigest()


def session_of(row: Row, csrf: str = "", session: str = "") -> Session:
    """From a row of web_session, whose `role` is empty for everybody but an operator."""
    operator = row["role"] == OPERATOR and not row["person_id"]
    return Session(row["person"], row["person_id"], operator, csrf, session)
