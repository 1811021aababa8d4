"""What a customer may set, in their mapping set under [plugin.dossier_lists]."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from kernel.extension.portal import Portal

NAME = "dossier_lists"


class DossierListsSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field("broker", description="the connection of the back office; while it is off, nothing is stored")
    lists: Literal["on", "summary", "off"] = Field(
        "on", description="what goes into the lists: rows and their totals, the totals alone, or nothing"
    )
    list_rows: int = Field(500, ge=1, le=5000, description="at most so many rows of a client in one list")
    list_every_s: int = Field(
        60, ge=1, description="a client's rows in one list are written once in so many seconds at most"
    )
    log_list: str = Field("request_log", description="the list that gets the request log; empty: none does")
    log_list_every_s: int = Field(60, ge=1, description="lines of the request log leave once in so many seconds at most")
    log_list_days: int = Field(7, ge=1, description="so long the request log is kept in that list")


def settings_of(portal: Portal) -> DossierListsSettings:
    return portal.settings(NAME, DossierListsSettings)
