"""Derive the shares again from the decisions, and name what does not agree."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from kernel.extension.portal import Unit
from plugins.assignment import store


def faults(unit: Unit) -> Iterator[str]:
    """Each fault found; the shares must be exactly what the decisions that stand add up to."""
    portal = unit.portal.name
    due: dict[tuple[str, str], Fraction] = {}
    given: dict[tuple[str, str], int] = {}
    for one in store.given(unit.tx, portal):
        candidates = (one.body or {}).get("candidates", [])
        whole = sum(each["weight"] for each in candidates)
        if one.person not in {each["id"] for each in candidates}:
            yield f"assignment {one.entity} {one.record_id}: given to {one.person_name}, who was no candidate"
            continue
        for each in candidates:
            key = (one.queue, each["id"])
            due[key] = due.get(key, Fraction(0)) + Fraction(each["weight"], whole)
        given[one.queue, one.person] = given.get((one.queue, one.person), 0) + 1
    for queue, person, share in store.all_shares(unit.tx, portal):
        wanted = (due.pop((queue, person), Fraction(0)), given.get((queue, person), 0))
        if (share.due, share.given) != wanted:
            yield (
                f"assignment queue {queue}, person {person}: due {share.due}, given {share.given}; "
                f"the decisions say {wanted[0]} and {wanted[1]}"
            )
    for queue, person in sorted(due):
        yield f"assignment queue {queue}, person {person}: has decisions but no share"
