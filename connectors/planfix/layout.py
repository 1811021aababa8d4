"""Which number of the portal each label of the mapping set is: asked lazily, kept a while, forgotten on doubt."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from connectors.planfix import limits
from connectors.planfix.client import Client, Kind, Raw, custom_values
from connectors.planfix.system import CONTACT_FIELDS, TASK_FIELDS, SystemField
from kernel.clock import Clock
from kernel.errors import Misconfigured
from kernel.mapping import EntityMap, FieldMap, MappingSet

T = TypeVar("T")


@dataclass(frozen=True)
class PortalField:
    """A field staff made, as the portal describes it."""

    id: int
    name: str
    type: int
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Slot:
    """Where a logical field lives. Neither `system` nor `portal`: absent, and the set can do without it."""

    name: str
    map: FieldMap
    system: SystemField | None = None
    portal: PortalField | None = None
    attached: bool = True

    @property
    def title(self) -> str:
        return self.system.title if self.system else self.map.label

    @property
    def usable(self) -> bool:
        """Whether a write makes sense; what is not required may be missing."""
        return self.system is not None or (self.portal is not None and (self.attached or self.map.required))


@dataclass(frozen=True)
class EntityPlan:
    entity: str
    kind: Kind
    map: EntityMap
    object_id: int  #: of a task; 0 for contacts, who may stand under any template
    slots: Mapping[str, Slot]
    template_id: int = 0  #: the contact template, where the entity is only the contacts of one


@dataclass(frozen=True)
class TablePlan:
    name: str
    label: str
    key: str  #: the logical field that keeps our key
    id: int
    slots: Mapping[str, Slot]


def kind_of(entity: EntityMap) -> Kind:
    return "contact" if "contact" in (entity.kind, entity.entity) else "task"


def folded(label: str) -> str:
    """Labels are compared without case, spare blanks and the several apostrophes of Ukrainian keyboards."""
    text = unicodedata.normalize("NFC", label)
    for apostrophe in "’ʼ`′":
        text = text.replace(apostrophe, "'")
    return " ".join(text.split()).casefold()


class Layout:
    """Answers are kept for an hour: a renamed field keeps its number, a removed one is noticed when a write fails. What the
    portal does not have is looked for again after a minute: somebody may be setting it up."""

    def __init__(self, client: Client, mapping: MappingSet, clock: Clock) -> None:
        self._client, self.mapping, self._clock = client, mapping, clock
        self._known: dict[tuple[Any, ...], tuple[float, Any]] = {}
        self._noted: dict[int, str] = {}  # names of other objects' statuses
        self._strange: dict[int, set[int]] = {}  # by object: statuses that were looked for in it and are not its own
        self._lock = threading.RLock()

    def forget(self) -> None:
        with self._lock:
            self._known.clear()

    # --- what the portal has ----------------------------------------------------------------------------------------

    def objects(self) -> list[tuple[int, str]]:
        return self._keep(("objects",), lambda: _named(self._client.objects()))

    def templates(self, kind: Kind) -> list[tuple[int, str]]:
        return self._keep(("templates", kind), lambda: _named(self._client.templates(kind)))

    def fields(self, of: str) -> list[PortalField]:
        return self._keep(("fields", of), lambda: [_field(raw) for raw in _numbered(self._client.custom_fields(of))])

    def attached(self, object_id: int) -> frozenset[int] | None:
        """Numbers of the fields attached to the object; None where the portal does not tell."""
        return self._keep(("object", object_id), lambda: _attached(self._client.object(object_id)))

    def statuses(self, object_id: int, wanted: Iterable[int] = ()) -> list[tuple[int, tuple[str, ...]]]:
        """Number and all names (one a language) of each status; read anew, once, for a wanted one that is not among them."""
        make = lambda: [(raw["id"], status_names(raw)) for raw in _numbered(self._client.statuses(object_id))]  # noqa: E731
        key = ("statuses", object_id)
        known = self._keep(key, make)
        unknown = set(wanted) - {number for number, _names in known}
        with self._lock:
            if not unknown - self._strange.setdefault(object_id, set()):
                return known
            self._strange[object_id] |= unknown
            self._known.pop(key, None)
        return self._keep(key, make)

    def note_status(self, raw: Any) -> None:
        """The status of a task that stands under another object: its history names it by number only."""
        if number := raw.get("id") if isinstance(raw, dict) else 0:
            with self._lock:
                self._noted[number] = next(iter(status_names(raw)), "")

    def noted_status(self, number: int) -> str:
        with self._lock:
            return self._noted.get(number, "")

    def tables(self) -> list[tuple[int, str]]:
        return self._keep(("tables",), lambda: _named(self._client.tables()))

    # --- where things of the set are --------------------------------------------------------------------------------

    def plan(self, entity: str) -> EntityPlan:
        """Raises Misconfigured where the portal does not have something required."""
        return self._keep(("plan", entity), lambda: self._plan(self.mapping.entity(entity)))

    def table(self, entity: str, table: str) -> TablePlan:
        return self._keep(("table", entity, table), lambda: self._table(self.mapping.entity(entity), table))

    def object_id(self, entity: EntityMap) -> int:
        """The number of the object (older accounts: template) of that name."""
        found = by_label(self.objects(), entity.object) or by_label(self.templates("task"), entity.object)
        return one(found, f"object «{entity.object}»")

    def template_id(self, entity: EntityMap) -> int:
        """The number of the contact template that new contacts are made from; 0: the portal's own choice."""
        if not entity.object:
            return 0
        return one(by_label(self.templates("contact"), entity.object), f"contact template «{entity.object}»")

    def status_id(self, plan: EntityPlan, stage: str) -> int:
        """The status that staff see for our stage."""
        known = plan.map.stage.get(stage)
        if known is None:
            raise Misconfigured(f"mapping set: entity «{plan.entity}» has no stage «{stage}»")
        for label in (known.label, *known.also):
            for number, names in self.statuses(plan.object_id):
                if folded(label) in map(folded, names):
                    return number
        self.forget()
        raise Misconfigured(f"planfix: object «{plan.map.object}» has no status «{known.label}» (stage «{stage}»)")

    def locate(self, name: str, field: FieldMap, kind: Kind, of: str, attached: frozenset[int] | None) -> Slot:
        """Raises Misconfigured for a required field that is absent, or a label that stands twice."""
        if field.system:
            system = (TASK_FIELDS if kind == "task" else CONTACT_FIELDS).get(field.system)
            if system is None or of not in ("task", "contact"):
                raise Misconfigured(f"mapping set: Planfix has no system field «{field.system}» for a {kind}")
            return Slot(name, field, system=system)
        found = [portal for portal in self.fields(of) if folded(portal.name) == folded(field.label)]
        if len(found) > 1:
            joined = [portal for portal in found if attached is not None and portal.id in attached]
            if len(joined) != 1:
                numbers = ", ".join(str(portal.id) for portal in found)
                raise Misconfigured(
                    f"planfix: the label «{field.label}» ({of}) stands on several fields ({numbers}); rename all but one"
                )
            found = joined
        if not found:
            if field.required:
                raise Misconfigured(f"planfix: there is no field «{field.label}» ({of})")
            return Slot(name, field)
        return Slot(name, field, portal=found[0], attached=attached is None or found[0].id in attached)

    def _plan(self, entity: EntityMap) -> EntityPlan:
        kind = kind_of(entity)
        object_id = self.object_id(entity) if kind == "task" else 0
        custom = any(field.label for field in entity.field.values())
        attached = self.attached(object_id) if object_id and custom else None
        slots = {name: self.locate(name, field, kind, kind, attached) for name, field in entity.field.items()}
        if entity.key and entity.key not in slots:
            raise Misconfigured(f"mapping set: entity «{entity.entity}»: key «{entity.key}» is not one of its fields")
        template_id = self.template_id(entity) if entity.narrow else 0
        return EntityPlan(entity.entity, kind, entity, object_id, slots, template_id)

    def _table(self, entity: EntityMap, name: str) -> TablePlan:
        table = entity.table.get(name)
        if table is None:
            raise Misconfigured(f"mapping set: entity «{entity.entity}» has no table «{name}»")
        number = one(by_label(self.tables(), table.label), f"data tag «{table.label}»")
        of = f"datatag/{number}"
        slots = {key: self.locate(key, field, "task", of, None) for key, field in table.field.items()}
        if table.key not in slots:
            raise Misconfigured(f"mapping set: table «{name}»: key «{table.key}» is not one of its fields")
        return TablePlan(name, table.label, table.key, number, slots)

    def _keep(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        with self._lock:
            now = self._clock.monotonic()
            known = self._known.get(key)
            if known is not None and known[0] <= now and _incomplete(known[1]):
                self._known.clear()  # what it was found in is of the same age
                known = None
            if known is None or known[0] <= now:
                made = make()
                seconds = limits.INCOMPLETE_SECONDS_MAX if _incomplete(made) else limits.LAYOUT_SECONDS_MAX
                known = self._known[key] = (now + seconds, made)
            return known[1]


def _incomplete(found: Any) -> bool:
    """Whether the portal has not all that the set names there."""
    if not isinstance(found, EntityPlan | TablePlan):
        return False
    return any(not slot.system and not (slot.portal and slot.attached) for slot in found.slots.values())


def by_label(named: list[tuple[int, str]], label: str) -> list[int]:
    return [number for number, name in named if folded(name) == folded(label)]


def one(found: list[int], what: str) -> int:
    if len(found) == 1:
        return found[0]
    if not found:
        raise Misconfigured(f"planfix: there is no {what}")
    raise Misconfigured(f"planfix: {what} stands {len(found)} times ({', '.join(map(str, found))}); rename all but one")


def status_names(raw: Any) -> tuple[str, ...]:
    """The name staff see, then those in the account's other languages."""
    if not isinstance(raw, dict):
        return ()
    texts = [text.get("name") for text in raw.get("texts") or [] if isinstance(text, dict)]
    return tuple(name for name in (raw.get("name"), *texts) if isinstance(name, str) and name)


def _numbered(items: list[Raw]) -> list[Raw]:
    return [raw for raw in items if isinstance(raw.get("id"), int)]


def _named(items: list[Raw]) -> list[tuple[int, str]]:
    return [(raw["id"], str(raw.get("name") or "")) for raw in _numbered(items)]


def _field(raw: Raw) -> PortalField:
    kind, options = raw.get("type"), raw.get("enumValues")
    return PortalField(
        raw["id"], str(raw.get("name") or ""), kind if isinstance(kind, int) else 0,
        tuple(str(option) for option in options) if isinstance(options, list) else (),
    )  # fmt: skip


def _attached(described: Raw) -> frozenset[int] | None:
    if not isinstance(described.get("customFieldData"), list):
        return None
    return frozenset(custom_values(described))
