"""What a customer may set, in their mapping set under [plugin.terms]."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from kernel.mapping.strict import Clock


class TermsSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    connection: str = Field(
        "", description="the connection of the back office; without it, or while it is off, nothing is asked and held"
    )
    stage: str = Field("terms", description="the stage at which the terms of a deal are asked for")
    holds: list[str] = Field(["push"], description="stages that no deal reaches while a term is not answered")
    prefix: str = Field("terms_", min_length=1, description="fields of the deal whose names begin so are terms")
    template: str = Field(
        "", description="name of the business process that asks; without one in the portal our own form does"
    )
    remind_minutes: int = Field(60, ge=1, description="working minutes until the deal's owner is reminded")
    head_minutes: int = Field(240, ge=1, description="working minutes until the head of the owner is told")
    day_begins: Clock = Field("09:00", description="from when on a minute counts as a working one")
    day_ends: Clock = Field("18:00", description="until when")
    weekdays: list[int] = Field([1, 2, 3, 4, 5], min_length=1, description="on which days of the week, 1 is Monday")
