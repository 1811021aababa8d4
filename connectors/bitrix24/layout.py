"""Where the things of the mapping set are in this portal: read at once, kept a while, forgotten on doubt."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from connectors.bitrix24.client import Client
from connectors.bitrix24.codes import ENTITY_TYPES, Kind, field_code, kind_of, labels, smart_key, stage_codes, stages_entity
from connectors.bitrix24.marks import folded
from connectors.bitrix24.portal import PortalState, Reader, SmartType, Status, Wanted
from connectors.bitrix24.system import SYSTEM_FIELDS, SystemField
from connectors.bitrix24.values import LINKS, Option, PortalField, number_in
from kernel.clock import Clock
from kernel.errors import Misconfigured
from kernel.mapping import EntityMap, FieldMap, MappingSet

T = TypeVar("T")
KEPT_SECONDS_MAX = 3600.0
DOUBT_SECONDS_MIN = 60.0  #: staff may make a stage: the portal is read again, but not for each record
COMPARED_EVERY_SECONDS = 2.0
CONTACT_TYPES = "CONTACT_TYPE"  #: ENTITY_ID of the contact types in the portal's directory
CONTACT_TYPES_PLACE = "CRM → Настройки → Справочники → Типы контактов"
APPLY = "run «annex apply», or name it in the mapping set as the portal does"


@dataclass(frozen=True)
class Owner:
    """Whose field it is."""

    key: str  #: "deal", "deal/operation"
    kind: Kind
    entity_type: int
    type_id: int = 0  #: a smart process' own number


@dataclass(frozen=True)
class Slot:
    """Where a logical field lives. Neither `system` nor `portal`: absent, and the set can do without it."""

    name: str
    map: FieldMap
    system: SystemField | None = None
    portal: PortalField | None = None

    @property
    def title(self) -> str:
        return self.map.name if self.map.label or self.map.title or not self.system else self.system.title

    @property
    def usable(self) -> bool:
        return self.system is not None or self.portal is not None

    @property
    def links_to(self) -> str:
        """Which kind of record a link of this field means."""
        return self.map.type if self.map.type in LINKS else ""


@dataclass(frozen=True)
class Stages:
    """The stages of an entity: both ways between our keys and the portal's codes."""

    codes: Mapping[str, tuple[int, str]] = field(default_factory=dict)  #: our key -> pipeline's number and whole code
    keys: Mapping[str, str] = field(default_factory=dict)  #: code -> our key
    names: Mapping[str, str] = field(default_factory=dict)  #: code -> what staff see, of all stages there are


@dataclass(frozen=True)
class EntityPlan:
    entity: str
    kind: Kind
    map: EntityMap
    entity_type: int
    slots: Mapping[str, Slot]
    stages: Stages
    pipelines: Mapping[str, int]  #: our key -> number; {"": 0} for deals of a set that names none; empty: there are none
    labels: Mapping[str, str]  #: code of any field -> what staff see
    sort: str = ""  #: the contact type's code, where the entity is only the contacts of one type

    @property
    def address(self) -> str:
        """The path under which staff open a record, without its number."""
        return _address(self.kind, self.entity_type)


@dataclass(frozen=True)
class TablePlan:
    entity: str
    name: str
    label: str
    key: str  #: the logical field that keeps our key
    entity_type: int
    parent: str  #: the field that names the record: parentId2
    slots: Mapping[str, Slot]
    labels: Mapping[str, str]


