"""What a customer may set, in their mapping set under [plugin.dossier]."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from kernel.extension.portal import Portal


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
    log_days: int = Field(180, ge=1, description="so long the request log is kept")


def settings_of(portal: Portal) -> DossierSettings:
    return portal.settings("dossier", DossierSettings)
