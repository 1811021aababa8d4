"""Mapping files: which object, field, stage and table of which portal is what. Data only, strict.

A set is a folder: `portal.toml` names the connector, the plugins switched on and their settings (never a secret); every
other `*.toml` describes one entity, or, if its name begins with `list.`, a list beside the records, with `set.` a set of
data of another system, with `push.` what is handed over to it, with `feed.` what it may fetch, with `form.` what comes in
from a site or a state portal and becomes a lead. An unknown key is an error that names file, key and line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from kernel.errors import Misconfigured
from kernel.mapping.cards import CardMap, FieldTypeMap, against_entity, check_type_names
from kernel.mapping.feeds import FEED_FILES, FeedMap, load_feeds
from kernel.mapping.forms import FORM_FILES, LEAD, FormMap, load_forms
from kernel.mapping.pushes import PUSH_FILES, PushMap, load_pushes
from kernel.mapping.sets import SET_FILES, SetMap, load_sets
from kernel.mapping.strict import Strict, line_of, load, place

CONNECTION_NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
OPERATOR = "operator"  #: whoever has the machine in hand; no role of any set
FieldType = Literal[
    "text", "decimal", "date", "datetime", "bool", "contact", "company", "user", "users", "choice", "deal"
]  # fmt: skip


class FieldMap(Strict):
    """One field: `system` is the CRM's own field name, `label` a field staff made; exactly one of the two."""

    label: str = ""
    system: str = ""
    title: str = ""  #: what staff call a system field
    type: FieldType = "text"
    write: bool = False  #: we fill it
    multiline: bool = False  #: of a text: it holds several lines, and line ends matter
    required: bool = True  #: the portal must have it; otherwise its absence only switches something off
    values: dict[str, str] = Field(default_factory=dict)  #: for `choice`: our key -> the portal's label
    code: str = ""  #: the portal's own code of it, where it is not the one made from our key (Bitrix24: UF_CRM_…)
    help: str = ""

    @model_validator(mode="after")
    def _one_name(self) -> FieldMap:
        if bool(self.label) == bool(self.system):
            raise ValueError("give either label (a field staff made) or system (the CRM's own field)")
        if (self.type == "choice") != bool(self.values):
            raise ValueError("a field of type choice, and only such a one, has values")
        if self.multiline and self.type != "text":
            raise ValueError("only a field of type text is multiline")
        return self

    @property
    def name(self) -> str:
        """What staff call it."""
        return self.label or self.title or self.system


class StageMap(Strict):
    label: str
    next: list[str] = Field(default_factory=list)  #: the stage pool: where a record may go from here
    also: list[str] = Field(default_factory=list)  #: further labels that mean the same stage
    pipeline: str = ""  #: one of the entity's pipelines, where it has several
    outcome: Literal["", "won", "lost"] = ""  #: the end it means
    start: bool = False  #: records may be made here; if no stage says so, anywhere
    code: str = ""  #: the portal's own code of it, where it is not the one made from our key
    color: str = ""


class PipelineMap(Strict):
    label: str


class TableMap(Strict):
    label: str
    key: str  #: the logical field that keeps our key
    code: str = ""  #: the portal's own code of it, where it is not the one made from our key
    field: dict[str, FieldMap]


class EntityMap(Strict):
    entity: str
    object: str = ""  #: the CRM's word (an object's or template's name)
    kind: str = ""  #: which kind of record it is for the connector, where that is not plain from `entity`
    key: str = ""  #: the logical field that keeps our key
    pipeline: dict[str, PipelineMap] = Field(default_factory=dict)
    stage: dict[str, StageMap] = Field(default_factory=dict)
    field: dict[str, FieldMap] = Field(default_factory=dict)
    table: dict[str, TableMap] = Field(default_factory=dict)

    @property
    def narrow(self) -> bool:
        """Only the contacts of that object (a template, a type); the entity «contact» itself is all of them."""
        return self.kind == "contact" and self.entity != "contact" and bool(self.object)

    @model_validator(mode="after")
    def _known_stages(self) -> EntityMap:
        for name, stage in self.stage.items():
            for other in stage.next:
                if other not in self.stage:
                    raise ValueError(f"stage.{name}.next names «{other}», which is not a stage here")
            if stage.pipeline and stage.pipeline not in self.pipeline:
                raise ValueError(f"stage.{name}.pipeline names «{stage.pipeline}», which is not a pipeline here")
            if self.pipeline and not stage.pipeline:
                raise ValueError(f"stage.{name} must name its pipeline: {', '.join(self.pipeline)}")
        return self

    def stage_of(self, label: str) -> str | None:
        """Our key of the stage staff see under that label."""
        folded = label.strip().casefold()
        for name, stage in self.stage.items():
            if folded in {text.casefold() for text in (stage.label, *stage.also)}:
                return name
        return None


