"""One portal as plugins see it: its CRM, mapping, settings and books; and the unit of work in which they act."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from kernel.clock import Clock, Ids
from kernel.conversations import Outgoing, OutgoingFile, sending, timeline
from kernel.conversations.timeline import Heard, Thread
from kernel.crm import CRM, ListChange, Person, Start, TextStatus, Value, Values
from kernel.crm.codec import pack_change, pack_values
from kernel.crm.gone import gone_since
from kernel.errors import Misconfigured
from kernel.extension.connector import Connection, Connector, Verb
from kernel.extension.crm_verbs import (
    ADD_ACTIVITY,
    CRM_VERBS,
    EDIT_COMMENT,
    END_PROCESS,
    HAND_OVER_PROCESS,
    LIST_CODES,
    MOVE_ACTIVITIES,
    PUT_NOTICE,
    REMOVE_NOTICE,
    REPORT_TEXT,
    RESTORE,
    START_PROCESS,
    WRITE_COMMENT,
    WRITE_LISTS,
)
from kernel.extension.hooks import Hooks
from kernel.extension.staff import STAFF_SECONDS_MAX, StaffList
from kernel.files import FileStore
from kernel.jobs import Queue, inbox, outgoing, timers
from kernel.ledger import Books
from kernel.mapping import MappingSet
from kernel.storage import Database, Tx
from kernel.telemetry import current_trace, log
from kernel.values import Currencies, to_micros, zone_named

S = TypeVar("S", bound=BaseModel)
RESYNC_SECONDS = 3600


@dataclass
class Portal:
    """What app puts together for one portal and hands to every plugin."""

    name: str  #: unique among portals: "planfix/main"
    mapping: MappingSet
    crm: CRM
    database: Database
    books: Books
    clock: Clock
    ids: Ids
    queue: Queue
    plugin_settings: Mapping[str, BaseModel] = field(default_factory=dict)
    currencies: Currencies = field(default_factory=Currencies)
    public_url: str = ""
    links: Any = None  #: one-time sign-in links (kernel.web.links), where pages are served
    changed: Callable[[], None] = lambda: None  #: told after each unit of work that booked something
    hooks: Hooks = field(default_factory=dict)  #: what plugins answer to each other's hooks
    connections: Mapping[str, Connection] = field(default_factory=dict)  #: by the customer's names, the CRM's among them
    memory: dict[str, Any] = field(default_factory=dict)
    """By plugin: what it keeps in this process to save a question; may be gone at any time."""
    staff: StaffList = field(init=False)

    def __post_init__(self) -> None:
        self.staff = StaffList(lambda: self.crm.people.all() if self.crm.people else [], self.clock)
        if not any(one.full_name == self.name for one in self.connections.values()):
            connector, _, name = self.name.partition("/")
            mine = Connector(connector, connector, crm=lambda _connection: self.crm, verbs=CRM_VERBS)
            self.connections = {**self.connections, name: self._own(mine, name)}

    def _own(self, connector: Connector, name: str) -> Connection:
        """A connection to a CRM that was handed over ready: it needs no way out."""

        def no_way_out(*_args: Any, **_more: Any) -> Any:
            raise Misconfigured(f"«{name}» has no HTTP client")

        nothing: Any = None
        files = FileStore(self.database, self.clock)
        return Connection(
            {}, self.mapping, no_way_out, self.clock, nothing, name=name, connector=connector, files=files
        )  # fmt: skip

    def connection(self, name: str) -> Connection:
        """By the customer's name. Raises Misconfigured."""
        if name not in self.connections:
            raise Misconfigured(f"there is no connection «{name}»; known: {', '.join(self.connections)}")
        return self.connections[name]

    def connected(self, full_name: str) -> Connection:
        """By the name that stands in our tables. Raises Misconfigured where the set has it no more."""
        found = next((one for one in self.connections.values() if one.full_name == full_name), None)
        if found is None:
            raise Misconfigured(f"this set has no connection «{full_name}» (any more): see [connection.…] in portal.toml")
        return found

    def verb(self, call: outgoing.Call) -> tuple[Connection, Verb]:
        """What carries the call out. Raises Misconfigured."""
        connection = self.connected(call.connection)
        if call.verb not in connection.connector.verbs:
            raise Misconfigured(f"connection «{connection.name}» ({connection.connector.title}) cannot «{call.verb}»")
        return connection, connection.connector.verbs[call.verb]

    @property
    def zone(self) -> ZoneInfo:
        return zone_named(self.mapping.portal.time_zone)

    def settings(self, plugin: str, kind: type[S]) -> S:
        found = self.plugin_settings[plugin]
        assert isinstance(found, kind)
        return found

    def people(self, *, seconds: float = STAFF_SECONDS_MAX) -> list[Person]:
        """Staff as the CRM knows them, at most five minutes old; nobody where the CRM names no staff."""
        return self.staff.people(within=seconds)

    def name_of(self, person: str) -> str:
        """A person's name, where all that is known is the CRM's id of them."""
        if not person.isdecimal():
            return person
        return next((one.name for one in self.people() if one.id == person), person)

    @contextmanager
    def unit(self, *, author: str = "", trace: str = "") -> Iterator[Unit]:
        """A unit of work: everything in it takes effect together, or nothing does."""
        with self.database.write() as tx:
            unit = Unit(self, tx, author=author, trace=trace or current_trace() or self.ids.new())
            yield unit
            unit.flush()

    @contextmanager
    def read(self) -> Iterator[Unit]:
        """A consistent reading of the data, changing nothing."""
        with self.database.read() as tx:
            yield Unit(self, tx, author="", trace=current_trace())


