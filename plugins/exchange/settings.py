"""What a customer may set for the desk, in their mapping set under [plugin.exchange]."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ExchangeSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    report_currency: str = Field("USD", description="currency in which totals and profit are valued")
    places: list[str] = Field(["main"], min_length=1, description="where the desk's money lies: cash desks, wallets, banks")
    default_place: str = Field("", description="the place of an operation that names none; default the first of places")
    merge_from: int = Field(3, ge=2, description="from this many operations on a deal shows as one line")
    jump: Literal["post", "refuse"] = Field(
        "post", description="a stage jumped over: post what was skipped, in order, or refuse the move"
    )
    payout_guard: Literal["refuse", "warn"] = Field(
        "refuse", description="a payout that would use other clients' money: refuse it, or only warn"
    )
    below_zero: Literal["warn", "refuse"] = Field(
        "warn", description="money that leaves a place which does not hold it: only warn, or refuse it"
    )
    custody_days: int = Field(30, ge=1, description="how long money is kept if the deal names no date")
    rate_days: int = Field(10, ge=1, description="how old a reference rate may be and still value an operation")
    journal_title: str = Field("Annex: книги обліку", description="name of the CRM record that keeps the daily heads")

    @model_validator(mode="after")
    def _place(self) -> ExchangeSettings:
        if self.default_place and self.default_place not in self.places:
            raise ValueError(f"default_place «{self.default_place}» is not among places")
        return self

    @property
    def home_place(self) -> str:
        return self.default_place or self.places[0]
