"""What a customer may set, in their mapping set under [plugin.workday]."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class WorkdaySettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    groups: list[str] = Field(
        default_factory=list, description="names of groups or departments whose members and heads must start their day"
    )
    paused_counts: bool = Field(False, description="a paused day counts as started")
