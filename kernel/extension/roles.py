"""Declared roles: who has which, and what they may do. Values in, values out.

A set says in `[role.X]` who has the role and which rights it brings; a plugin says which rights there are. Rights of
several roles add up. Whoever has no role sees nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kernel.crm import Person
from kernel.errors import Misconfigured
from kernel.extension.model import Plugin
from kernel.mapping import MappingSet, PortalMap, RoleMap

ALL = "*"  #: among a role's rights: every right there is; among its heads: the head of any department
OPERATE = "annex.operate"
KERNEL_RIGHTS: Mapping[str, str] = {
    OPERATE: "failed calls and deliveries, one id followed all the way, the state of the CRM, everybody's sessions"
}
NEAR_SHARE = 0.6  #: how alike two names must be for the doctor to offer one for the other


def roles_of(portal: PortalMap, person: Person) -> frozenset[str]:
    """The roles of a person, by what the CRM says of them now. Whoever has left has none."""
    if not person.active:
        return frozenset()
    return frozenset(name for name, role in portal.role.items() if _has(role, person))


def rights_of(portal: PortalMap, roles: Iterable[str]) -> frozenset[str]:
    """What several roles allow together."""
    return frozenset(right for name in roles for right in portal.role[name].rights)


def known_rights(plugins: Iterable[Plugin]) -> dict[str, str]:
    """Every right there is, and what it allows. A plugin with pages has one of its own name."""
    found = dict(KERNEL_RIGHTS)
    for plugin in plugins:
        if plugin.pages is not None:
            found.setdefault(plugin.name, f"the pages of {plugin.title}")
        found.update(plugin.rights)
    return found


def find_person(people: Sequence[Person], who: str) -> Person | None:
    """The active person of that id, or of that name where only one has it."""
    active, wanted = [one for one in people if one.active], _folded(who)
    if not wanted:
        return None
    by_id = [one for one in active if one.id == who.strip()]
    named = by_id or [one for one in active if _folded(one.name) == wanted]
    return named[0] if len(named) == 1 else None


def near(name: str, known: Iterable[str]) -> str:
    """The known name most like this one; empty if none is."""
    by_folded = {_folded(one): one for one in known}
    found = difflib.get_close_matches(_folded(name), list(by_folded), 1, NEAR_SHARE)
    return by_folded[found[0]] if found else ""


def check_rights(mapping: MappingSet, plugins: Sequence[Plugin]) -> None:
    """Every right and every kind of record that a role names must exist. Raises Misconfigured naming file, key and line."""
    known = known_rights(plugins)
    wrong = []
    for name, role in mapping.portal.role.items():
        for right in role.rights:
            if right != ALL and right not in known:
                place = mapping.place(("role", name, "rights"), right)
                wrong.append(f"{place}: «{right}» is no right of this set; {_hint(right, known)}")
        for kind in role.sees:
            if kind not in mapping.entities:
                place = mapping.place(("role", name, "sees", kind))
                wrong.append(f"{place}: «{kind}» is no kind of record of this set; {_hint(kind, mapping.entities)}")
    if wrong:
        raise Misconfigured("\n".join(wrong))


def check_role(mapping: MappingSet, role: str, keys: Sequence[str]) -> None:
    """For whoever names a role elsewhere in the set, under `keys` of portal.toml. Raises Misconfigured."""
    known = mapping.portal.role
    if role not in known:
        raise Misconfigured(f"{mapping.place(keys, role)}: «{role}» is no role of this set; {_hint(role, known)}")


def _hint(name: str, known: Iterable[str]) -> str:
    other = near(name, known)
    return f"did you mean «{other}»?" if other else f"known: {', '.join(sorted(known))}"


@dataclass(frozen=True)
class RoleProblem:
    """`code` names the text that says what is wrong and what to do."""

    code: str
    values: Mapping[str, str]


def problems(mapping: MappingSet, people: Sequence[Person]) -> Iterator[RoleProblem]:
    """What the CRM's people say against the set: names that nobody has, and roles that nobody has."""
    portal = mapping.portal
    if not portal.role:
        yield RoleProblem("doctor_no_roles", {"set": mapping.name})
    active = [one for one in people if one.active]
    for name, role in portal.role.items():
        for key, wanted, known in _names(role, active):
            where = mapping.place(("role", name, key), wanted)
            if key == "people" and sum(_folded(one.name) == _folded(wanted) for one in active) > 1:
                yield RoleProblem("doctor_role_two", {"where": where, "name": wanted})
            elif not any(_folded(wanted) == _folded(one) for one in known):
                other = near(wanted, known)
                code = "doctor_role_near" if other else "doctor_role_unknown"
                yield RoleProblem(code, {"where": where, "key": key, "name": wanted, **({"near": other} if other else {})})
        if not any(_has(role, one) for one in active):
            yield RoleProblem("doctor_role_empty", {"where": mapping.place(("role", name)), "role": name})


def _names(role: RoleMap, active: Sequence[Person]) -> Iterator[tuple[str, str, list[str]]]:
    """(key, name in the set, names the CRM knows)."""
    having: Mapping[str, tuple[list[str], Callable[[Person], Iterable[str]]]] = {
        "groups": (role.groups, lambda one: one.groups),
        "heads": ([one for one in role.heads if one != ALL], lambda one: one.heads),
        "positions": (role.positions, lambda one: one.positions),
        "people": (role.people, lambda one: (one.id, one.name)),
    }
    for key, (wanted, of) in having.items():
        known = sorted({name for one in active for name in of(one) if name})
        yield from ((key, name, known) for name in wanted)


def _has(role: RoleMap, person: Person) -> bool:
    own = {
        "groups": _all(person.groups) & _all(role.groups),
        "heads": _all(person.heads) & _all(role.heads) or (person.heads and ALL in role.heads),
        "positions": _all(person.positions) & _all(role.positions),
        "people": {_folded(person.id), _folded(person.name)} & _all(role.people),
    }
    return role.everyone or (role.administrators and person.admin) or any(own.values())


def _all(names: Iterable[str]) -> set[str]:
    return {_folded(name) for name in names}


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
