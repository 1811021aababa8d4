"""What the portal says when it refuses (contract 2.3 envelope, 2.4 codes)."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """`{"result":"fail","code":…,"error":…}` under an HTTP status."""

    def __init__(self, status: int, code: int, error: str, **extra: Any) -> None:
        super().__init__(error)
        self.status = status
        self.body: dict[str, Any] = {"result": "fail", "code": code, "error": error, **extra}


def unknown_token() -> Refusal:
    """401/1, sample error_unknown_token."""
    return Refusal(401, 1, "Access denied, unknown token")


def scope_denied() -> Refusal:
    """405/5: a missing scope looks like a wrong method, sample error_scope."""
    return Refusal(405, 5, "Scope denied, method not allowed")


def no_access(what: str = "object") -> Refusal:
    """400/6: the token's owner may not touch this record."""
    return Refusal(400, 6, f"Access denied to {what}")


def task_not_found(number: int) -> Refusal:
    """GET of a task nobody has: 400/0 (contract 2.4 row 1000)."""
    return Refusal(400, 0, f"Task not found by id {number}")


def contact_not_found(number: int) -> Refusal:
    """404/2000, sample contact_missing."""
    return Refusal(404, 2000, f"Contact not found by id {number}")


def bad_value(text: str) -> Refusal:
    """400/41."""
    return Refusal(400, 41, text)


def missing(text: str) -> Refusal:
    """400/40: a required parameter is not there."""
    return Refusal(400, 40, text)
