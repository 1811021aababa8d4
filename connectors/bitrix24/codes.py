"""What the things of a mapping set are called in Bitrix24: codes made from our words. Reading and set-up share them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from kernel.errors import Misconfigured
from kernel.mapping import EntityMap, FieldMap, StageMap

Kind = Literal["lead", "deal", "contact", "company", "smart"]
ENTITY_TYPES: Mapping[Kind, int] = {"lead": 1, "deal": 2, "contact": 3, "company": 4}
# The codes that the portal itself gives to the first stage, the won and the lost end.
SYSTEM_STAGES: Mapping[Kind, tuple[str, str, str]] = {
    "deal": ("NEW", "WON", "LOSE"),
    "lead": ("NEW", "CONVERTED", "JUNK"),
    "smart": ("NEW", "SUCCESS", "FAIL"),
}
STAGE_CHARACTERS_MAX: Mapping[Kind, int] = {"deal": 22, "lead": 21, "smart": 30}
FIELD_CHARACTERS_MAX = 50


def kind_of(entity: EntityMap) -> Kind:
    """Raises Misconfigured for a kind that Bitrix24 has not."""
    key = entity.kind or entity.entity
    for kind in (*ENTITY_TYPES, "smart"):
        if key == kind:
            return kind
    raise Misconfigured(
        f"mapping set: entity «{entity.entity}»: kind is «{key}»; Bitrix24 has lead, deal, contact, company and smart"
    )


def smart_key(entity: str, table: str = "") -> str:
    """Under which name the set-up keeps a smart process: "journal", or "deal/operation" for a table."""
    return f"{entity}/{table}" if table else entity


def fields_entity(kind: Kind, type_id: int) -> str:
    """The portal's name for the owner of custom fields; `type_id` is the smart process' own id, not its entityTypeId."""
    return f"CRM_{type_id}" if kind == "smart" else f"CRM_{kind.upper()}"


def field_code(name: str, field: FieldMap, kind: Kind, type_id: int = 0) -> str:
    """UF_CRM_CLIENT_RATE, or UF_CRM_7_CLIENT_RATE of a smart process whose own id is 7."""
    if field.code:
        return field.code
    prefix = f"UF_CRM_{type_id}_" if kind == "smart" else "UF_CRM_"
    return (prefix + name.upper())[:FIELD_CHARACTERS_MAX]


def stage_prefix(kind: Kind, entity_type: int, category: int) -> str:
    """What stands before a stage's code: nothing in leads and in the general pipeline of deals."""
    if kind == "smart":
        return f"DT{entity_type}_{category}:"
    return f"C{category}:" if kind == "deal" and category else ""


def stages_entity(kind: Kind, entity_type: int, category: int) -> str:
    """ENTITY_ID of the stages in the portal's directory."""
    if kind == "smart":
        return f"DYNAMIC_{entity_type}_STAGE_{category}"
    if kind == "lead":
        return "STATUS"
    return f"DEAL_STAGE_{category}" if category else "DEAL_STAGE"


def stage_codes(entity: EntityMap, pipeline: str, entity_type: int, category: int) -> dict[str, str]:
    """Our key -> whole code of each stage of one pipeline ("" where the entity has none)."""
    kind = kind_of(entity)
    first, won, lost = SYSTEM_STAGES.get(kind, SYSTEM_STAGES["deal"])
    system = {"": first, "won": won, "lost": lost}
    prefix, found = stage_prefix(kind, entity_type, category), dict[str, str]()
    room = STAGE_CHARACTERS_MAX.get(kind, 22) - len(prefix)
    for key, stage in entity.stage.items():
        if stage.pipeline == pipeline:
            given = system.pop(stage.outcome, "")  # only the first of its kind
            code = stage.code or given
            found[key] = code if ":" in code else prefix + (code or _fitting(key, room, prefix, found))
    return found


def labels(stage: StageMap) -> tuple[str, ...]:
    return (stage.label, *stage.also)


def _fitting(key: str, room: int, prefix: str, taken: Mapping[str, str]) -> str:
    """The key in capitals, cut to the room there is, and another than those already given."""
    code = key.upper()[:room]
    number = 2
    while prefix + code in taken.values():
        code = f"{key.upper()[: room - len(str(number))]}{number}"
        number += 1
    return code
