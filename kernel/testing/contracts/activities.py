"""What any CRM must do that has activities; part of the contract suite in crm.py."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from kernel.testing.contracts.subject import UnderTest


def open_activities_are_those_of_the_record_that_are_not_done(world: UnderTest) -> None:
    activities = world.crm.activities
    if activities is None:
        return
    mine, other = (world.crm.create("deal", {"name": f"Сделка {n}"}, key=f"d-{n}") for n in range(2))
    assert activities.open_of("deal", mine) == ()
    first = world.plan("Позвонить", (("deal", mine),), False)
    world.plan("Сделано", (("deal", mine),), True)
    world.plan("Чужое", (("deal", other),), False)
    second = world.plan("Общее", (("deal", other), ("deal", mine)), False)
    found = activities.open_of("deal", mine)
    assert [(one.id, one.subject) for one in found] == [(first, "Позвонить"), (second, "Общее")]


def open_activities_go_to_another_record_and_keep_what_else_they_are_bound_to(world: UnderTest) -> None:
    activities = world.crm.activities
    if activities is None:
        return
    old, new = (world.crm.create("deal", {"name": f"Сделка {n}"}, key=f"d-{n}") for n in range(2))
    client = world.crm.create("contact", {"name": "Олена"}, key="c-1")
    alone = world.plan("Позвонить", (("deal", old),), False)
    shared = world.plan("Встреча", (("deal", old), ("contact", client)), False)
    both = world.plan("У обеих", (("deal", new), ("deal", old)), False)
    done = world.plan("Сделано", (("deal", old),), True)
    for _twice in range(2):
        assert activities.move("deal", old, new) == ()
        assert activities.open_of("deal", old) == ()
        assert [one.id for one in activities.open_of("deal", new)] == [alone, shared, both]
        assert [one.id for one in activities.open_of("contact", client)] == [shared]
    assert done not in [one.id for one in activities.open_of("deal", new)]


def many_activities_go_at_once(world: UnderTest) -> None:
    activities = world.crm.activities
    if activities is None:
        return
    old, new = (world.crm.create("deal", {"name": f"Сделка {n}"}, key=f"d-{n}") for n in range(2))
    planned = [world.plan(f"Дело {n}", (("deal", old),), False) for n in range(60)]
    assert activities.move("deal", old, new) == ()
    assert [one.id for one in activities.open_of("deal", new)] == planned


def what_annex_plans_is_planned_once(world: UnderTest) -> None:
    activities = world.crm.activities
    if activities is None:
        return
    deal, other = (world.crm.create("deal", {"name": f"Сделка {n}"}, key=f"d-{n}") for n in range(2))
    due = datetime.now(UTC) + timedelta(hours=4)

    def add(to: str, key: str, *, maybe_done: bool = False) -> str:
        return activities.add(
            "deal", to, "Ответить [b]Анне[/b]", "Когда <b>готово</b>?\nСрочно", responsible=world.person, due_at=due,
            key=key, maybe_done=maybe_done,
        )  # fmt: skip

    made = add(deal, "k-1")
    assert add(deal, "k-1", maybe_done=True) == made
    further = add(deal, "k-2", maybe_done=True)
    elsewhere = add(other, "k-3", maybe_done=True)
    assert [one.id for one in activities.open_of("deal", deal)] == [made, further]
    assert [one.id for one in activities.open_of("deal", other)] == [elsewhere]


ACTIVITIES: tuple[Callable[[UnderTest], None], ...] = (
    open_activities_are_those_of_the_record_that_are_not_done,
    open_activities_go_to_another_record_and_keep_what_else_they_are_bound_to,
    many_activities_go_at_once,
    what_annex_plans_is_planned_once,
)
