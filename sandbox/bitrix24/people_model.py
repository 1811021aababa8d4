"""Staff and departments, as the portal keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class User:
    """A member of staff. `webhook` is the code of this person's own incoming webhook."""

    id: str
    name: str
    last_name: str = ""
    second_name: str = ""
    email: str = ""
    active: bool = True
    admin: bool = False
    departments: list[int] = field(default_factory=list)
    position: str = ""
    phone_inner: str = ""
    mobile: str = ""
    timeman: bool = True  #: does the portal track this person's work day
    technical: bool = False  #: an account for programs, not a person
    webhook: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        return f"{self.name} {self.last_name}".strip()


@dataclass
class Department:
    id: int
    name: str
    parent: int | None = None
    head: str = ""
    sort: int = 500
