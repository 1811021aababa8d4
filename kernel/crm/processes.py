"""Business processes that the CRM runs for a record, and the questions that they put to people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Question:
    """What a running process waits for from one person."""

    id: str
    person: str
    url: str = ""  #: where staff answer it


@dataclass(frozen=True)
class Process:
    id: str
    questions: tuple[Question, ...] = ()


class Processes(Protocol):
    """What a CRM that runs processes can be asked and told. At most one process of a template runs for a record."""

    def template(self, entity: str, name: str) -> str | None:
        """The id of the template that staff made for such records under that name; None if there is none."""

    def running(self, entity: str, template: str, record_id: str = "") -> Mapping[str, tuple[Process, ...]]:
        """By record, the processes of that template that have not ended, oldest first: of one record, or of all."""

    def start(self, entity: str, record_id: str, template: str) -> Process:
        """Start one, unless one runs already: that is looked up first, since an earlier try may have come through although
        its answer was lost."""

    def hand_over(self, entity: str, record_id: str, template: str, person: str) -> Process:
        """Have that person answer what is asked; where the CRM cannot pass a question on, the process is begun anew. The
        record says by then whose it is."""

    def end(self, entity: str, record_id: str, template: str, *, but: str = "") -> None:
        """End what runs, `but` for that one process."""


__all__ = ["Process", "Processes", "Question"]
