"""What a customer may set, in their mapping set under [plugin.assignment]: one table per queue."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Weight = Annotated[int, Field(ge=1, le=1000)]


class QueueSettings(BaseModel):
    """[plugin.assignment.queue.NAME]"""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label: str | dict[str, str] = Field(
        "", description="what people call the queue, once or by language (ru, uk, en); default its name"
    )
    entity: Literal["lead", "deal"] = Field("lead", description="what is given out: lead or deal")
    groups: list[str] = Field(default_factory=list, description="groups (departments) whose members take part")
    people: list[str] = Field(default_factory=list, description="further members, by name")
    weights: dict[str, Weight] = Field(
        default_factory=dict, description="by name: how many for one of the others; default 1"
    )
    overdue_max: int = Field(
        5, ge=0, description="with more open leads and deals with overdue activities, a member gets none"
    )
    sources: list[str] = Field(
        default_factory=list, description="values of the field source that count; empty: every source"
    )
    stages: list[str] = Field(
        default_factory=list, description="stages where records join; default those marked start, else the first"
    )
    tell: list[str] = Field(
        default_factory=list, description="who is told when nobody fits; default the heads of the groups"
    )
    stand_ins: list[str] = Field(
        default_factory=list, description="members whom the CRM itself names as responsible: their name means nobody yet"
    )
    backlog_hours: int = Field(24, ge=0, description="records older than this when the queue began are left alone")


def label_of(queue: QueueSettings | None, name: str, language: str) -> str:
    """What people call a queue, in their language."""
    label = queue.label if queue else ""
    if isinstance(label, str):
        return label or name
    return label.get(language) or next(iter(label.values()), name)


class AssignmentSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    queue: dict[str, QueueSettings] = Field(default_factory=dict, description="the queues, by name")
    same_manager: bool = Field(
        True, description="a client who comes again goes to who has their open lead or deal, else to who has their card"
    )
    client_fields: list[str] = Field(
        default_factory=lambda: ["phone", "email", "client", "company"],
        description="fields by which a client is known again",
    )
    tell_minutes: int = Field(15, ge=1, description="heads are told at most once in so many minutes per queue")
