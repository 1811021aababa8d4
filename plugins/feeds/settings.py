"""What a customer may set, in their mapping set under [plugin.feeds]."""

from __future__ import annotations

from ipaddress import ip_network

from pydantic import BaseModel, ConfigDict, Field, field_validator


class FeedsSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    tombstone_days: int = Field(90, ge=1, le=3650, description="how long a deletion is kept; an older cursor begins anew")
    per_minute: int = Field(60, ge=1, le=6000, description="reads a minute with one key")
    proxies: list[str] = Field(
        default_factory=list,
        description="networks of our own proxies, like 127.0.0.1/32: what they say of where a request came from is believed",
    )

    @field_validator("proxies")
    @classmethod
    def _networks(cls, proxies: list[str]) -> list[str]:
        for one in proxies:
            ip_network(one)
        return proxies
