"""What any CRM that has tasks must tell of them; part of the contract suite in crm.py."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from kernel.crm import Ref, TaskList, Tasks
from kernel.testing.contracts.subject import NewTask, UnderTest

KYIV = ZoneInfo("Europe/Kyiv")


def tasks_of_a_record_are_told(world: UnderTest) -> None:
    if world.crm.tasks is None:
        return
    client = world.crm.create("contact", {"name": "Партнер"}, key="c-1")
    day = date(2031, 5, 20)
    made = world.task(NewTask("Звірити рахунок", "contact", client, world.person, day))
    [task] = _read(world, client).tasks
    assert (task.id, task.subject, task.is_open) == (made, "Звірити рахунок", True)
    [responsible] = task.responsible
    assert responsible.id == world.person and responsible.name
    assert task.url.startswith("http") and made in task.url
    due = task.due.date() if isinstance(task.due, datetime) else task.due
    assert due == day
    assert not task.is_overdue(datetime(2031, 5, 19, 6, tzinfo=UTC), KYIV)
    assert task.is_overdue(datetime(2031, 5, 22, tzinfo=UTC), KYIV)


def tasks_of_others_are_not_told(world: UnderTest) -> None:
    if world.crm.tasks is None:
        return
    client, other = (world.crm.create("contact", {"name": name}, key=f"c-{name}") for name in ("Перший", "Другий"))
    world.task(NewTask("чужа", "contact", other, world.person))
    world.task(NewTask("нічия", person=world.person))
    assert _read(world, client) == TaskList() == _read(world, "777777")
    assert [one.subject for one in _read(world, other).tasks] == ["чужа"]


def a_deal_is_no_task(world: UnderTest) -> None:
    """Where both are one kind to the CRM."""
    if world.crm.tasks is None:
        return
    client = world.crm.create("contact", {"name": "Клієнт"}, key="c-1")
    deal = world.crm.create("deal", {"client": Ref(client), "name": "Обмін"}, key="d-1")
    world.task(NewTask("справжня", "contact", client, world.person))
    told = _read(world, client).tasks
    assert [one.subject for one in told] == ["справжня"] and deal not in {one.id for one in told if one.subject == "Обмін"}


def tasks_of_a_deal_are_told(world: UnderTest) -> None:
    if world.crm.tasks is None:
        return
    deal, other = (world.crm.create("deal", {"note": f"угода {n}"}, key=f"d-{n}") for n in range(2))
    world.task(NewTask("забрати готівку", "deal", deal, world.person))
    assert [one.subject for one in world.crm.tasks.of("deal", deal).tasks] == ["забрати готівку"]
    assert world.crm.tasks.of("deal", other) == TaskList()


def open_tasks_come_first_by_when_they_are_due(world: UnderTest) -> None:
    if world.crm.tasks is None:
        return
    client = world.crm.create("contact", {"name": "Партнер"}, key="c-1")
    day = date(2031, 5, 20)
    for subject, due, done in (
        ("давно зроблена", day, True), ("без строку", None, False), ("пізня", day + timedelta(days=9), False),
        ("рання", day, False), ("щойно зроблена", None, True),
    ):  # fmt: skip
        world.task(NewTask(subject, "contact", client, world.person, due, done))
    told = _read(world, client)
    subjects = [one.subject for one in told.tasks]
    assert subjects == ["рання", "пізня", "без строку", "щойно зроблена", "давно зроблена"] and told.left == 0
    assert [one.state == "done" for one in told.tasks] == [False, False, False, True, True]
    assert not any(one.is_overdue(datetime(2032, 1, 1, tzinfo=UTC), KYIV) for one in told.tasks[2:])


def more_than_a_page_of_tasks(world: UnderTest) -> None:
    if world.crm.tasks is None:
        return
    client = world.crm.create("contact", {"name": "Партнер"}, key="c-1")
    for n in range(104):
        world.task(NewTask(f"задача {n}", "contact", client, world.person))
    told = _read(world, client)
    assert told.left is not None and len(told.tasks) + told.left == 104
    assert len({one.id for one in told.tasks}) == len(told.tasks) == 104


def _read(world: UnderTest, client: str) -> TaskList:
    tasks: Tasks | None = world.crm.tasks
    assert tasks is not None
    return tasks.of("contact", client)


TASKS: tuple[Callable[[UnderTest], None], ...] = (
    tasks_of_a_record_are_told,
    tasks_of_others_are_not_told,
    a_deal_is_no_task,
    tasks_of_a_deal_are_told,
    open_tasks_come_first_by_when_they_are_due,
    more_than_a_page_of_tasks,
)
