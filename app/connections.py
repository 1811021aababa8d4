"""The connections of a set: which there are, their settings by name, and whether each can do what it is named for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from kernel.clock import Clock
from kernel.errors import Misconfigured
from kernel.extension import Connection, Connector, Plugin
from kernel.extension.connector import setting_name
from kernel.extension.messages import connections_of
from kernel.extension.portal import Portal
from kernel.files import FileStore
from kernel.http import (
    Gate,
    HttpClient,
    ParallelGate,
    ParallelLimit,
    RateLimit,
    Reach,
    RequestsTransport,
    SharedGate,
    Transport,
    Vault,
    WindowedGate,
    WindowGate,
    WindowLimit,
)
from kernel.mapping import MappingSet
from kernel.settings import Known, Settings
from kernel.storage import Database
from kernel.web import secret_of


def known_settings(mapping: MappingSet | None, connectors: Mapping[str, Connector]) -> list[Known]:
    """Every setting that somebody may have: those of all CRMs, and of each connection that the set names.

    Raises Misconfigured where two connections would share a setting.
    """
    found: dict[str, tuple[Known, str]] = {}
    for connector, connection in _all(mapping, connectors):
        for line in connector.settings:
            name = setting_name(connector, connection, line.name)
            whose = f"connection.{connection}" if connector.crm is None else connector.name
            if name in found and mapping is not None:
                raise Misconfigured(
                    f"{mapping.place(('connection', connection))}: its setting {name} is also one of {found[name][1]}: "
                    "give one of the two another name"
                )
            found[name] = Known(name, f"{connector.title}: {line.help}", line.default, line.secret), whose
    return [known for known, _ in found.values()]


def _all(mapping: MappingSet | None, connectors: Mapping[str, Connector]) -> Iterator[tuple[Connector, str]]:
    yield from ((one, "") for one in connectors.values() if one.crm is not None)
    if mapping is not None:
        for name, wanted in mapping.portal.connection.items():
            if wanted.connector in connectors and connectors[wanted.connector].crm is None:
                yield connectors[wanted.connector], name


def chosen_connectors(mapping: MappingSet, connectors: Mapping[str, Connector]) -> dict[str, Connector]:
    """Of each connection, by the customer's names, the CRM's first. Raises Misconfigured naming file, line and key."""
    chosen = {mapping.portal.portal: _crm(mapping, connectors)}
    for name, wanted in mapping.portal.connection.items():
        chosen[name] = _other(mapping, connectors, name, wanted.connector)
    return chosen


def make_connections(
    settings: Settings,
    mapping: MappingSet,
    chosen: Mapping[str, Connector],
    plugins: Sequence[Plugin],
    database: Database,
    clock: Clock,
    transport: Transport | None,
) -> dict[str, Connection]:
    """The same, ready to be used; nothing is connected yet."""
    made = {}
    for name, connector in chosen.items():
        full_name = f"{connector.name}/{name}"
        made[name] = Connection(
            settings={line.name: settings[setting_name(connector, name, line.name)] for line in connector.settings},
            mapping=mapping,
            http=partial(client_of, connector.name, full_name, database, clock, transport),
            clock=clock,
            vault=Vault(full_name, database, clock, secret_of(settings), settings["ANNEX_SECRET_OLD"].encode()),
            transport=transport,
            public_url=settings["ANNEX_PUBLIC_URL"].rstrip("/"),
            plugins=tuple(plugins),
            name=name,
            connector=connector,
            files=FileStore(database, clock),
            window=partial(_window, full_name, database, clock),
        )
    return made


def client_of(
    system: str,
    full_name: str,
    database: Database,
    clock: Clock,
    transport: Transport | None,
    base_url: str,
    *,
    rate_limit: RateLimit | None = None,
    window: WindowLimit | None = None,
    headers: Callable[[], Mapping[str, str]] = dict,
    parallel: ParallelLimit | None = None,
    reach: Reach | None = None,
) -> HttpClient:
    gate: Gate | None = SharedGate(full_name, rate_limit, database, clock) if rate_limit else None
    if parallel is not None:
        gate = ParallelGate(full_name, parallel, database, clock)
    if gate is not None and window is not None:
        gate = WindowedGate(gate, full_name, window, database, clock)
    if transport is None and reach is not None:
        transport = RequestsTransport(reach=reach)
    return HttpClient(system, base_url, clock=clock, gate=gate, transport=transport, headers=headers, connection=full_name)


def _window(full_name: str, database: Database, clock: Clock, address: str, limits: Sequence[WindowLimit]) -> WindowGate:
    return WindowGate(f"{full_name}:{address}", limits, database, clock)


def _crm(mapping: MappingSet, connectors: Mapping[str, Connector]) -> Connector:
    found = connectors.get(mapping.portal.connector)
    if found is None:
        raise Misconfigured(f"{mapping.place(('connector',))}: connector «{mapping.portal.connector}» is not installed")
    if found.crm is None:
        raise Misconfigured(
            f"{mapping.place(('connector',))}: connector «{found.name}» is no CRM; another system is connected by "
            f'[connection.NAME] with connector = "{found.name}"'
        )
    return found


def _other(mapping: MappingSet, connectors: Mapping[str, Connector], name: str, connector: str) -> Connector:
    place = mapping.place(("connection", name, "connector"))
    found = connectors.get(connector)
    if found is None:
        raise Misconfigured(f"{place}: connector «{connector}» is not installed; known: {', '.join(connectors)}")
    if found.crm is not None:
        raise Misconfigured(f"{place}: «{connector}» is a CRM, and a set has one CRM: run a second Annex for another one")
    return found


def check_wishes(portal: Portal, plugins: Sequence[Plugin]) -> None:
    """Whether each connection that a plugin's settings name is there and can do what the plugin needs.

    Raises Misconfigured naming file, line and key, and what to do.
    """
    for plugin in plugins:
        for key, name in connections_of(portal, plugin).items():
            key = key.partition(".")[0]
            capability = plugin.connects[key]
            place = portal.mapping.place(("plugin", plugin.name, key), name)
            fitting = [one.name for one in portal.connections.values() if getattr(one.connector, capability) is not None]
            known = f"such a one is {' or '.join(fitting)}" if fitting else "the set has none yet"
            if name not in portal.connections:
                raise Misconfigured(
                    f"{place}: there is no connection «{name}»: add [connection.{name}], or name a {capability} ({known})"
                )
            connector = portal.connections[name].connector
            if getattr(connector, capability) is None:
                raise Misconfigured(
                    f"{place}: connection «{name}» ({connector.title}) is no {capability}: name one that is ({known})"
                )