class ListMap(Strict):
    """A list of its own beside the records (Bitrix24: a universal list)."""

    name: str
    label: str
    code: str = ""  #: the portal's own code of it
    link: list[Literal["lead", "deal", "contact", "company"]] = Field(default_factory=list)  #: whose cards show it
    readers: list[str] = Field(default_factory=list)  #: names of departments that may read it; "*": everybody
    reader_roles: list[str] = Field(default_factory=list)  #: roles of the set whose people may read it, too
    help: str = ""
    field: dict[str, FieldMap] = Field(default_factory=dict)


class RobotMap(Strict):
    """A step that staff may put into the CRM's own automation: it tells us of the record it runs on."""

    label: str
    entity: str = "deal"
    event: str  #: what the delivery will be called: "deal.recalculate"


class PlacementMap(Strict):
    """A page of ours inside the CRM."""

    place: str  #: the CRM's word for the place: "LEFT_MENU"
    title: str
    page: str  #: the path of ours that opens there: "/heads/"
    connection: str = ""  #: it is there only where that connection is switched on


class SenderMap(Strict):
    """We are a provider of texts in the CRM under that name: its own form and its automation offer us."""

    title: str
    connection: str  #: which provider of ours sends them; it is there only while that connection is switched on
    description: str = ""


class ConnectionMap(Strict):
    """One more outside system; its settings are in the environment: CONNECTOR_CONNECTION_SETTING."""

    connector: str


Sees = Literal["none", "own", "department", "all"]


class RoleMap(Strict):
    """Who has a role, and which rights it brings. Any one line makes somebody have it."""

    label: str | dict[Literal["uk", "ru", "en"], str]
    rights: list[str] = Field(default_factory=list)  #: "*": every right there is
    groups: list[str] = Field(default_factory=list)  #: members of these groups or departments of the CRM
    heads: list[str] = Field(default_factory=list)  #: heads of these departments; "*": of any
    positions: list[str] = Field(default_factory=list)
    people: list[str] = Field(default_factory=list)  #: by the CRM's id, or by name
    administrators: bool = False  #: the CRM's own administrators
    everyone: bool = False  #: everybody who is active in the CRM
    private_link: bool = False  #: their one-time links are written to them alone, never into a field
    sees: dict[str, Sees] = Field(default_factory=dict)  #: by kind of record: what the CRM's administrators let them see

    def label_in(self, language: str) -> str:
        """In that language, or in the next best one."""
        if isinstance(self.label, str):
            return self.label
        found = {str(one): text for one, text in self.label.items()}
        return next((found[one] for one in (language, "uk", "ru", "en") if one in found), "")


class PortalMap(Strict):
    connector: str  #: the CRM's
    portal: str = "main"  #: the name of the CRM's connection, and the word in its webhook addresses
    connection: dict[str, ConnectionMap] = Field(default_factory=dict)  #: all others, by the customer's own names
    language: Literal["uk", "ru", "en"] = "uk"
    time_zone: str = "UTC"
    plugin: dict[str, dict[str, Any]] = Field(default_factory=dict)
    robot: dict[str, RobotMap] = Field(default_factory=dict)
    placement: dict[str, PlacementMap] = Field(default_factory=dict)
    sender: dict[str, SenderMap] = Field(default_factory=dict)
    card: dict[str, CardMap] = Field(default_factory=dict)  #: by entity: how its cards are arranged for everybody
    field_type: dict[str, FieldTypeMap] = Field(default_factory=dict)  #: pages of ours in the place of a card's field
    by_hand: list[str] = Field(default_factory=list)  #: steps that only a person can do in the CRM's own settings
    role: dict[str, RoleMap] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _role_names(self) -> PortalMap:
        for name in self.role:
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or name == OPERATOR:
                raise ValueError(f"role.{name}: a role's name is a word of small Latin letters, and not «{OPERATOR}»")
        return self

    @model_validator(mode="after")
    def _placed_by_connections(self) -> PortalMap:
        for kind, shown in (("placement", self.placement), ("field_type", self.field_type), ("sender", self.sender)):
            for name, one in shown.items():
                if one.connection and one.connection not in self.connection:
                    raise ValueError(f"{kind}.{name}.connection names «{one.connection}», which is no connection here")
        check_type_names(self.field_type)
        return self

    @model_validator(mode="after")
    def _plain_names(self) -> PortalMap:
        for name in self.connection:
            if not CONNECTION_NAME.fullmatch(name):
                raise ValueError(f"connection.{name}: a name is made of a-z, 0-9 and _, and begins with a letter")
            if name == self.portal:
                raise ValueError(f"connection.{name}: the CRM's own connection has that name (portal = «{self.portal}»)")
        return self


