"""What a customer may set, in their mapping set under [plugin.reception]."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ReceptionSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    managers: list[str] = Field(
        default_factory=list, description="names of managers who get new requests in turn; a known client keeps their own"
    )
    executor: str = Field("", description="name of the employee who executes deals")
    same_manager: bool = Field(
        True, description="a client who comes again goes to the manager of their request that is still open"
    )
    next_contact_days: int = Field(1, ge=0, description="next contact: this many working days after the request")
