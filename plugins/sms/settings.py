"""What a customer may set for texts, in their mapping set under [plugin.sms]."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from kernel.extension.portal import Portal
from kernel.values import zone_named

NAME = "sms"
Origin = Literal["robot", "person"]


class SmsSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: str = Field("sms", description="the connection of the provider; while it is off, nothing is sent")
    test: bool = Field(False, description="everything is checked, nothing is really sent or charged")
    quiet: str = Field("", description='hours in which nothing leaves, in the portal\'s zone: "21:00-09:00"; empty: none')
    quiet_for: tuple[Origin, ...] = Field(("robot",), description="whose texts wait then: robot, person")
    repeat_seconds: int = Field(60, ge=0, description="the same text of a robot to the same number within so long is held")
    opt_out_field: str = Field("no_sms", description="the field of a client's card that says: no texts")
    segments_max: int = Field(8, ge=1, le=20, description="a text of more parts is not sent")
    balance_low: Decimal = Field(Decimal(100), description="below that the page warns")
    account_zone: str = Field("Europe/Moscow", description="where the account's day ends")

    @field_validator("quiet")
    @classmethod
    def _two_times(cls, value: str) -> str:
        if value and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", value):
            raise ValueError('must be two times of day like "21:00-09:00"')
        if value and value[:5] == value[6:]:
            raise ValueError("begins and ends at the same time: leave it empty for no quiet hours")
        return value

    @field_validator("account_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        zone_named(value)
        return value


def settings_of(portal: Portal) -> SmsSettings:
    return portal.settings(NAME, SmsSettings)
