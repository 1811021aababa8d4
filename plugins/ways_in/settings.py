"""What a customer may set, in their mapping set under [plugin.ways_in]."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

NAME = "ways_in"


class WaysInSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    connections: list[str] = Field(
        default_factory=list, description="connections through which clients come in: of sites and of the state portal"
    )
    responsible: str = Field(
        "", description="name of the stand-in under whose name a lead waits to be given out; empty: whom the CRM names"
    )
    same_minutes: int = Field(
        10, ge=1, le=1440, description="the same form with the same phone and e-mail within this time is one submission"
    )
    link_hours: int = Field(24, ge=1, le=168, description="two leads of one person within this time are linked")
    activity_hours: int = Field(
        4, ge=1, le=240, description="an application of a client with an open deal is to be answered within this time"
    )