class Layout:
    """`ids` gives what the set-up keeps: numbers of pipelines and smart processes."""

    def __init__(
        self, client: Client, mapping: MappingSet, clock: Clock, ids: Callable[[], Mapping[str, Any] | None]
    ) -> None:
        self.mapping, self._reader, self._clock, self._ids = mapping, Reader(client), clock, ids
        self._known: dict[tuple[str, ...], Any] = {}
        self._read_at = self._compared_at = 0.0
        self._made: Mapping[str, Any] = {}
        self._lock = threading.RLock()
        self._making = 0  #: how deep we are in making something out of what is known

    def forget(self) -> None:
        with self._lock:
            self._known.clear()

    def doubt(self) -> bool:
        """A record shows a stage or value we never saw: read the portal again, unless that was just done."""
        with self._lock:
            if self._clock.monotonic() - self._read_at < DOUBT_SECONDS_MIN:
                return False
            self._known.clear()
            return True

    def outdated(self) -> bool:
        """Whether `annex apply` has made something since we read the portal, asked at once: a stage that the set does not
        seem to name may be one that was not there, or not ours yet, half-way through a set-up."""
        with self._lock:
            if not self._set_up_anew(at_once=True):
                return False
            self._known.clear()
            return True

    def remember(self, key: tuple[str, ...], make: Callable[[Mapping[str, Any]], T]) -> T:
        """Something else that is read of the portal, kept and forgotten together with all the rest. `make` gets what the
        set-up keeps."""
        self.state()  # with it everything grows old
        return self._keep(key, lambda: make(self._keep(("kept",), self._read_kept)))

    # --- what the portal has ----------------------------------------------------------------------------------------

    def state(self) -> PortalState:
        return self._keep(("state",), self._read)

    def kept(self, section: str) -> Mapping[str, Any]:
        """What the set-up keeps: numbers of pipelines and smart processes, codes of stages and fields, by our keys."""
        held = self._keep(("kept",), self._read_kept).get(section)
        return held if isinstance(held, dict) else {}

    def _kept(self, section: str, key: str) -> str:
        """A code, without the directory that stands before it."""
        return str(self.kept(section).get(key) or "").partition(":")[2]

    def smart(self, key: str, title: str) -> SmartType:
        """The smart process of that kept number, else of that title. Raises Misconfigured."""
        types = self.state().types or []
        number = self._kept_smart().get(key, (0, 0))[0]
        found = [one for one in types if one.entity_type == number] or [
            one for one in types if folded(one.title) == folded(title)
        ]
        return only(found, f"smart process «{title}»", [one.entity_type for one in found])

    def fields(self, entity_type: int) -> Mapping[str, PortalField]:
        return self.state().fields.get(entity_type, {})

    def statuses(self, entity: str) -> list[Status]:
        return self.state().statuses.get(entity, [])

    def address(self, entity: str) -> str:
        """The same path before anything of the portal is known. Nobody is asked and waited for, unless it is a smart process
        that no set-up has kept: who wants it may hold the database, which whoever reads the portal may need."""
        mapped = self.mapping.entity(entity)
        kind, held = kind_of(mapped), (self._ids() or {}).get("smart")
        number = _smart_numbers(held).get(smart_key(entity), (0, 0))[0]
        return _address(kind, number) if number or kind != "smart" else self.plan(entity).address

    # --- where things of the set are --------------------------------------------------------------------------------

    def plan(self, entity: str) -> EntityPlan:
        """Raises Misconfigured where the portal does not have something required."""
        return self._keep(("plan", entity), lambda: self._plan(self.mapping.entity(entity)))

    def table(self, entity: str, table: str) -> TablePlan:
        return self._keep(("table", entity, table), lambda: self._table(self.mapping.entity(entity), table))

    def entity_type(self, entity: EntityMap) -> tuple[int, int]:
        """entityTypeId, and for a smart process its own number."""
        kind = kind_of(entity)
        if kind != "smart":
            return ENTITY_TYPES[kind], 0
        found = self.smart(smart_key(entity.entity), entity.object)
        return found.entity_type, found.id

    def pipelines(self, entity: EntityMap, entity_type: int) -> dict[str, int]:
        kind = kind_of(entity)
        if not entity.pipeline:
            return {"": 0} if kind == "deal" else {}
        known, kept = self.state().categories.get(entity_type, []), self.kept("pipeline")
        found = {}
        for key, pipeline in entity.pipeline.items():
            number = number_in(kept.get(f"{entity.entity}.{key}"))
            same = [one for one, _name in known if f"{entity.entity}.{key}" in kept and one == number]
            same = same or [one for one, name in known if folded(name) == folded(pipeline.label)]
            found[key] = only(same, f"pipeline «{pipeline.label}»", same)
        return found

    def sort(self, entity: EntityMap) -> str:
        """The code of the contact type that a set names for one kind of contacts; empty where it means them all."""
        if not entity.narrow:
            return ""
        named = {folded(entity.object)}
        found = [one.code for one in self.statuses(CONTACT_TYPES) if {folded(one.code), folded(one.name)} & named]
        if not found:
            raise Misconfigured(f"bitrix24: there is no contact type «{entity.object}»: add it to «{CONTACT_TYPES_PLACE}»")
        return found[0]

    def locate(self, name: str, mapped: FieldMap, owner: Owner) -> Slot:
        """Raises Misconfigured for a required field that is absent, or a label that stands twice."""
        if mapped.system:
            return self._system(name, mapped, owner.kind)
        found = self.candidates(name, mapped, owner)
        if len(found) > 1:
            codes = ", ".join(one.code for one in found)
            raise Misconfigured(f"bitrix24: the label «{mapped.label}» stands on several fields ({codes}): {APPLY}")
        if not found and mapped.required:
            raise Misconfigured(f"bitrix24: there is no field «{mapped.label}»: {APPLY}")
        return Slot(name, mapped, portal=worded(found[0], mapped) if found else None)

    def candidates(self, name: str, mapped: FieldMap, owner: Owner) -> list[PortalField]:
        """The field the set-up kept, else that of our code, else those that staff see under that label."""
        fields = self.fields(owner.entity_type)
        for code in (self._kept("field", f"{owner.key}.{name}"), field_code(name, mapped, owner.kind, owner.type_id)):
            if code in fields:
                return [fields[code]]
        custom = [one for one in fields.values() if one.code.startswith("UF_")]
        return [one for one in custom if folded(one.title) == folded(mapped.label)]

    # --- inside -----------------------------------------------------------------------------------------------------

    def _read(self) -> PortalState:
        entities = self.mapping.entities.values()
        kinds = [(kind_of(entity), entity) for entity in entities]
        titles = {smart_key(entity.entity): entity.object for kind, entity in kinds if kind == "smart"}
        titles |= {smart_key(e.entity, name): table.label for e in entities for name, table in e.table.items()}
        self._read_at = self._clock.monotonic()
        return self._reader.read(
            Wanted(
                kinds=frozenset(kind for kind, _entity in kinds if kind != "smart"),
                lists=frozenset(kind for kind, entity in kinds if kind != "smart" and _has_lists(entity.field.values())),
                smart=self._kept_smart(),
                titles=titles,
            )
        )

    def _kept_smart(self) -> dict[str, tuple[int, int]]:
        """By key: entityTypeId and own number."""
        return _smart_numbers(self.kept("smart"))

    def _system(self, name: str, mapped: FieldMap, kind: Kind) -> Slot:
        system = SYSTEM_FIELDS[kind].get(mapped.system)
        if system is None:
            raise Misconfigured(f"mapping set: Bitrix24 has no system field «{mapped.system}» for a {kind}")
        if mapped.system == "sourceId" and mapped.type == "choice":
            keys = {str(code): key for key, code in self.kept("source").items()}
            portal = PortalField("sourceId", "enumeration", system.title, options=tuple(
                Option(one.code, one.name, keys.get(one.code, "")) for one in self.statuses("SOURCE")))  # fmt: skip
            return Slot(name, mapped, portal=worded(portal, mapped))
        return Slot(name, mapped, system=system)

    def _plan(self, entity: EntityMap) -> EntityPlan:
        kind = kind_of(entity)
        entity_type, type_id = self.entity_type(entity)
        owner = Owner(smart_key(entity.entity), kind, entity_type, type_id)
        slots = {name: self.locate(name, one, owner) for name, one in entity.field.items()}
        if entity.key and entity.key not in slots:
            raise Misconfigured(f"mapping set: entity «{entity.entity}»: key «{entity.key}» is not one of its fields")
        pipelines = self.pipelines(entity, entity_type)
        return EntityPlan(
            entity.entity, kind, entity, entity_type, slots,
            self._stages(entity, kind, entity_type, pipelines), pipelines, self._labels(entity_type), self.sort(entity),
        )  # fmt: skip

    def _table(self, entity: EntityMap, name: str) -> TablePlan:
        table = entity.table.get(name)
        if table is None:
            raise Misconfigured(f"mapping set: entity «{entity.entity}» has no table «{name}»")
        smart = self.smart(smart_key(entity.entity, name), table.label)
        owner = Owner(smart_key(entity.entity, name), "smart", smart.entity_type, smart.id)
        slots = {key: self.locate(key, one, owner) for key, one in table.field.items()}
        if table.key not in slots:
            raise Misconfigured(f"mapping set: table «{name}»: key «{table.key}» is not one of its fields")
        parent = f"parentId{self.entity_type(entity)[0]}"
        if parent not in self.fields(smart.entity_type):
            raise Misconfigured(
                f"bitrix24: the smart process «{table.label}» is not linked to «{entity.entity}» as its parent: {APPLY}"
            )
        return TablePlan(
            entity.entity, name, table.label, table.key, smart.entity_type, parent, slots, self._labels(smart.entity_type)
        )  # fmt: skip

    def _stages(self, entity: EntityMap, kind: Kind, entity_type: int, pipelines: Mapping[str, int]) -> Stages:
        if not entity.stage:
            return Stages()
        codes: dict[str, tuple[int, str]] = {}
        names: dict[str, str] = {}
        named = pipelines or {"": self._sole_category(kind, entity_type)}
        for number, title in self.state().categories.get(entity_type, []):
            if number not in named.values():
                statuses = self.statuses(stages_entity(kind, entity_type, number))
                names |= {status.code: f"{title}: {status.name}" for status in statuses}
        for pipeline, number in named.items():
            statuses = self.statuses(stages_entity(kind, entity_type, number))
            names |= {status.code: status.name for status in statuses}
            for key, code in self.stage_codes(entity, pipeline, entity_type, number).items():
                if code:
                    codes[key] = (number, code)
        return Stages(codes, {code: key for key, (_number, code) in codes.items()}, names)

    def stage_codes(self, entity: EntityMap, pipeline: str, entity_type: int, number: int) -> dict[str, str]:
        """The code each of the pipeline's stages has here: the one kept, ours, or that under the label; else ""."""
        statuses = self.statuses(stages_entity(kind_of(entity), entity_type, number))
        present = {status.code for status in statuses}
        found: dict[str, str] = {}
        for key, code in stage_codes(entity, pipeline, entity_type, number).items():
            known = [one for one in (self._kept("stage", f"{entity.entity}.{key}"), code) if one in present]
            found[key] = next((one for one in known if one not in found.values()), "")
        for key in [key for key, code in found.items() if not code]:
            names = {folded(label) for label in labels(entity.stage[key])}
            fitting = [one.code for one in statuses if folded(one.name) in names and one.code not in found.values()]
            found[key] = fitting[0] if fitting else ""
        return found

    def _sole_category(self, kind: Kind, entity_type: int) -> int:
        """A smart process without pipelines of its own has one all the same, with a number."""
        known = self.state().categories.get(entity_type, []) if kind == "smart" else []
        return known[0][0] if known else 0

    def _labels(self, entity_type: int) -> dict[str, str]:
        return {one.code: one.title for one in self.fields(entity_type).values()}

    def _read_kept(self) -> Mapping[str, Any]:
        """Read before the portal is: what the set-up makes after that is known to be newer."""
        self._made = self._ids() or {}
        return self._made

    def _set_up_anew(self, *, at_once: bool = False) -> bool:
        """Whether `annex apply`, which runs in a process of its own, has made something since we read the portal."""
        now = self._clock.monotonic()
        if not at_once and now - self._compared_at < COMPARED_EVERY_SECONDS:
            return False
        self._compared_at = now
        before, self._made = self._made, self._ids() or {}
        return before != self._made

    def _keep(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        with self._lock:
            # Not within a making: half of it would be of before, and be kept beside what was read after.
            if self._known and not self._making and (self._is_old() or self._set_up_anew()):
                self._known.clear()
            if key not in self._known:
                remembered = ("state",) in self._known
                self._making += 1
                try:
                    self._known[key] = make()
                except Misconfigured:
                    if not remembered:
                        raise
                    # The portal may have become right since it was read: half-way through a set-up, say.
                    self._known.clear()
                    self._known[key] = make()
                finally:
                    self._making -= 1
            return self._known[key]  # type: ignore[no-any-return]

    def _is_old(self) -> bool:
        return self._clock.monotonic() - self._read_at > KEPT_SECONDS_MAX


def _has_lists(fields: Iterable[FieldMap]) -> bool:
    return any(one.type == "choice" and one.label for one in fields)


def worded(portal: PortalField, mapped: FieldMap) -> PortalField:
    """The field with our key at each of its values: by the key the set-up left there, else by the label or the code."""
    left = dict.fromkeys(option.key for option in portal.options if option.key in mapped.values)
    options = []
    for option in portal.options:
        key = option.key if option.key in mapped.values else ""
        for ours, label in mapped.values.items():
            if not key and ours not in left and {folded(label), folded(ours)} & {folded(option.label), folded(option.id)}:
                key = ours
        options.append(dataclasses.replace(option, key=key))
    return dataclasses.replace(portal, options=tuple(options))


def only(found: list[T], what: str, numbers: Iterable[Any]) -> T:
    if len(found) == 1:
        return found[0]
    if not found:
        raise Misconfigured(f"bitrix24: there is no {what}: {APPLY}")
    listed = ", ".join(str(number) for number in numbers)
    raise Misconfigured(f"bitrix24: {what} stands {len(found)} times ({listed}); rename all but one")


def _address(kind: Kind, entity_type: int) -> str:
    return f"crm/type/{entity_type}/details/" if kind == "smart" else f"crm/{kind}/details/"


def _smart_numbers(kept: Any) -> dict[str, tuple[int, int]]:
    """As the set-up keeps them."""
    held = kept.items() if isinstance(kept, Mapping) else ()
    return {
        str(key): (number_in(one[0]), number_in(one[1]))
        for key, one in held
        if isinstance(one, list | tuple) and len(one) == 2
    }
