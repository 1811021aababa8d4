"""The words of the terms: a question that was put, and what was filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

State = Literal["open", "filled", "left"]
"""filled: every term is answered. left: the deal went elsewhere, was closed or deleted."""
Way = Literal["task", "form"]


@dataclass(frozen=True)
class Question:
    """What is asked about one deal, from its coming to the stage until it is answered or goes elsewhere."""

    deal: str
    round: int  #: the how manieth time it came there
    name: str
    card: str  #: where staff open the deal
    owner: str  #: the CRM's id of the deal's responsible
    state: State
    way: Way
    template: str = ""  #: of the process that asks
    url: str = ""  #: where its task is answered; empty until the CRM has told
    begun: bool = False  #: the process is known to have been started
    asked_at: int = 0  #: microseconds
    head_due: int = 0  #: when the owner's head is told, microseconds; 0 when that was done
    notices: int = 0  #: how many were put or taken back, so that each is one of its own
    missed: int = 0  #: how many looks in a row found no process although terms are not answered


@dataclass(frozen=True)
class Fill:
    """The terms as somebody answered them in our form; or, without a number of answers, that they stood in the card."""

    number: int
    person: str
    person_name: str
    at: int  #: microseconds
    by_form: bool
    answers: Mapping[str, str]
