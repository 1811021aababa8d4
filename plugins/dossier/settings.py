"""What a customer may set, in their mapping set under [plugin.dossier]."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from kernel.extension.portal import Portal

Place = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")]


class PositionColumns(BaseModel):
    """Where the figures of the block in the card stand: columns as TABLE.COLUMN of one set, each added up per currency."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    set: str = "position"
    available: Place = "cash.available"
    blocked: Place = "cash.blocked"
    value: Place = "securities.value"


class DossierSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field("broker", description="the connection that answers, [connection.broker] of the set")
    keep_days: int = Field(90, ge=1, description="so long an answer is kept after it was last opened")
    join_s: float = Field(
        2.0, ge=0, description="an opening takes the answer to a question that left so short a time before"
    )
    timeout_s: float = Field(8.0, gt=0, description="after so long without a sign whoever asks is taken for dead")
    stale_minutes: dict[str, int] = Field(
        default_factory=dict,
        description="by set: data older than that are shown only on demand while there are no new ones; else after a day",
    )
    position: PositionColumns = Field(
        PositionColumns(), description="which set, and which TABLE.COLUMN of it, stands in the client's card itself"
    )
    log_days: int = Field(180, ge=1, description="so long the request log is kept")


def settings_of(portal: Portal) -> DossierSettings:
    return portal.settings("dossier", DossierSettings)
