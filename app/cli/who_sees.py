"""Who may see what, role by role: what the CRM's administrators have to set there, and which lines nobody can check.

A CRM tells nobody by REST what its roles show. What Annex itself opens to a role is checked with every request.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kernel.extension import Plugin
from kernel.extension.roles import ALL, known_rights
from kernel.mapping import MappingSet
from kernel.texts import translate

UNCHECKED, CHECKED = "?", "✓"


@dataclass(frozen=True)
class Line:
    """`what` is a kind of record, or a right; `by_role` in the order of the set's roles."""

    what: str
    label: str
    by_role: tuple[str, ...]
    checked: bool


def lines(mapping: MappingSet, plugins: Sequence[Plugin]) -> list[Line]:
    """Nothing for a set that says of no role what it sees in the CRM."""
    roles, language = list(mapping.portal.role.values()), mapping.portal.language

    def text(how: str) -> str:
        return translate(language, f"doctor_sees_{how}")

    kinds = [name for name in mapping.entities if any(name in role.sees for role in roles)]
    if not kinds:
        return []
    found = [
        Line(name, _kind(name, language), tuple(text(one.sees.get(name, "none")) for one in roles), False) for name in kinds
    ]
    for right in known_rights(plugins):
        allowed = tuple(text("yes" if {right, ALL} & set(one.rights) else "none") for one in roles)
        found.append(Line(right, right, allowed, True))
    return found


def table(mapping: MappingSet, plugins: Sequence[Plugin]) -> Iterator[str]:
    """The same for people to read."""
    found, language = lines(mapping, plugins), mapping.portal.language
    if not found:
        return
    head = ("", translate(language, "doctor_sees_what"), *(one.label_in(language) for one in mapping.portal.role.values()))
    rows = [head, *((CHECKED if one.checked else UNCHECKED, one.label, *one.by_role) for one in found)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(head))]
    yield translate(language, "doctor_sees")
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
    yield translate(language, "doctor_sees_marks", unchecked=UNCHECKED, checked=CHECKED)


def _kind(name: str, language: str) -> str:
    try:
        return translate(language, f"doctor_sees_kind_{name}")
    except KeyError:
        return name
