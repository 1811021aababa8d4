"""Handing a message that came in to the plugins whose settings name its connection.

Messages of one writer are handled in order. One that has to wait gives its job back and gets another one later (a timer), so
that an outside system that is away holds no place of a worker; those behind it end at once, and it wakes the next of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from kernel.conversations import FileRef, store, timeline
from kernel.conversations.model import ASIDE
from kernel.conversations.store import StoredMessage
from kernel.conversations.timeline import KeptFile
from kernel.errors import AnnexError, Fault, Misconfigured, Throttled
from kernel.extension.connector import Connection
from kernel.extension.model import Plugin
from kernel.extension.portal import Portal
from kernel.extension.reading import ReadOnlyPortal
from kernel.jobs import Again, timers
from kernel.storage import Tx
from kernel.telemetry import log
from kernel.values import from_micros

PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 1.0, 60.0
FILES_WAIT = timedelta(minutes=10)  #: so long a message waits for its files; then it is handled without
NOT_HERE = "not fetched"


def hand_over(portal: Portal, plugins: Sequence[Plugin], args: Mapping[str, Any]) -> None:
    """Run one message job."""
    with portal.database.read() as tx:
        stored = store.load(tx, args["id"])
        if stored is None or stored.state != "new":
            return
        first = store.first_new(tx, stored)
        parked = timers.pending(tx, store.PARKED, first) is not None
    if first != stored.id:
        if not parked:  # two doors stored them at once: its job may come behind this one, and would wake nobody
            _park(portal, stored, PAUSE_SECONDS_MIN)
        return
    try:
        connection = portal.connected(stored.connection)
        wanting = listeners(portal, plugins, connection.name)
        if stored.message.kind == "request":
            wanting = _takers(plugins, connection)
        files = _files(portal, wanting, connection, stored)
        prepared = _prepared(portal, wanting, stored)
        if wanting:
            portal.staff.warm()
        with portal.unit(trace=stored.id) as unit:
            if not store.still_new(unit.tx, stored.id):
                return
            unit.connection = connection.name
            if stored.message.kind not in ASIDE:
                unit.heard = timeline.receive(
                    unit.tx, stored.connection, stored.message, files=files, clock=portal.clock, ids=portal.ids
                )
            for plugin in wanting:
                handle = plugin.on_request if stored.message.kind == "request" else plugin.on_message
                assert handle is not None
                unit.prepared = prepared.get(plugin.name)
                handle(unit, stored.message)
            store.settle(unit.tx, stored.id, "done", "", portal.clock)
            _wake_next(unit.tx, portal, stored, args)
    except Again as again:
        _park(portal, stored, again.seconds)
    except Fault as exc:
        if exc.retry:
            wait = exc.wait_seconds if isinstance(exc, Throttled) else PAUSE_SECONDS_MIN
            _park(portal, stored, min(max(wait, PAUSE_SECONDS_MIN), PAUSE_SECONDS_MAX))
        else:
            _give_up(portal, stored, exc, args)
    except AnnexError as exc:  # a person has to fix something, then retry
        _give_up(portal, stored, exc, args)
    else:
        log.info("message.done", connection=stored.connection)


def _prepared(portal: Portal, plugins: Sequence[Plugin], stored: StoredMessage) -> dict[str, Any]:
    """What each found out before, by its name."""
    asking = [one for one in plugins if one.before_message is not None]
    reading = ReadOnlyPortal.of(portal) if asking else None
    found = {}
    for one in asking:
        assert one.before_message is not None and reading is not None
        found[one.name] = one.before_message(reading, stored.message)
    return found


def listeners(portal: Portal, plugins: Sequence[Plugin], connection: str) -> list[Plugin]:
    """Those that want messages and whose settings name that connection."""
    return [
        plugin
        for plugin in plugins
        if plugin.on_message is not None and connection in connections_of(portal, plugin).values()
    ]


def _takers(plugins: Sequence[Plugin], connection: Connection) -> list[Plugin]:
    """Whoever takes requests. Raises Misconfigured where nobody does: a request must not be lost in silence."""
    found = [plugin for plugin in plugins if plugin.on_request is not None]
    if not found:
        raise Misconfigured(
            f"«{connection.name}» wants a message sent, and no plugin of this set sends any, or its provider is off"
        )
    return found


def connections_of(portal: Portal, plugin: Plugin) -> dict[str, str]:
    """By setting: which connection the plugin was given; of a setting that names several, `key.0` and so on."""
    given = portal.plugin_settings.get(plugin.name)
    named: dict[str, str] = {}
    for key in plugin.connects:
        value = getattr(given, key, "") or ""
        if isinstance(value, str):
            named[key] = value
        else:
            named |= {f"{key}.{number}": str(one) for number, one in enumerate(value)}
    return {key: name for key, name in named.items() if name}


def _files(portal: Portal, plugins: Sequence[Plugin], connection: Connection, stored: StoredMessage) -> list[KeptFile]:
    """The message's files, kept here if a plugin wants them. Raises Again while they may still come."""
    message = stored.message
    if not message.files or message.kind != "message":
        return []
    with portal.read() as unit:
        unit.connection = connection.name
        limit = max((p.fetches(unit, message) for p in plugins if p.fetches is not None), default=0)
    return [_file(connection, one, limit, stored, portal) for one in message.files]


def _file(connection: Connection, file: FileRef, limit: int, stored: StoredMessage, portal: Portal) -> KeptFile:
    def kept(content: str = "", reason: str = "", size: int | None = file.size_bytes) -> KeptFile:
        return KeptFile(file.name, file.media_type, file.kind, size, file.seconds, content, reason)

    if limit <= 0 or (file.size_bytes or 0) > limit:
        return kept(reason="not wanted" if limit <= 0 else "too large")
    try:
        content, size = connection.files.fetch(lambda path: connection.channel.fetch(file, path, bytes_max=limit))
        return kept(content, size=size)
    except Misconfigured as exc:
        return kept(reason=str(exc))
    except Fault as exc:
        if not exc.retry:
            return kept(reason=connection.in_words(str(exc)))
        age = portal.clock.now() - from_micros(stored.received_at)
        if age < FILES_WAIT:
            raise Again(min(max(age.total_seconds() / 4, PAUSE_SECONDS_MIN), PAUSE_SECONDS_MAX)) from exc
        log.warning("message.file", connection=stored.connection, reason=str(exc))
        return kept(reason=NOT_HERE)


def _park(portal: Portal, stored: StoredMessage, seconds: float) -> None:
    due = portal.clock.now() + timedelta(seconds=seconds)
    with portal.database.write() as tx:
        timers.set_timer(tx, store.PARKED, stored.id, due, {})


def _wake_next(tx: Tx, portal: Portal, stored: StoredMessage, args: Mapping[str, Any]) -> None:
    """Whoever was parked may have others behind it whose own jobs have ended: they follow one after another."""
    if not args.get("parked"):
        return
    following = store.first_new(tx, stored)
    if following and (waiting := store.load(tx, following)) is not None:
        store.revive(tx, waiting, queue=portal.queue, mark=f"after{stored.id}")


def _give_up(portal: Portal, stored: StoredMessage, exc: AnnexError, args: Mapping[str, Any]) -> None:
    log.error("message.failed", reason=str(exc))
    with portal.database.write() as tx:
        store.settle(tx, stored.id, "failed", str(exc), portal.clock)
        _wake_next(tx, portal, stored, args)
