"""What an emulation answers with, free of any framework."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from mimetypes import guess_type
from pathlib import Path
from typing import Any, ClassVar, Self


@dataclass
class Answer:
    """Status, headers and bytes."""

    phrases: ClassVar[Mapping[int, str]] = {}  #: what the real server writes behind a status

    status: int = 200
    body: bytes = b""
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, body: Any, status: int = 200) -> Self:
        return cls(status, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode())

    @classmethod
    def of_html(cls, text: str, status: int = 200) -> Self:
        return cls(status, text.encode(), "text/html; charset=utf-8")

    @classmethod
    def of_file(cls, path: Path | None) -> Self:
        """A file of the page; 404 where there is none."""
        if path is None:
            return cls(404, b"not found", "text/plain")
        return cls(200, path.read_bytes(), guess_type(path.name)[0] or "text/plain", {"Cache-Control": "no-cache"})

    @property
    def line(self) -> str:
        return f"{self.status} {self.phrases.get(self.status, 'Error')}"

    def all_headers(self) -> list[tuple[str, str]]:
        return [("Content-Type", self.kind), *self.headers.items()]
