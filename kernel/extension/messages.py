"""Handing a message that came in to the plugins whose settings name its connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kernel.conversations import store
from kernel.errors import AnnexError, Fault, Throttled
from kernel.extension.model import Plugin
from kernel.extension.portal import Portal
from kernel.jobs import Again
from kernel.telemetry import log

PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 1.0, 60.0


def hand_over(portal: Portal, plugins: Sequence[Plugin], args: Mapping[str, Any]) -> None:
    """Run one message job. Raises Again where something outside does not answer just now."""
    with portal.database.read() as tx:
        stored = store.load(tx, args["id"])
    if stored is None or stored.state != "new":
        return
    try:
        name = portal.connected(stored.connection).name
        with portal.unit(trace=stored.id) as unit:
            if not store.still_new(unit.tx, stored.id):
                return
            unit.connection = name
            for plugin in listeners(portal, plugins, name):
                assert plugin.on_message is not None
                plugin.on_message(unit, stored.message)
            store.settle(unit.tx, stored.id, "done", "", portal.clock)
    except Fault as exc:
        if exc.retry:
            wait = exc.wait_seconds if isinstance(exc, Throttled) else PAUSE_SECONDS_MIN
            raise Again(min(max(wait, PAUSE_SECONDS_MIN), PAUSE_SECONDS_MAX)) from exc
        _give_up(portal, stored.id, exc)
    except AnnexError as exc:  # a person has to fix something, then retry
        _give_up(portal, stored.id, exc)
    else:
        log.info("message.done", connection=stored.connection)


def listeners(portal: Portal, plugins: Sequence[Plugin], connection: str) -> list[Plugin]:
    """Those that want messages and whose settings name that connection."""
    return [
        plugin
        for plugin in plugins
        if plugin.on_message is not None and connection in connections_of(portal, plugin).values()
    ]


def connections_of(portal: Portal, plugin: Plugin) -> dict[str, str]:
    """By setting: which connection the plugin was given."""
    given = portal.plugin_settings.get(plugin.name)
    named = {key: str(getattr(given, key, "") or "") for key in plugin.connects}
    return {key: name for key, name in named.items() if name}


def _give_up(portal: Portal, message_id: str, exc: AnnexError) -> None:
    log.error("message.failed", reason=str(exc))
    with portal.database.write() as tx:
        store.settle(tx, message_id, "failed", str(exc), portal.clock)
