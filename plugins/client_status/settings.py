"""What a customer may set, in their mapping set under [plugin.client_status]."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from kernel.extension.portal import Portal

NAME = "client_status"


class ClientStatusSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field("broker", description="the connection of the back office; while it is off, nothing is compared")
    archive: Literal["tell", "set", "off"] = Field(
        "tell", description="all contracts are closed: tell the client's manager, set the status in the card too, or nothing"
    )
    data_set: str = Field("contracts", description="the set of data that holds the contracts")
    table: str = Field("contracts", description="its table")
    column: str = Field("status", description="the column that says how a contract stands")
    closed: list[str] = Field(["CLOSED"], min_length=1, description="its codes of a contract that is closed")
    status_closed: str = Field("closed", description="key of the card's status when all contracts are closed")
    status_open: str = Field("active", description="key of the status when one is open again")


def settings_of(portal: Portal) -> ClientStatusSettings:
    return portal.settings(NAME, ClientStatusSettings)
