"""Which thing of the portal is meant by a word of the set: by what we remember, then by its code, then by its label."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from connectors.bitrix24.marks import folded
from connectors.bitrix24.setup_model import Memory, Section

T = TypeVar("T")


def free_code(wished: str, taken: Collection[str], room: int) -> str:
    """The code itself, or with a number behind it where another thing bears it already."""
    code, number = wished[:room], 2
    while code in taken:
        tail = f"_{number}"
        code, number = wished[: room - len(tail)] + tail, number + 1
    return code


@dataclass(frozen=True)
class Wanted:
    """How a thing may be recognised. Codes are compared as they are, labels without case and spare blanks."""

    code: str
    labels: tuple[str, ...]


Fits = Callable[[str, T], bool]


def always(_word: str, _thing: object) -> bool:
    return True


@dataclass(frozen=True)
class Known(Generic[T]):
    """A thing of the portal with what it is recognised by."""

    id: str
    code: str
    label: str
    thing: T


def match(
    wanted: Mapping[str, Wanted], things: Sequence[Known[T]], remembered: Mapping[str, str], fits: Fits[T] = always
) -> tuple[dict[str, Known[T]], dict[str, list[Known[T]]]]:
    """Each word's thing; and, for words that have none, the several things that bear its label.

    `fits` says no to a thing of another type that was renamed out of the way: neither number nor code count then.
    """
    found: dict[str, Known[T]] = {}
    free = {one.id: one for one in things}

    def take(word: str, fitting: Iterable[Known[T]]) -> None:
        fitted = [one for one in fitting if one.id in free and fits(word, one.thing)]
        if word not in found and len(fitted) == 1:
            found[word] = free.pop(fitted[0].id)

    def labelled(word: str) -> list[Known[T]]:
        texts = {folded(label) for label in wanted[word].labels if label}
        return [one for one in free.values() if folded(one.label) in texts]

    def coded(word: str) -> list[Known[T]]:
        return [one for one in free.values() if wanted[word].code and one.code.upper() == wanted[word].code.upper()]

    for word in wanted:
        take(word, [one for one in things if one.id == remembered.get(word)])
    for word in wanted:
        take(word, [one for one in coded(word) if one in labelled(word)])
    for word in wanted:
        take(word, coded(word))
    for word in wanted:
        take(word, labelled(word))
    doubts = {word: labelled(word) for word in wanted if word not in found and len(labelled(word)) > 1}
    return found, doubts


def matched(
    section: Section,
    wanted: Mapping[str, Wanted],
    things: Sequence[Known[T]],
    memory: Memory,
    prefix: str = "",
    fits: Fits[T] = always,
) -> tuple[dict[str, T], dict[str, list[Known[T]]]]:
    """The same, and what was found is remembered under `prefix` and the word."""
    remembered = {word: str(memory.get(section, prefix + word) or "") for word in wanted}
    found, doubts = match(wanted, things, remembered, fits)
    for word, one in found.items():
        if remembered[word] != one.id:
            memory.adopt(section, prefix + word, one.id)
    spare = {one.id for one in things} - {one.id for one in found.values()}
    for word in wanted:
        if word not in found and remembered[word] in spare:
            memory.retire(section, prefix + word)
    return {word: one.thing for word, one in found.items()}, doubts