@dataclass(frozen=True)
class Write:
    """What a unit of work sets in a record, or in one of its rows."""

    values: Values
    stage: str | None = None
    table: str = ""
    row_key: str = ""


@dataclass
class Unit:
    """One unit of work in one portal. To records that the CRM no longer has nothing is written."""

    portal: Portal
    tx: Tx
    author: str
    trace: str
    connection: str = ""  #: whose message is being handled, where that is why
    heard: Heard | None = None  #: and what became of it in the timeline
    prepared: Any = None  #: what the plugin's own `before_message` found out
    filling: set[tuple[str, str, str]] = field(default_factory=set)
    """(entity, record id, field) that a plugin is filling in right now, so that others need not complain of the gap."""
    _updates: dict[tuple[str, str], tuple[dict[str, Value], str | None, bool]] = field(default_factory=dict)
    _writes: dict[tuple[str, str], list[Write]] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return self.portal.clock.now()

    def writes_to(self, entity: str, record_id: str) -> list[Write]:
        """What this unit of work has set in that record so far, in order."""
        return self._writes.get((entity, record_id), [])

    def update(self, entity: str, record_id: str, values: Values, *, stage: str | None = None, resync: bool = False) -> None:
        """Set fields (and the stage) of a record in the CRM. All updates of one record leave as one call at the end.

        `resync`: what is set are inputs that others read, and the CRM does not tell us of our own changes: look again after.
        """
        self._writes.setdefault((entity, record_id), []).append(Write(values, stage))
        known, known_stage, known_resync = self._updates.get((entity, record_id), ({}, None, False))
        self._updates[entity, record_id] = ({**known, **values}, stage or known_stage, resync or known_resync)

    def flush(self) -> None:
        """Write the collected updates down as calls."""
        for (entity, record_id), (values, stage, resync) in self._updates.items():
            payload: dict[str, Any] = {"values": pack_values(values), "stage": stage}
            if resync and not self._is_redundant(entity, record_id, {**payload, outgoing.RESYNC: True}):
                payload[outgoing.RESYNC] = True
            self._call("update", entity, record_id, payload)
        self._updates.clear()

    def _is_redundant(self, entity: str, record_id: str, payload: Mapping[str, Any]) -> bool:
        """A CRM that swallows a write must not make us look, write and look again for ever."""
        full = {"entity": entity, "id": record_id, **payload}
        since = to_micros(self.now) - RESYNC_SECONDS * 1_000_000
        return outgoing.already_sent(self.tx, self.portal.name, f"{entity}:{record_id}", full, since)

    def comment(self, entity: str, record_id: str, text: str, *, to: tuple[str, ...] = (), key: str) -> None:
        """Write a comment, once per `key`."""
        self._call("comment", entity, record_id, {"text": text, "to": list(to)}, key=key)

    def write_comment(
        self,
        entity: str,
        record_id: str,
        text: str,
        *,
        key: str,
        author: str = "",
        to: Sequence[str] = (),
        files: Sequence[OutgoingFile] = (),
        hidden: bool = False,
        at: datetime | None = None,
        done: str = "",
        context: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a comment as `Comments.write` does, once per `key`; then the plugin's `done` handler of that name gets the
        payload with `context`, and the comment's id. The files are those of `kernel.files`."""
        body: dict[str, Any] = {
            "text": text, "author": author, "to": list(to), "files": _listed(files), "hidden": hidden,
            "at": at.isoformat() if at else "",
        }  # fmt: skip
        self._call(WRITE_COMMENT, entity, record_id, {**body, **_afterwards(done, key, context)}, key=key)

    def edit_comment(
        self,
        entity: str,
        record_id: str,
        comment_id: str,
        text: str,
        *,
        key: str,
        files: Sequence[OutgoingFile] | None = None,
        done: str = "",
        context: Mapping[str, Any] | None = None,
    ) -> None:
        """Give a comment another text, and all of `files` in the place of those it has (None: they stay), once per `key`;
        then the plugin's `done` (or `undone`) handler of that name hears of it as with `write_comment`."""
        body: dict[str, Any] = {"comment": comment_id, "text": text}
        if files is not None:
            body["files"] = _listed(files)
        self._call(EDIT_COMMENT, entity, record_id, {**body, **_afterwards(done, key, context)}, key=key)

    def notify(self, tag: str, to: Sequence[str], text: str, *, key: str) -> None:
        """Tell these people, once per `key`, in place of what was told under that tag; only where the CRM has `notices`."""
        self._enqueue(PUT_NOTICE, {"tag": tag, "to": list(to), "text": text}, lane=f"notice:{tag}", key=key)

    def withdraw_notice(self, tag: str, *, key: str) -> None:
        self._enqueue(REMOVE_NOTICE, {"tag": tag}, lane=f"notice:{tag}", key=key)

    def report_text(self, provider: str, message: str, status: TextStatus, *, key: str) -> None:
        """Tell the CRM how a text stands that its people gave us, once per `key`, in order; only where it has `texts`."""
        body = {"provider": provider, "message": message, "status": status}
        self._enqueue(REPORT_TEXT, body, lane=f"text:{message}", key=key)

    def start_process(
        self, entity: str, record_id: str, template: str, *, key: str, done: str, context: Mapping[str, Any]
    ) -> None:
        """Start that process for the record, unless it runs, once per `key`; then the plugin's `done` handler gets context
        and where to answer what it asks. Processes of a record keep their own order: they may not hold up its writes."""
        body = {"template": template, **_afterwards(done, key, context)}
        self._process(START_PROCESS, entity, record_id, body, key)

    def hand_over_process(
        self, entity: str, record_id: str, template: str, to: str, *, key: str, done: str, context: Mapping[str, Any]
    ) -> None:
        """Have that person answer what the process asks, as `start_process` does."""
        body = {"template": template, "to": to, **_afterwards(done, key, context)}
        self._process(HAND_OVER_PROCESS, entity, record_id, body, key)

    def end_process(self, entity: str, record_id: str, template: str, *, key: str, but: str = "") -> None:
        """End those of that template that run for the record, `but` for one."""
        self._process(END_PROCESS, entity, record_id, {"template": template, "but": but}, key)

    def _process(self, verb: str, entity: str, record_id: str, body: Mapping[str, Any], key: str) -> None:
        lane = f"process:{entity}:{record_id}:{body['template']}"
        self._enqueue(verb, {"entity": entity, "id": record_id, **body}, lane=lane, key=key)

    def put_row(self, entity: str, record_id: str, table: str, values: Values, *, row: str) -> None:
        """Make the child row of ours named `row` hold these values: added the first time, changed afterwards."""
        self._call("put_row", entity, record_id, {"table": table, "values": pack_values(values)}, target=row)

    def put_row_if_changed(self, entity: str, record_id: str, table: str, values: Values, *, row: str) -> None:
        """The same, unless the newest call about that row already says exactly this."""
        if outgoing.newest_values(self.tx, self.portal.name, row) != pack_values(values):
            self.put_row(entity, record_id, table, values, row=row)

    def change_row(self, entity: str, record_id: str, table: str, row_key: str, values: Values) -> None:
        """Set fields of a child row that the CRM knows under `row_key`."""
        self._writes.setdefault((entity, record_id), []).append(Write(values, None, table, row_key))
        self._call("update_row", entity, record_id, {"table": table, "row_key": row_key, "values": pack_values(values)})

    def create(
        self, entity: str, values: Values, *, key: str, done: str, context: Mapping[str, Any], stage: str | None = None,
        find_first: bool = False,
    ) -> None:  # fmt: skip
        """Make a record, once per `key`, at that stage or where its kind begins; then the plugin's `done` handler of that
        name gets context and new id. `find_first`: the CRM is asked for the key before, since it may have the record
        although this database knows of no try: a copy was restored."""
        body: dict[str, Any] = {
            "entity": entity, "values": pack_values(values), "done": done, "key": key, "context": dict(context),
        }  # fmt: skip
        if stage is not None:
            body["stage"] = stage
        if find_first:
            body["find_first"] = True
        self._enqueue("create", body, lane=f"{entity}:new:{key}", key=key)

    def move_activities(
        self, entity: str, record_id: str, to: str, *, key: str, done: str, context: Mapping[str, Any]
    ) -> None:
        """Bind what is planned for a record to another of its kind, once per `key`; only where the CRM has `activities`.
        Then the plugin's `done` handler of that name gets the payload and, as JSON, subject and reason of each that
        stayed."""
        self._call(MOVE_ACTIVITIES, entity, record_id, {"to": to, **_afterwards(done, key, context)}, key=key)

    def add_activity(
        self, entity: str, record_id: str, subject: str, text: str, *, responsible: str, due_at: datetime, key: str
    ) -> None:
        """Plan something for a record, once per `key`; only where the CRM has `activities`."""
        body = {"subject": subject, "text": text, "responsible": responsible, "due": due_at.isoformat()}
        self._call(ADD_ACTIVITY, entity, record_id, body, key=key)

    def write_lists(
        self, changes: Sequence[ListChange], *, lane: str, done: str = "", context: Mapping[str, Any] | None = None
    ) -> None:
        """Change elements of lists, as `Lists.write` does; then the plugin's `done` handler of that name gets the payload
        and what came of them (`kernel.extension.lists.outcome`)."""
        body = {"changes": [pack_change(one) for one in changes]}
        self._enqueue(WRITE_LISTS, {**body, **_afterwards(done, "", context)}, lane=lane, key="")

    def list_codes(self, starts: Sequence[Start], *, lane: str, done: str, context: Mapping[str, Any] | None = None) -> None:
        """Ask which elements lists hold; the plugin's `done` handler of that name gets the payload and, as JSON, the codes
        for each of `starts`."""
        body = {"starts": [[one.list, one.code] for one in starts]}
        self._enqueue(LIST_CODES, {**body, **_afterwards(done, "", context)}, lane=lane, key="")

    def restore(self, entity: str, record_id: str, *, key: str) -> None:
        """Bring a deleted record back, once per `key`, and read it again; only where the CRM has a `bin`."""
        self._call(RESTORE, entity, record_id, {outgoing.RESYNC: True}, key=key)

    def send(
        self, connection: str, message: Outgoing, *, key: str, done: str = "", context: Mapping[str, Any] | None = None
    ) -> None:
        """Send a message by that connection's channel, once per `key`; messages to one address go in order."""
        payload = message.payload()
        lane = f"{message.account}:{message.address}"
        self.call(connection, "send", payload, lane=lane, key=key, done=done, context=context)

    def write_to(
        self,
        thread: Thread,
        message: Outgoing,
        *,
        key: str,
        record: str = "",
        author: str = "",
        author_name: str = "",
        answers: str = "",
        done: str = "",
        context: Mapping[str, Any] | None = None,
    ) -> str | None:
        """Send a message into a thread, once per `key`, and keep it in the timeline; its id there, None if it is written
        already. `answers`: the message of the timeline that it answers. `record`: what it is about, "deal:5512"."""
        new = self.portal.ids.new()
        body = {**message.payload(), sending.THREAD: thread.id, sending.MESSAGE: new}
        if answers:
            body[sending.ANSWERS] = answers
        call = self._send(thread, body, key, done, context)
        if call is None:
            return None
        return sending.written(
            self.tx, thread, message, call=call, record=record, author=author, author_name=author_name,
            clock=self.portal.clock, ids=self.portal.ids, message_id=new,
        )  # fmt: skip

    def rewrite(
        self,
        thread: Thread,
        message_id: str,
        message: Outgoing,
        *,
        key: str,
        done: str = "",
        context: Mapping[str, Any] | None = None,
    ) -> bool:
        """Have a message of ours in that thread say something else, once per `key`; whether that is new."""
        body = {**message.payload(), sending.THREAD: thread.id, sending.MESSAGE: message_id, sending.CHANGES: message_id}
        call = self._send(thread, body, key, done, context)
        if call is None:
            return False
        sending.changed(self.tx, message_id, message.text, call=call, clock=self.portal.clock)
        return True

    def _send(
        self, thread: Thread, body: dict[str, Any], key: str, done: str, context: Mapping[str, Any] | None
    ) -> str | None:
        if done:
            body |= {"done": done, "key": key, "context": dict(context or {})}
        return self._enqueue("send", body, lane=f"thread:{thread.id}", key=key, connection=thread.connection)

    def reopen(self, thread: Thread) -> bool:
        """The thread can be written to again: what waited leaves in its order. Whether it was closed."""
        if not timeline.reopen(self.tx, thread.id):
            return False
        lane = f"out:{thread.connection}:thread:{thread.id}"
        if (call := outgoing.first_in(self.tx, thread.connection, lane)) is not None:
            outgoing.revive(self.tx, call, queue=self.portal.queue, mark=f"open{to_micros(self.now)}")
        return True

    def set_timer(self, plugin: str, key: str, due_at: datetime, body: Mapping[str, Any], *, keep: bool = False) -> None:
        """Have the plugin's `on_timer` run then; one that is set already is moved, or with `keep` stays."""
        timers.set_timer(self.tx, plugin, key, due_at, body, keep=keep)

    def timers(self, plugin: str, start: str) -> list[timers.Timer]:
        """The plugin's timers whose keys begin so."""
        return timers.beginning_with(self.tx, plugin, start)

    def cancel_timer(self, plugin: str, key: str) -> None:
        timers.cancel(self.tx, plugin, key)

    def call(
        self,
        connection: str,
        verb: str,
        payload: Mapping[str, Any],
        *,
        lane: str,
        key: str = "",
        done: str = "",
        context: Mapping[str, Any] | None = None,
    ) -> None:
        """Have that connection (by the customer's name) do something, once per `key` if there is one; calls of one lane go
        in order. Then the plugin's `done` handler of that name gets payload (with `context`) and result."""
        body = {**payload, **_afterwards(done, key, context)}
        to = self.portal.connection(connection)
        self._enqueue(verb, body, lane=lane, key=key, connection=to.full_name)

    def resync(self, entity: str, record_id: str, *, author: str = "") -> None:
        """Have the record read and handled once more; `author`: who changed it, where that is known."""
        portal = self.portal
        inbox.ask(
            self.tx, portal.name, entity, record_id, trace=self.trace,
            clock=portal.clock, ids=portal.ids, queue=portal.queue, author=author,
        )  # fmt: skip

    def _call(
        self, verb: str, entity: str, record_id: str, payload: dict[str, Any], *, key: str = "", target: str = ""
    ) -> None:
        if verb != RESTORE and gone_since(self.tx, self.portal.name, entity, record_id) is not None:
            log.info("call.not_written", verb=verb, entity=entity, record=record_id)
            return
        full = {"entity": entity, "id": record_id, **payload}
        self._enqueue(verb, full, lane=f"{entity}:{record_id}", key=key, target=target)

    def _enqueue(
        self, verb: str, payload: Mapping[str, Any], *, lane: str, key: str, target: str = "", connection: str = ""
    ) -> str | None:
        portal = self.portal
        return outgoing.enqueue(
            self.tx, connection or portal.name, verb, payload, lane=lane, key=key, target=target, trace=self.trace,
            clock=portal.clock, ids=portal.ids, queue=portal.queue,
        )  # fmt: skip


def _listed(files: Sequence[OutgoingFile]) -> list[dict[str, str]]:
    return [{"content": one.content, "name": one.name, "media_type": one.media_type} for one in files]


def _afterwards(done: str, key: str, context: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a call carries for the plugin that wants to hear of its end."""
    return {"done": done, "key": key, "context": dict(context or {})} if done else {}
