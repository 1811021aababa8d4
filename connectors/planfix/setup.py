"""The set-up of a Planfix portal: fields are made through REST, all else its REST cannot make says what to click.

A field that was made still has to be added to its object or contact template by hand. For an object the portal tells which
fields it has, so that is checked; for a contact template it does not, so a note says it.
"""

from __future__ import annotations

from functools import partial

from connectors.planfix import field_types as types
from connectors.planfix import settings
from connectors.planfix.client import Client, connect
from connectors.planfix.layout import Layout, PortalField, folded, kind_of
from connectors.planfix.missing import ACCOUNT, NewField, search
from kernel.errors import NoRight
from kernel.extension import Connection
from kernel.mapping import Change, Setup

FIELD_SET = "Annex"  #: the set of fields that ours are put into
RIGHT = f"{ACCOUNT} → Інтеграції → REST API → токен робота: увімкніть дозвіл «common_metadata», тоді повторіть apply"


def setup(connection: Connection) -> Setup:
    """Raises Misconfigured."""
    client = connect(connection, settings.read(connection.settings, connection.mapping.portal.time_zone))
    return PlanfixSetup(client, Layout(client, connection.mapping, connection.clock))


class PlanfixSetup:
    def __init__(self, client: Client, layout: Layout) -> None:
        self._client, self._layout = client, layout
        self._made: set[tuple[str, str]] = set()  #: of what, label: made in this run

    def plan(self) -> list[Change]:
        self._layout.forget()
        changes: list[Change] = []
        planned: set[tuple[str, str]] = set()
        for item, new in search(self._layout, self._client):
            what = f"{item.where}: {item.kind} «{item.name}»"
            key = (new.of, folded(new.map.label)) if new else ("", "")
            if new is None:
                changes.append(Change("manual", what, item.remedy))
            elif key in self._made:  # one more would only be a second one of that name
                changes.append(Change("manual", what, f"поле створено, але портал його не показує. {item.remedy}"))
            elif key not in planned:  # one field serves all objects
                planned.add(key)
                changes.append(Change("create", what, f"тип «{types.TITLES[new.type]}»", make=partial(self._make, new)))
        return [*changes, *self._notes()]

    def _make(self, new: NewField) -> None:
        label = new.map.label
        try:
            if any(folded(one.name) == folded(label) for one in self._fields(new.of)):
                return
            self._made.add((new.of, folded(label)))
            payload: dict[str, object] = {"name": label, "type": new.type, "groupId": self._field_set(new.of)}
            if new.type == types.LIST:
                payload["enumValues"] = list(new.map.values.values())
            self._client.create_field(new.of, payload)
        except NoRight as exc:
            raise NoRight(f"{exc}. {RIGHT}", vendor_code=exc.vendor_code) from exc

    def _fields(self, of: str) -> list[PortalField]:
        self._layout.forget()
        return self._layout.fields(of)

    def _field_set(self, of: str) -> int:
        """The number of our set of fields, made where it is not there."""
        for raw in self._client.field_sets(of):
            if isinstance(raw.get("id"), int) and folded(str(raw.get("name") or "")) == folded(FIELD_SET):
                return int(raw["id"])
        return self._client.create_field_set(of, FIELD_SET)

    def _notes(self) -> list[Change]:
        """What nobody can check through REST."""
        notes = []
        for entity in self._layout.mapping.entities.values():
            fields = [one for one in entity.field.values() if one.label]
            if kind_of(entity) == "contact" and fields:
                names = ", ".join(f"«{one.label}»" for one in fields)
                place = f"{ACCOUNT} → Контакти → Шаблони контактів"
                notes.append(
                    Change("note", f"поля {names} мають стояти в кожному шаблоні контактів", f"додайте їх: {place}")
                )
            if lines := [one for one in fields if one.multiline]:
                names = ", ".join(f"«{one.label}»" for one in lines)
                notes.append(Change("note", f"у полях {names} вимкніть HTML-редактор", "інакше кінці рядків зникають"))
        return notes
