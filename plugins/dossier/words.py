"""What the request log calls a question, and what became of it."""

from __future__ import annotations

from kernel.extension.account_verbs import FIND, LOOK_UP, OPEN
from kernel.mapping import MappingSet
from kernel.texts import translate

HANDING_OVER = (OPEN, LOOK_UP, FIND)  #: questions that stand in no set


def title_of(mapping: MappingSet, language: str, name: str) -> str:
    """Of a set, or of a question that hands a client over; of one that is no more its bare name."""
    if name in mapping.sets:
        return mapping.sets[name].title
    return translate(language, f"dos_asked_{name.lower()}") if name in HANDING_OVER else name


def titles(mapping: MappingSet, language: str) -> dict[str, str]:
    """Of every question that there may be."""
    names = (*mapping.sets, *(HANDING_OVER if mapping.pushes else ()))
    return {name: title_of(mapping, language, name) for name in names}


def outcome_of(language: str, outcome: str) -> str:
    return translate(language, f"dos_outcome_{outcome}")
