"""The set-up as code: what is missing in the portal for the mapping set, as changes that `annex apply` can make.

The portal is read anew for each plan; nothing is believed from the last one but the numbers of what we made. So it does not
matter where the one before stopped: what is there is found again, by number, by code, or by what staff see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from connectors.bitrix24 import settings
from connectors.bitrix24.admins import Admins
from connectors.bitrix24.client import Client, Outcome, connect
from connectors.bitrix24.setup_app import Addresses, app_steps, refused_steps
from connectors.bitrix24.setup_blocks import block_steps
from connectors.bitrix24.setup_cards import card_steps
from connectors.bitrix24.setup_fields import field_steps
from connectors.bitrix24.setup_lists import list_steps
from connectors.bitrix24.setup_model import VAULT_NAME, Call, Memory, State, Step
from connectors.bitrix24.setup_owners import find_types, owners, type_steps
from connectors.bitrix24.setup_readers import forget_readers
from connectors.bitrix24.setup_reading import AREAS, SetupReader
from connectors.bitrix24.setup_stages import stage_steps
from connectors.bitrix24.setup_words import INSTALL, remedy
from kernel.errors import Rejected
from kernel.extension import Connection, Plugin
from kernel.http import Vault
from kernel.mapping import Change, MappingSet, Setup


def setup(connection: Connection) -> Setup:
    """Raises Misconfigured."""
    read = settings.read(connection.settings, connection.mapping.portal.time_zone)
    portal = connection.mapping.portal
    local = (urlsplit(read.url).hostname or "") in settings.LOCAL
    addresses = Addresses(connection.public_url.rstrip("/"), portal.portal, local)
    admins = Admins(connection, read).present if read.client_id else frozenset
    return BitrixSetup(connect(connection, read), connection, addresses, webhook=bool(read.webhook), admins=admins)


def steps_of(
    mapping: MappingSet, plugins: tuple[Plugin, ...], addresses: Addresses, state: State, memory: Memory
) -> list[Step]:
    """All differences, pure: the same portal and memory give the same steps. What is recognised goes into the memory."""
    every = owners(mapping)
    types = find_types(every, state, memory)
    steps = refused_steps(state, AREAS)
    if "crm" not in state.refused:
        steps += stage_steps(mapping, state, memory)
        steps += type_steps(every, types, state, memory)
        steps += field_steps(every, types, state, memory)
    steps += list_steps(mapping, state, memory)
    steps += app_steps(mapping, plugins, addresses, state, memory)
    steps += block_steps(mapping, addresses, state, memory)
    return [*steps, *card_steps(mapping, state, memory)]


class BitrixSetup:
    def __init__(
        self, client: Client, connection: Connection, addresses: Addresses, *, webhook: bool,
        admins: Callable[[], frozenset[str]] = frozenset,
    ) -> None:  # fmt: skip
        self._client, self._mapping, self._vault = client, connection.mapping, connection.vault
        self._plugins, self._addresses, self._webhook = tuple(connection.plugins), addresses, webhook
        self._reader = SetupReader(client, connection.mapping, connection.mapping.portal.language, admins)

    def plan(self) -> list[Change]:
        token = self._vault.get("app")
        if token is None and not self._webhook:
            words = INSTALL.format(handler=self._addresses.hooks)
            return [Change("manual", "портал не подключён", f"нет ни вебхука (BITRIX24_WEBHOOK), ни приложения. {words}")]
        memory = Memory.load(self._vault)
        before = memory.data()
        state = self._reader.read(memory, token)
        steps = steps_of(self._mapping, self._plugins, self._addresses, state, memory)
        if memory.data() != before:
            _save(self._vault, memory)
        return [self._change(step, records) for step, records in self._counted(steps)]

    def _counted(self, steps: Sequence[Step]) -> list[tuple[Step, int]]:
        calls = [(step.count.method, step.count.params) for step in steps if step.count]
        answers = iter(self._client.batch(calls) if calls else [])
        return [(step, _total(next(answers)) if step.count else 0) for step in steps]

    def _change(self, step: Step, records: int) -> Change:
        make = partial(self._make, step) if step.calls or step.also or step.forgets else None
        if step.kind == "drop" and records and step.full:
            return Change("manual", step.what, f"{step.detail}; записей: {records}; {step.full}", records)
        if step.kind != "drop" and records:
            return Change("note", step.what, f"остаётся: в ней есть записи ({records})", records)
        return Change(step.kind, step.what, step.detail, records, make)

    def _make(self, step: Step) -> None:
        """What we are about to make is written down first: if we die before the answer, it is known as ours all the same."""
        self._intend(step)
        if step.empty_first:
            self._empty(step.empty_first)
        result: Any = None
        for call in step.calls:
            result = self._send(step, call)
        self._learn(step, result)

    def _send(self, step: Step, call: Call) -> Any:
        try:
            return self._client.call(call.method, call.params, writes=True, app=call.app)
        except Rejected as exc:
            self._give_up(step)
            words = remedy(exc)
            message = f"{step.what}: {exc}{'. Что делать: ' + words if words else ''}"
            raise type(exc)(message, vendor_code=exc.vendor_code) from exc

    def _empty(self, entity_type: int) -> None:
        """A smart process goes only without its items."""
        found = self._client.all("crm.item.list", {"entityTypeId": entity_type, "select": ["id"]})
        calls = [("crm.item.delete", {"entityTypeId": entity_type, "id": raw["id"]}) for raw in found]
        for outcome in self._client.batch(calls, writes=True) if calls else []:
            if outcome.fault is not None:
                raise outcome.fault

    def _intend(self, step: Step) -> None:
        if step.key is None or step.kind != "create":
            return
        memory, key = Memory.load(self._vault), step.key
        memory.made.add(str(key))
        if step.code:
            memory.adopt(key.section, key.name, step.code)
        if key.section == "pipeline":
            memory.fresh.add(key.name)
        if key.section == "list":
            memory.adopt("list_reader", key.name, key.name)  # from its making on it is known whom we let in
        _save(self._vault, memory)

    def _give_up(self, step: Step) -> None:
        """The portal said no, so nothing was made."""
        if step.key is not None and step.kind == "create":
            memory = Memory.load(self._vault)
            memory.forget(step.key.section, step.key.name)
            memory.fresh.discard(step.key.name)
            if step.key.section == "list":
                forget_readers(memory, step.key.name)
            _save(self._vault, memory)

    def _learn(self, step: Step, result: Any) -> None:
        memory, key = Memory.load(self._vault), step.key
        memory.steps += 1
        if key is None:
            pass
        elif step.kind == "drop":
            memory.forget(key.section, key.name)
            if key.section == "list":
                forget_readers(memory, key.name)
        elif step.learn is not None or step.remember:
            memory.adopt(key.section, key.name, step.learn(result) if step.learn else step.remember)
        for other, value in step.also:
            memory.adopt(other.section, other.name, value)
        for other in step.forgets:
            memory.forget(other.section, other.name)
        _save(self._vault, memory)


def _save(vault: Vault, memory: Memory) -> None:
    vault.put(VAULT_NAME, memory.data())


def _total(outcome: Outcome) -> int:
    if outcome.fault is not None:
        raise outcome.fault
    return outcome.total or 0
