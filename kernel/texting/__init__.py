"""Short texts to telephones: the protocol of a provider, and what becomes of each text. Pure."""

from kernel.texting.model import (
    Cost,
    Funds,
    Outcome,
    Refusal,
    RefusalKind,
    Report,
    Sent,
    Text,
    Texting,
    TextState,
    pack_outcome,
    unpack_outcome,
)

__all__ = [
    "Cost", "Funds", "Outcome", "Refusal", "RefusalKind", "Report", "Sent", "Text", "TextState", "Texting", "pack_outcome",
    "unpack_outcome",
]  # fmt: skip
