"""What a face answers in place of data (contract 6.4)."""

from __future__ import annotations

#: Their fault is ours to bear: the caller may try again.
SERVER = ("BUSY", "INTERNAL", "MAINTENANCE")
TEXTS = {
    "AUTH": "Access denied", "CLIENT_NOT_FOUND": "Client not found", "PAGE_EXPIRED": "The page token is no longer valid",
    "REQUEST_ID_REUSED": "This RequestID was used with other content", "BUSY": "Too busy, try again",
    "INTERNAL": "Internal error", "MAINTENANCE": "Maintenance, try later", "SCHEMA": "The request breaks the schema",
}  # fmt: skip


class Fault(Exception):
    """A fault with its code; concerns no field of a form."""

    def __init__(self, code: str, message: str = "", field: str = "") -> None:
        super().__init__(message or TEXTS[code])
        self.code, self.message, self.field = code, message or TEXTS[code], field

    @property
    def text(self) -> str:
        return TEXTS[self.code]

    @property
    def server(self) -> bool:
        return self.code in SERVER


class NoSuchOperation(Exception):
    """The office does not have that operation, or not as its switches are set."""


class Unproven(Exception):
    """Refused by the web server in front, before anything is read."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status
