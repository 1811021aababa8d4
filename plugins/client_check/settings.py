"""What a customer may set, in their mapping set under [plugin.client_check]."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from kernel.extension.portal import Portal
from kernel.mapping.strict import Clock

NAME = "client_check"
EVERYTHING = f"{NAME}.all"


class ClientCheckSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field("broker", description="the connection of the back office; while it is off, nothing is compared")
    data_set: str = Field("contracts", description="the set of data by which a ClientID is asked for")
    client_id: str = Field("client_id", description="the field of the client's card that holds the ClientID")
    status: str = Field("client_status", description="the field of the card that says how the client stands")
    active: str = Field("active", description="its value of whom the back office must know")
    candidate: str = Field("candidate", description="its value of whom the back office does not know yet")
    unfinished_minutes: int = Field(15, ge=1, description="a hand-over that takes longer is a difference")
    uncertain_minutes: int = Field(60, ge=1, description="a request whose outcome is unknown for longer is one")
    questions_per_minute: int = Field(10, ge=1, le=60, description="so many clients the back office is asked for, at most")
    again_hours: int = Field(24, ge=1, description="so long an answer about a ClientID counts")
    tell_at: Clock = Field("09:30", description="from when on heads are told on a working day")
    weekdays: list[int] = Field([1, 2, 3, 4, 5], description="on which days of the week, 1 is Monday; none: nobody is told")


def settings_of(portal: Portal) -> ClientCheckSettings:
    return portal.settings(NAME, ClientCheckSettings)
