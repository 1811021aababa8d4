"""One firing of a script, as it goes through the steps."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from sandbox.planfix.model import Script


@dataclass(eq=False)
class Run:
    """One firing of a script, at the step it has come to."""

    script: Script
    task: int  # 0 where it is about a contact
    author: str
    chain: frozenset[str] = frozenset()
    comment: int = 0
    row: int = 0
    contact: int = 0
    step: int = 0
    attempt: int = 0
    due: float = 0.0
    held_until: float = 0.0
    order: int = 0
    request: dict[str, Any] | None = None  # kept for a retry
    blocks: dict[str, Any] = field(default_factory=dict)
    copy: bool = False
    done: threading.Event = field(default_factory=threading.Event)
    result: dict[str, Any] = field(default_factory=dict)
