"""What a customer may set, in their mapping set under [plugin.stage_lock]."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Entity = Literal["deal", "lead"]


class StageLockSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    entities: list[Entity] = Field(["deal"], description="which records are locked: deal, lead")
    override: list[str] = Field(
        default_factory=list, description="names of people, or of groups whose head may move a record anywhere"
    )
    other_pipelines: Literal["refuse", "allow"] = Field(
        "refuse", description="whether these records may stand in pipelines that the set does not name"
    )
    reversals_per_hour: int = Field(
        6, ge=1, description="how often in an hour one record is put back; then it is left, and the head is told"
    )
