"""What is missing in the portal for the mapping set, each with where to click; REST can make fields, too (setup.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.planfix import field_types as types
from connectors.planfix import limits
from connectors.planfix.client import Client
from connectors.planfix.layout import Layout, PortalField, by_label, folded, kind_of
from connectors.planfix.system import CONTACT_FIELDS, TASK_FIELDS
from kernel.crm import MissingItem
from kernel.errors import Fault, Misconfigured, NoRight
from kernel.mapping import EntityMap, FieldMap

ACCOUNT = "Керування акаунтом"
# Which types of a portal's field can hold what the set declares: the first is the one to make; the second
# table adds what can only be read.
WRITABLE: Mapping[str, tuple[int, ...]] = {
    "text": (types.LINE, types.TEXT, types.LIST),
    "decimal": (types.NUMBER, types.LINE, types.TEXT, types.LIST),
    "date": (types.DATE, types.MOMENT),
    "datetime": (types.MOMENT,),
    "bool": (types.FLAG,),
    "contact": (types.CONTACT, types.COUNTERPARTY, types.ANYBODY),
    "company": (types.CONTACT, types.COUNTERPARTY, types.ANYBODY),
    "user": (types.EMPLOYEE, types.ANYBODY),
    "users": (types.USERS, types.EMPLOYEE, types.ANYBODY),
    "choice": (types.LIST, types.LINE, types.TEXT),
    "deal": (types.TASK,),
}
READABLE: Mapping[str, frozenset[int]] = {
    "text": types.COMPUTED | {types.ENTRY, types.SET, types.ENTRIES, types.NUMBER},
    "decimal": types.COMPUTED | {types.ENTRY},
    "choice": frozenset({types.ENTRY, types.SET}),
    "users": frozenset({types.CONTACT, types.COUNTERPARTY}),
    "deal": frozenset({types.TASKS}),
}
# A call of each right that changes nothing; writing rights are tried on a record that does not exist.
PROBES: Mapping[str, tuple[str, str, dict[str, object] | None]] = {
    "task_readonly": ("POST", "task/list", {"pageSize": 1, "fields": "id"}),
    "task_update": ("POST", f"task/{limits.NO_SUCH_RECORD}", {}),
    "contact_readonly": ("POST", "contact/list", {"pageSize": 1, "fields": "id"}),
    "contact_update": ("POST", f"contact/{limits.NO_SUCH_RECORD}", {}),
    "comment_readonly": ("POST", f"task/{limits.NO_SUCH_RECORD}/comments/list", {"pageSize": 1, "fields": "id"}),
    "comment_add": ("POST", f"task/{limits.NO_SUCH_RECORD}/comments/", {}),
    "datatag_readonly": ("POST", "datatag/list", {"pageSize": 1, "fields": "id"}),
    "datatag_update": ("POST", f"datatag/entry/{limits.NO_SUCH_RECORD}", {}),
    "user_readonly": ("POST", "user/list", {"pageSize": 1, "fields": "id"}),
}
SCOPE_CODE = "5"


@dataclass(frozen=True)
class NewField:
    """A field that REST can make: on what (`task` or `contact`), and as the set describes it."""

    of: str
    map: FieldMap

    @property
    def type(self) -> int:
        return best_type(self.map)


def best_type(mapped: FieldMap) -> int:
    """The type of field to make for what the set declares."""
    return types.TEXT if mapped.multiline else WRITABLE[mapped.type][0]


def find_missing(layout: Layout, client: Client) -> list[MissingItem]:
    """Raises Unreachable or Throttled where the portal cannot be asked now."""
    return [item for item, _new in search(layout, client)]


def search(layout: Layout, client: Client) -> list[tuple[MissingItem, NewField | None]]:
    """What is missing, and where REST can make it, the field to make. Raises like find_missing."""
    rights = missing_rights(client)
    found = _Search(layout)
    for entity in layout.mapping.entities.values():
        try:
            found.entity(entity)
        except NoRight as exc:
            if exc.vendor_code != SCOPE_CODE or not rights:
                rights.append(MissingItem("right", entity.entity, "токен REST", f"{exc}: {_token('усі потрібні дозволи')}"))
    return [*((right, None) for right in rights), *((item, found.new.get(item)) for item in found.found)]


def missing_rights(client: Client) -> list[MissingItem]:
    """The rights (scopes) whose probe is refused for want of them; every other refusal is what the probe is after."""
    found = []
    for scope, (method, path, payload) in PROBES.items():
        try:
            client.probe(method, path, payload)
        except Fault as exc:
            if exc.vendor_code == SCOPE_CODE:
                found.append(MissingItem("right", scope, "токен REST", _token(f"дозвіл «{scope}»")))
            elif not exc.vendor_code or (exc.retry and exc.vendor_code != "0"):
                raise  # no answer, or too many requests: says nothing about the right
    return found


def _token(what: str) -> str:
    return f"{ACCOUNT} → Інтеграції → REST API → токен робота: увімкніть {what}"


@dataclass
class _Search:
    layout: Layout
    found: list[MissingItem] = field(default_factory=list)
    new: dict[MissingItem, NewField] = field(default_factory=dict)

    def add(self, kind: str, name: str, where: str, remedy: str, new: NewField | None = None) -> None:
        item = MissingItem(kind, name, where, remedy)
        if item not in self.found:
            self.found.append(item)
        if new is not None:
            self.new[item] = new

    def entity(self, entity: EntityMap) -> None:
        if kind_of(entity) == "contact":
            self._contact(entity)
        else:
            self._task(entity)
        for name in entity.table:
            self._table(entity, name)

    def _task(self, entity: EntityMap) -> None:
        where, place = f"об'єкт «{entity.object}»", f"{ACCOUNT} → Об'єкти"
        try:
            object_id = self.layout.object_id(entity)
        except Misconfigured:
            same = len(by_label(self.layout.objects(), entity.object))
            todo = "залиште одному з них цю назву" if same > 1 else f"створіть об'єкт «{entity.object}»"
            self.add("object", entity.object, "портал", f"{place}: {todo}")
            attached = None
        else:
            attached = self.layout.attached(object_id)
            self._stages(entity, object_id, where)
        for mapped in entity.field.values():
            make = f"{ACCOUNT} → Поля → Завдання: створіть поле"
            self._field(mapped, "task", where, make, attached, f"{place} → «{entity.object}» → Поля")

    def _stages(self, entity: EntityMap, object_id: int, where: str) -> None:
        present = {folded(name) for _number, names in self.layout.statuses(object_id) for name in names}
        for stage in entity.stage.values():
            if not present & {folded(label) for label in (stage.label, *stage.also)}:
                place = f"{ACCOUNT} → Об'єкти → «{entity.object}» → Статуси"
                self.add("stage", stage.label, where, f"{place}: додайте статус «{stage.label}» до набору")

    def _contact(self, entity: EntityMap) -> None:
        place = f"{ACCOUNT} → Контакти → Шаблони контактів"
        if entity.object:
            same = by_label(self.layout.templates("contact"), entity.object)
            if len(same) != 1:
                todo = "залиште одному з них цю назву" if same else f"створіть шаблон «{entity.object}»"
                self.add("object", entity.object, "шаблони контактів", f"{place}: {todo}")
        for mapped in entity.field.values():
            make = f"{ACCOUNT} → Поля → Контакти: додайте до шаблону «{entity.object}» поле"
            self._field(mapped, "contact", f"контакт «{entity.object}»", make, None, "")

    def _table(self, entity: EntityMap, name: str) -> None:
        table, place = entity.table[name], f"{ACCOUNT} → Аналітики"
        same = by_label(self.layout.tables(), table.label)
        if len(same) != 1:
            todo = "залиште одній з них цю назву" if same else f"створіть аналітику «{table.label}»"
            self.add("table", table.label, f"{entity.object}", f"{place}: {todo}")
            return
        for mapped in table.field.values():
            make = f"{place} → «{table.label}» → Поля: додайте поле"
            self._field(mapped, f"datatag/{same[0]}", f"аналітика «{table.label}»", make, None, "")

    def _field(self, mapped: FieldMap, of: str, where: str, make: str, attached: frozenset[int] | None, attach: str) -> None:
        if mapped.system:
            if mapped.system not in (TASK_FIELDS if of == "task" else CONTACT_FIELDS):
                remedy = f"виправте набір: системного поля «{mapped.system}» конектор не знає"
                self.add("field", mapped.system, where, remedy)
            return
        same = [one for one in self.layout.fields(of) if folded(one.name) == folded(mapped.label)]
        joined = same if attached is None else [one for one in same if one.id in attached]
        if not same:
            if mapped.required:
                remedy = f"{make} «{mapped.label}» типу «{types.TITLES[best_type(mapped)]}»"
                # Fields of a data tag are made in the interface only.
                self.add("field", mapped.label, where, remedy, NewField(of, mapped) if "/" not in of else None)
        elif len(same) > 1 and len(joined) != 1:
            numbers = ", ".join(str(one.id) for one in same)
            remedy = f"назва стоїть на кількох полях ({numbers}): {ACCOUNT} → Поля: перейменуйте зайві"
            self.add("field", mapped.label, where, remedy)
        elif not joined:
            if mapped.required:
                self.add(
                    "field", mapped.label, where, f"поле є, але не додане до об'єкта: {attach} → додайте «{mapped.label}»"
                )
        else:
            self._type(mapped, joined[0], where)

    def _type(self, mapped: FieldMap, portal: PortalField, where: str) -> None:
        fits = set(WRITABLE[mapped.type]) | (set() if mapped.write else READABLE.get(mapped.type, frozenset()))
        if portal.type not in fits:
            best, have = types.TITLES[best_type(mapped)], types.TITLES.get(portal.type, str(portal.type))
            remedy = (
                f"поле має тип «{have}», а треба «{best}»: {ACCOUNT} → Поля: перейменуйте це поле й створіть нове "
                f"«{mapped.label}» типу «{best}»"
            )
            self.add("field", mapped.label, where, remedy)
        elif portal.type == types.LIST and portal.options:
            present = {folded(option) for option in portal.options}
            for label in mapped.values.values():
                if folded(label) not in present:
                    remedy = f"{ACCOUNT} → Поля → «{mapped.label}» → Значення списку: додайте «{label}»"
                    self.add("field", f"{mapped.label}: {label}", where, remedy)
