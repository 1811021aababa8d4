"""Pipelines, stages and sources: what has to be made, renamed, put in order or taken away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.bitrix24.codes import (
    ENTITY_TYPES,
    STAGE_CHARACTERS_MAX,
    Kind,
    kind_of,
    labels,
    stage_codes,
    stage_prefix,
    stages_entity,
)
from connectors.bitrix24.setup_match import Known, Wanted, free_code, matched
from connectors.bitrix24.setup_model import Call, Category, Key, Memory, State, Status, Step
from connectors.bitrix24.setup_words import RECORDS, is_shall
from kernel.errors import Misconfigured
from kernel.mapping import EntityMap, MappingSet, StageMap

SEMANTICS: Mapping[str, str] = {"": "", "won": "S", "lost": "F"}
ENDS: Mapping[str, str] = {"": "в работе", "S": "успешная", "F": "провальная"}
# What a portal puts into a new pipeline by itself.
DEFAULT_CODES = frozenset({"PREPARATION", "PREPAYMENT_INVOICE", "EXECUTING", "FINAL_INVOICE", "APOLOGY"})
ORIGINATOR = "annex"
SORT_STEP = 10
DEAL = ENTITY_TYPES["deal"]


@dataclass(frozen=True)
class Line:
    """One row of stages: a pipeline of deals, or all leads."""

    entity: EntityMap
    kind: Kind
    pipeline: str  #: our key, "" where the entity has none
    label: str
    category: int | None  #: None: not made yet
    stages: Mapping[str, StageMap]

    @property
    def of(self) -> str:
        return f"воронки «{self.label}»" if self.pipeline else RECORDS[self.kind]

    def key(self, stage: str) -> Key:
        return Key("stage", f"{self.entity.entity}.{stage}")


def stage_steps(mapping: MappingSet, state: State, memory: Memory) -> list[Step]:
    steps: list[Step] = []
    for entity in mapping.entities.values():
        kind = kind_of(entity)
        if kind in ("deal", "lead") and (entity.stage or entity.pipeline):
            found = find_pipelines(entity, state, memory)
            steps += _pipelines(entity, found)
            for line in _lines(entity, kind, found):
                steps += _line_steps(line, state, memory)
        elif entity.stage:
            steps.append(Step("note", f"стадии «{entity.entity}»", "стадии заводятся только у сделок и лидов"))
    steps += _sources(mapping, state, memory)
    return [*steps, *_left_stages(mapping, state, memory), *_left_pipelines(mapping, state, memory)]


# --- pipelines -----------------------------------------------------------------------------------------------------------


def find_pipelines(entity: EntityMap, state: State, memory: Memory) -> dict[str, Category]:
    """By our key, those that are there. What is found is remembered."""
    wanted = {key: Wanted(f"{entity.entity}.{key}", (one.label,)) for key, one in entity.pipeline.items()}
    things = [Known(str(one.id), one.origin, one.name, one) for one in state.categories]
    return matched("pipeline", wanted, things, memory, f"{entity.entity}.")[0]


def _pipelines(entity: EntityMap, found: Mapping[str, Category]) -> list[Step]:
    steps = []
    for number, (key, wanted) in enumerate(entity.pipeline.items(), 1):
        kept, what = Key("pipeline", f"{entity.entity}.{key}"), f"воронка «{wanted.label}»"
        if key not in found:
            fields = {"name": wanted.label, "sort": number * 100, "originatorId": ORIGINATOR, "originId": kept.name}
            call = Call("crm.category.add", {"entityTypeId": DEAL, "fields": fields})
            steps.append(Step("create", what, calls=(call,), key=kept, learn=lambda made: str(made["category"]["id"])))
        elif found[key].name != wanted.label:
            call = Call("crm.category.update", {"entityTypeId": DEAL, "id": found[key].id, "fields": {"name": wanted.label}})
            steps.append(Step("rename", what, is_shall(found[key].name, wanted.label), (call,)))
    return steps


def _lines(entity: EntityMap, kind: Kind, found: Mapping[str, Category]) -> list[Line]:
    if not entity.pipeline:
        return [Line(entity, kind, "", "", 0, entity.stage)]
    return [
        Line(
            entity, kind, key, one.label, found[key].id if key in found else None,
            {name: stage for name, stage in entity.stage.items() if stage.pipeline == key},
        )
        for key, one in entity.pipeline.items()
    ]  # fmt: skip


# --- stages --------------------------------------------------------------------------------------------------------------


def _line_steps(line: Line, state: State, memory: Memory) -> list[Step]:
    if line.category is None:
        return [Step("create", f"стадия «{stage.label}» {line.of}") for stage in line.stages.values()]
    directory = stages_entity(line.kind, ENTITY_TYPES[line.kind], line.category)
    present = state.of(directory)
    codes = stage_codes(line.entity, line.pipeline, ENTITY_TYPES[line.kind], line.category)
    found: dict[str, Status] = {}
    for outcome, semantics in SEMANTICS.items():  # a won stage of ours is a won one there, whatever it was called before
        ours = {key: Wanted(codes[key], labels(one)) for key, one in line.stages.items() if one.outcome == outcome}
        things = [Known(_id(one), one.code, one.name, one) for one in present if one.semantics == semantics]
        found |= matched("stage", ours, things, memory, f"{line.entity.entity}.")[0]
    steps = _missing(line, directory, present, codes, found)
    for key, status in found.items():
        steps += _changed(line, key, status)
    spare = _spare(line, present, found, memory)
    steps += spare
    if not any(step.calls for step in steps):
        steps += _order(line, present, found)
    return steps + _strangers(line, present, found, memory, spare)


def _missing(
    line: Line, directory: str, present: Sequence[Status], codes: Mapping[str, str], found: Mapping[str, Status]
) -> list[Step]:
    steps = []
    for place, (key, stage) in enumerate(_in_order(line.stages).items(), 1):
        if key in found:
            continue
        semantics, what = SEMANTICS[stage.outcome], f"стадия «{stage.label}» {line.of}"
        # Its own code may be taken: by the stage that was the first one before, say.
        code = free_code(codes[key], {one.code for one in present}, STAGE_CHARACTERS_MAX[line.kind])
        fields: dict[str, object] = {
            "ENTITY_ID": directory, "STATUS_ID": code, "NAME": stage.label,
            "SORT": _fitting_sort(place * SORT_STEP, semantics, present),
        }  # fmt: skip
        if stage.color:
            fields["COLOR"] = stage.color
        if semantics:
            fields["SEMANTICS"] = semantics
        steps.append(
            Step(
                "create", what, ENDS[semantics],
                (Call("crm.status.add", {"fields": fields}),), line.key(key), code=f"{directory}:{code}",
            )
        )  # fmt: skip
    return steps


def _fitting_sort(wished: int, semantics: str, present: Sequence[Status]) -> int:
    """A stage in work must sort before the won one, a lost one behind it; the right order comes when all are there."""
    won = next((one.sort for one in present if one.semantics == "S"), None)
    if won is None or semantics == "S":
        return wished
    if semantics == "F":
        return max(wished, won + 1)
    return min(wished, max(won - 1, 0))


def _changed(line: Line, key: str, status: Status) -> list[Step]:
    stage, what = line.stages[key], f"стадия «{line.stages[key].label}» {line.of}"
    steps = []
    if status.name not in labels(stage):
        steps.append(Step("rename", what, is_shall(status.name, stage.label), (_update(status, {"NAME": stage.label}),)))
    if stage.color and status.color.upper() != stage.color.upper():
        call = _update(status, {"COLOR": stage.color})
        steps.append(Step("change", what, f"цвет: {is_shall(status.color, stage.color)}", (call,)))
    return steps


def _update(status: Status, fields: Mapping[str, object]) -> Call:
    return Call("crm.status.update", {"id": status.id, "fields": dict(fields)})


def _spare(line: Line, present: Sequence[Status], found: Mapping[str, Status], memory: Memory) -> list[Step]:
    """Default stages of a pipeline that we have just made: nobody has put anything into them yet."""
    key, taken = f"{line.entity.entity}.{line.pipeline}", {one.code for one in found.values()}
    if not line.category or key not in memory.fresh:
        return []
    prefix = stage_prefix(line.kind, DEAL, line.category)
    steps = [
        Step(
            "change", f"стадия «{one.name}» {line.of}", "стадия портала по умолчанию, лишняя: убрать",
            (Call("crm.status.delete", {"id": one.id, "params": {"FORCED": "N"}}),), count=_deals(one.code),
        )
        for one in present
        if one.code.removeprefix(prefix) in DEFAULT_CODES and one.code not in taken and not one.system
    ]  # fmt: skip
    if not steps:
        memory.fresh.discard(key)
    return steps


def _order(line: Line, present: Sequence[Status], found: Mapping[str, Status]) -> list[Step]:
    """Our stages in the set's order, those of the staff where they stand: each behind the one it stands behind now."""
    place = {found[key].code: number for number, key in enumerate(_in_order(line.stages)) if key in found}
    ours = [one for one in present if one.code in place]
    if [place[one.code] for one in ours] == sorted(place[one.code] for one in ours) and _settled(present):
        return []
    target = _target(present, sorted(ours, key=lambda one: place[one.code]))
    # The portal refuses a stage in work behind the won one. So all move up behind what there is, the last one first:
    # then the order is a right one after each call.
    top = -(-max((one.sort for one in present), default=0) // SORT_STEP) * SORT_STEP
    calls = [_update(one, {"SORT": top + number * SORT_STEP}) for number, one in enumerate(target, 1)]
    shown = " → ".join(one.name for one in target)
    return [Step("change", f"порядок стадий {line.of}", shown, tuple(reversed(calls)))]


def _settled(present: Sequence[Status]) -> bool:
    """In work, won, lost, and no two at the same place."""
    groups, sorts = [_group(one) for one in present], [one.sort for one in present]
    return groups == sorted(groups) and len(set(sorts)) == len(sorts)


def _group(status: Status) -> int:
    return {"": 0, "S": 1}.get(status.semantics, 2)


def _target(present: Sequence[Status], ours: Sequence[Status]) -> list[Status]:
    target: list[Status] = list(ours)
    codes = {one.code for one in ours}
    before: Status | None = None
    for one in present:
        if one.code not in codes:
            target.insert(target.index(before) + 1 if before else 0, one)
        before = one
    return sorted(target, key=_group)


def _strangers(
    line: Line, present: Sequence[Status], found: Mapping[str, Status], memory: Memory, spare: Sequence[Step]
) -> list[Step]:
    named = {one.code for one in found.values()}
    ours = {str(memory.get("stage", key)) for key in memory.left("stage", ())}
    going = {str(step.calls[0].params["id"]) for step in spare}
    return [
        Step("note", f"стадия «{one.name}» {line.of}", "в наборе её нет; остаётся как есть")
        for one in present
        if one.code not in named and _id(one) not in ours and one.id not in going
    ]


def _id(status: Status) -> str:
    """Codes are told apart by their directory only."""
    return f"{status.entity}:{status.code}"


def _in_order(stages: Mapping[str, StageMap]) -> dict[str, StageMap]:
    """In work, won, lost: the order the portal insists on."""
    return dict(sorted(stages.items(), key=lambda pair: ("", "won", "lost").index(pair[1].outcome)))


# --- sources -------------------------------------------------------------------------------------------------------------


def _sources(mapping: MappingSet, state: State, memory: Memory) -> list[Step]:
    """Choices that stand in the portal's own directory «Источники», which all records share."""
    labels_of: dict[str, str] = {}
    for entity in mapping.entities.values():
        for name, field in entity.field.items():
            for key, label in field.values.items() if field.system == "sourceId" else ():
                if labels_of.setdefault(key, label) != label:
                    raise Misconfigured(f"{mapping.name}: {entity.entity}.{name}: source «{key}» has two labels")
    found, _doubts = matched(
        "source", {key: Wanted(key.upper(), (label,)) for key, label in labels_of.items()},
        [Known(one.code, one.code, one.name, one) for one in state.of("SOURCE")], memory,
    )  # fmt: skip
    steps = []
    for key, label in labels_of.items():
        what = f"источник «{label}»"
        if key not in found:
            fields = {"ENTITY_ID": "SOURCE", "STATUS_ID": key.upper(), "NAME": label, "SORT": 500}
            call = Call("crm.status.add", {"fields": fields})
            steps.append(Step("create", what, calls=(call,), key=Key("source", key), code=key.upper()))
        elif found[key].name != label:
            steps.append(Step("rename", what, is_shall(found[key].name, label), (_update(found[key], {"NAME": label}),)))
    return steps


# --- what the set no longer names --------------------------------------------------------------------------------------


def _left_stages(mapping: MappingSet, state: State, memory: Memory) -> list[Step]:
    wanted = [f"{name}.{key}" for name, entity in mapping.entities.items() for key in entity.stage]
    doomed = {f"DEAL_STAGE_{memory.get('pipeline', key)}" for key in memory.left("pipeline", _pipeline_keys(mapping))}
    present = {_id(one): one for one in state.statuses}
    steps = []
    for key in memory.left("stage", wanted):
        status = present.get(str(memory.get("stage", key)))
        if status is None:
            memory.forget("stage", key)
        elif status.entity not in doomed and not status.system:
            steps.append(_drop_stage(key, status))
    return steps


def _drop_stage(key: str, status: Status) -> Step:
    kind = ENTITY_TYPES["lead"] if status.entity == "STATUS" else DEAL
    return Step(
        "drop", f"стадия «{status.name}»", "в наборе её больше нет",
        (Call("crm.status.delete", {"id": status.id, "params": {"FORCED": "N"}}),), Key("stage", key),
        count=_deals(status.code, kind),
        full="портал не удалит стадию, пока в ней есть записи: переведите их в другую и повторите apply",
    )  # fmt: skip


def _deals(stage: str, kind: int = DEAL) -> Call:
    return Call("crm.item.list", {"entityTypeId": kind, "select": ["id"], "filter": {"stageId": stage}})


def _left_pipelines(mapping: MappingSet, state: State, memory: Memory) -> list[Step]:
    steps, present = list[Step](), {str(one.id): one for one in state.categories}
    for key in memory.left("pipeline", _pipeline_keys(mapping)):
        category = present.get(str(memory.get("pipeline", key)))
        if category is None:
            memory.forget("pipeline", key)
            continue
        where = {"entityTypeId": DEAL, "select": ["id"], "filter": {"categoryId": category.id}}
        steps.append(
            Step(
                "drop", f"воронка «{category.name}»", "в наборе её больше нет",
                (Call("crm.category.delete", {"entityTypeId": DEAL, "id": category.id}),), Key("pipeline", key),
                count=Call("crm.item.list", where),
                full="портал не удалит воронку, пока в ней есть сделки: переведите их в другую и повторите apply",
            )
        )  # fmt: skip
    return steps


def _pipeline_keys(mapping: MappingSet) -> list[str]:
    return [f"{name}.{key}" for name, entity in mapping.entities.items() for key in entity.pipeline]
