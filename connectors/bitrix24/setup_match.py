"""Which thing of the portal is meant by a key of the set: by what we remember, then by its code, then by its label."""

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


def always(_key: str, _thing: object) -> bool:
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
    """Each key's thing; and, for keys that have none, the several things that bear its label.

    `fits` says no to a thing of another type that was renamed out of the way: neither number nor code count then.
    """
    found: dict[str, Known[T]] = {}
    free = {one.id: one for one in things}

    def take(key: str, fitting: Iterable[Known[T]]) -> None:
        fitted = [one for one in fitting if one.id in free and fits(key, one.thing)]
        if key not in found and len(fitted) == 1:
            found[key] = free.pop(fitted[0].id)

    def labelled(key: str) -> list[Known[T]]:
        texts = {folded(label) for label in wanted[key].labels if label}
        return [one for one in free.values() if folded(one.label) in texts]

    def coded(key: str) -> list[Known[T]]:
        return [one for one in free.values() if wanted[key].code and one.code.upper() == wanted[key].code.upper()]

    for key in wanted:
        take(key, [one for one in things if one.id == remembered.get(key)])
    for key in wanted:
        take(key, [one for one in coded(key) if one in labelled(key)])
    for key in wanted:
        take(key, coded(key))
    for key in wanted:
        take(key, labelled(key))
    doubts = {key: labelled(key) for key in wanted if key not in found and len(labelled(key)) > 1}
    return found, doubts


def matched(
    section: Section,
    wanted: Mapping[str, Wanted],
    things: Sequence[Known[T]],
    memory: Memory,
    prefix: str = "",
    fits: Fits[T] = always,
) -> tuple[dict[str, T], dict[str, list[Known[T]]]]:
    """The same, and what was found is remembered under `prefix` and the key."""
    remembered = {key: str(memory.get(section, prefix + key) or "") for key in wanted}
    found, doubts = match(wanted, things, remembered, fits)
    for key, one in found.items():
        if remembered[key] != one.id:
            memory.adopt(section, prefix + key, one.id)
    spare = {one.id for one in things} - {one.id for one in found.values()}
    for key in wanted:
        if key not in found and remembered[key] in spare:
            memory.retire(section, prefix + key)
    return {key: one.thing for key, one in found.items()}, doubts