@dataclass(frozen=True)
class MappingSet:
    """One customer's set-up, as read from its folder."""

    name: str
    portal: PortalMap
    entities: Mapping[str, EntityMap]
    lists: Mapping[str, ListMap] = field(default_factory=dict)
    portal_text: str = ""  #: portal.toml as it stands, to name lines by
    sets: Mapping[str, SetMap] = field(default_factory=dict)  #: data of another system, in their order
    pushes: Mapping[str, PushMap] = field(default_factory=dict)  #: what is handed over to it
    feeds: Mapping[str, FeedMap] = field(default_factory=dict)  #: what others may fetch
    forms: Mapping[str, FormMap] = field(default_factory=dict)  #: what comes in and becomes a lead

    def place(self, keys: Sequence[str], value: str = "") -> str:
        """Where in portal.toml that key stands, and the value in it: "set/portal.toml, line 7: role.owner.rights"."""
        line = line_of(self.portal_text, list(keys))
        lines = self.portal_text.splitlines()
        if value:  # a list may go on over several lines
            line = next((n for n, text in enumerate(lines, 1) if n >= line and f'"{value}"' in text), line)
        return f"{self.name}/portal.toml, line {line}: {'.'.join(keys)}"

    def entity(self, name: str) -> EntityMap:
        if name not in self.entities:
            raise Misconfigured(f"mapping set «{self.name}» has no entity «{name}»")
        return self.entities[name]


def load_set(folder: Path) -> MappingSet:
    """Read and check a set. Raises Misconfigured naming file, key and line."""
    if not (folder / "portal.toml").is_file():
        raise Misconfigured(f"mapping set «{folder.name}»: there is no portal.toml in {folder}")
    portal = load(folder / "portal.toml", PortalMap)
    entities: dict[str, EntityMap] = {}
    lists: dict[str, ListMap] = {}
    for path in sorted(folder.glob("*.toml")):
        if path.name.startswith("list."):
            one = load(path, ListMap)
            _check_reader_roles(path, one, portal)
            lists[one.name] = one
        elif path.name != "portal.toml" and not path.name.startswith((SET_FILES, PUSH_FILES, FEED_FILES, FORM_FILES)):
            entity = load(path, EntityMap)
            entities[entity.entity] = entity
    _check_cards(folder / "portal.toml", portal, entities)
    known = {name: {key: field.type for key, field in one.field.items()} for name, one in lists.items()}
    fields = {name: one.field for name, one in entities.items()}
    return MappingSet(
        folder.name, portal, entities, lists, (folder / "portal.toml").read_text(encoding="utf-8"),
        load_sets(folder, known), load_pushes(folder, fields), load_feeds(folder, fields),
        load_forms(folder, fields.get(LEAD), portal.connection),
    )  # fmt: skip


def _check_reader_roles(path: Path, one: ListMap, portal: PortalMap) -> None:
    """Raises Misconfigured naming file, key and line."""
    unknown = [role for role in one.reader_roles if role not in portal.role]
    if unknown:
        where = place(path, path.read_text(encoding="utf-8"), ["reader_roles"])
        known = ", ".join(sorted(portal.role)) or "none"
        raise Misconfigured(f"{where}: «{unknown[0]}» is no role of this set; known: {known}")


def _check_cards(path: Path, portal: PortalMap, entities: Mapping[str, EntityMap]) -> None:
    """Raises Misconfigured naming what a card shows and the set does not have."""
    wrong: list[tuple[list[str], str]] = []
    for name, type_ in portal.field_type.items():
        wrong += [
            (["field_type", name, "of"], f"«{one}» is no entity of this set") for one in type_.of if one not in entities
        ]
    for name, card in portal.card.items():
        if (entity := entities.get(name)) is None:
            wrong.append((["card", name], f"«{name}» is no entity of this set"))
            continue
        pages = [key for key, one in portal.field_type.items() if name in one.of]
        wrong += [(["field_type", key], f"{name} has a field of that name") for key in pages if key in entity.field]
        for keys, what in against_entity(card, entity.field, pages, entity.pipeline, entity.key):
            wrong.append((["card", name, *keys], what))
    if wrong:
        text = path.read_text(encoding="utf-8")
        raise Misconfigured("\n".join(f"{place(path, text, keys)}: {what}" for keys, what in wrong))
