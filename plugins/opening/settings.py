"""What a customer may set for handing clients over, in their mapping set under [plugin.opening]."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from kernel.extension.portal import Portal
from kernel.mapping import PushMap, client_fields

NAME = "opening"


class OpeningSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field("broker", description="the connection of the back office; while it is off, nothing is handed over")
    push: str = Field("open_account", description="which push.NAME.toml says what is handed over")
    won: str = Field("opened", description="the stage that the deal is put to when the account is open")
    next_stage: str = Field("service_new", description="the stage at which the next department's deal is made")
    queue: str = Field("service", description="the assignment plugin's queue that gives the next deal a responsible")
    client_id: str = Field("client_id", description="the field of the client's card that holds the ClientID")
    status: str = Field("client_status", description="the field of the client's card that says how the client stands")
    active: str = Field("active", description="the value of that field once the account is open")
    next_deal: str = Field("next_deal", description="the deal's field that names the next deal")
    base_deal: str = Field("base_deal", description="the next deal's field that names the deal it came from")
    not_copied: list[str] = Field(
        default_factory=lambda: ["assigned", "created_by"], description="fields of the deal that the next one does not get"
    )
    activities: Literal["move", "leave"] = Field(
        "move", description="what is planned for the deal and not done: goes to the next deal, or stays"
    )
    slow_seconds: int = Field(60, ge=5, description="after so long without an answer the deal is told once")


def settings_of(portal: Portal) -> OpeningSettings:
    return portal.settings(NAME, OpeningSettings)


def push_of(portal: Portal) -> PushMap | None:
    """None where the set hands nothing over."""
    return portal.mapping.pushes.get(settings_of(portal).push)


def naming_client(portal: Portal, push: PushMap) -> list[tuple[str, str]]:
    """Which kind of record the client is, and the deal's field that names them; the first that is filled counts."""
    handed_over = {part.of for part in push.part}
    return [(kind, name) for kind, name in client_fields(portal.mapping.entity(push.entity)) if kind in handed_over]
