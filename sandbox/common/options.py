"""What the command line of each emulation says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CommonOptions:
    """Every field has its default here, or in the emulation that has another one."""

    port: int = 0
    host: str = "127.0.0.1"
    token: str = "sandbox"  # noqa: S105 - a word for a sandbox, not a secret
    speedup: float = 1.0
    tls: tuple[str, str] | None = None
    seed: int = 0
    faults: tuple[tuple[str, Any], ...] = ()
    portal: str = "empty"
    post_to: str = ""
