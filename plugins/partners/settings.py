"""What a customer may set for the partners' chats, in their mapping set under [plugin.partners]."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from kernel.extension.portal import Portal
from kernel.extension.reading import ReadOnlyPortal
from plugins.partners.rules.incoming_text import FILES_REFUSED
from plugins.partners.rules.marks import MARKS

NAME, ENTITY = "partners", "partner"


class PartnersSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    chat: str = Field("", description="the connection of the bot; without it no chat is made and nothing is sent")
    partners: Literal["listed", "all"] = Field(
        "all", description="who gets a chat: those whose card has the tick «Чат з партнером», or all"
    )
    partner_mark: list[str] = Field(list(MARKS), min_length=1, description="a comment that begins so goes to the partner")
    notify_from: Literal["new", "client_paid"] = Field("new", description="from which stage on a partner is told of a deal")
    desk_name: str = Field("", description="in whose name a comment without an author leaves; empty: no name")
    region: str = Field("UA", min_length=2, max_length=2, description="country of phones that are written without its code")
    public_places: dict[str, str] = Field({}, description="place -> what partners are told it is called; others go unnamed")
    files_refused: list[str] = Field(list(FILES_REFUSED), description="endings of files that are not put into the CRM")
    keep_messages_days: int = Field(0, ge=0, description="after so many days texts and files are emptied; 0: kept for ever")
    confirm_unknown: bool = Field(
        True, description="a group that somebody unknown to the CRM brought the bot into waits for staff to confirm it"
    )
    buttons: bool = Field(False, description="buttons «Беру», «Оплачено», «Питання» under a deal's message")
    partner_moves: bool = Field(
        False, description="«Оплачено» moves a deal whose client has paid to the stage «partner_paid»; else staff do"
    )
    leak_check: bool = Field(False, description="hold a comment back that says what the partner must not know")
    balance_command: bool = Field(False, description="partners ask for their own figures with /stan")


def settings_of(portal: Portal | ReadOnlyPortal) -> PartnersSettings:
    return portal.settings(NAME, PartnersSettings)
