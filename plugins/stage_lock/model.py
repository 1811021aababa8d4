"""The words of the stage lock: what it knows of a record, what it finds, what it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal["put_back", "undone", "left", "override", "granted", "gave_up"]
"""put_back: we wrote the stage back. undone: somebody had done so before us. left: a further move was allowed, so there was
nothing to write. override, granted: it was let stand. gave_up: something else kept moving it, so we stopped."""


@dataclass(frozen=True)
class Objection:
    """Why a move may not be made now: a text of the catalogs (kernel.texts) and its values. The text may also name {start}
    and {to}, the stages."""

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)
    no_override: bool = False  #: nor may those make it who may move a record anywhere


@dataclass(frozen=True)
class Known:
    """What is kept of one record between two syncs."""

    stage: str | None  #: the last allowed stage; None: it stands where the mapping knows no stage, and is left alone
    label: str = ""
    line: str = ""  #: the newest line of its history that was judged
    judged_at: int = 0  #: microseconds
    written: int = 0  #: the newest of our own writes that has been accounted for, by its number
    ahead: str = ""  #: label of a stage that was judged before its line of history came
    lagging: int = 0  #: how many syncs in a row the history was behind the record
    unsure: bool = False  #: to be looked at once more when our own writes have arrived
    gave_up: int = 0  #: number of the case at which we stopped putting it back
    elsewhere: bool = False  #: it stands in a pipeline that the set does not name, and may; `stage` is where it left ours
    name: str = ""
    gone: bool = False  #: it was not there when it was last asked for


@dataclass(frozen=True)
class Case:
    """One move that was not allowed, or was let stand by a right or a permission."""

    number: int
    portal: str
    entity: str
    record_id: str
    name: str  #: the record's
    person: str  #: who moved it: the CRM's id; empty if nobody knows
    person_name: str
    from_stage: str  #: our word; empty where it was just made
    to_stage: str  #: our word; empty where the mapping does not know the stage
    to_label: str
    why: Objection
    outcome: Outcome
    times: int
    moved_at: int  #: microseconds, by the CRM's clock where it told
    found_at: int
    last_at: int
    settled_at: int | None  #: None: still open
    trace: str
