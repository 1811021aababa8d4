"""What any CRM must do that has notices or runs processes; part of the contract suite in crm.py."""

from __future__ import annotations

from collections.abc import Callable

from kernel.crm import Process, Ref
from kernel.testing.contracts.subject import UnderTest

NAME = "Условия договора"


def a_notice_replaces_the_one_of_its_tag_and_is_taken_back(world: UnderTest) -> None:
    notices = world.crm.notices
    if notices is None:
        return
    for text in ("первая\nстрока", "вторая [B]жирная[/B]"):
        notices.put("TERMS|1", [world.person], text)
    notices.put("TERMS|2", [world.person, "777777"], "другая")  # whoever is not there is not told
    told = world.noticed(world.person)
    assert [one.replace("\u200b", "") for one in told] == ["вторая [B]жирная[/B]", "другая"]
    for _twice in range(2):
        notices.remove("TERMS|1")
    assert world.noticed(world.person) == ["другая"]


def a_template_is_found_by_the_name_that_staff_gave_it(world: UnderTest) -> None:
    processes = world.crm.processes
    if processes is None:
        return
    assert processes.template("deal", NAME) is None
    made = world.design(NAME)
    world.design("Другой")
    assert processes.template("deal", NAME) == made and processes.template("contact", NAME) is None


def one_process_runs_at_most(world: UnderTest) -> None:
    processes = world.crm.processes
    if processes is None:
        return
    template, deal = world.design(NAME), _deal(world, 1)
    other = _deal(world, 2)
    assert processes.running("deal", template) == {}
    first = processes.start("deal", deal, template)
    [question] = first.questions
    assert question.person == world.person and question.url.startswith("http")
    assert processes.start("deal", deal, template) == first
    second = processes.start("deal", other, template)
    assert processes.running("deal", template) == {deal: (first,), other: (second,)}
    assert processes.running("deal", template, other) == {other: (second,)}
    processes.end("deal", deal, template, but=first.id)
    assert deal in processes.running("deal", template)
    for _twice in range(2):
        processes.end("deal", deal, template)
    assert processes.running("deal", template) == {other: (second,)}


def what_is_asked_goes_to_another_person(world: UnderTest) -> None:
    processes = world.crm.processes
    if processes is None or world.crm.people is None:
        return
    template, deal = world.design(NAME), _deal(world, 1)
    person = next(one.id for one in world.crm.people.all() if one.active and one.id != world.person)
    processes.start("deal", deal, template)
    world.crm.update("deal", deal, {"manager": Ref(person)})
    for _twice in range(2):
        [question] = processes.hand_over("deal", deal, template, person).questions
        assert question.person == person
        assert _people(processes.running("deal", template)[deal]) == [person]


def _people(running: tuple[Process, ...]) -> list[str]:
    return [one.person for process in running for one in process.questions]


def _deal(world: UnderTest, n: int) -> str:
    return world.crm.create("deal", {"name": f"Сделка {n}", "manager": Ref(world.person)}, key=f"d-{n}")


PROCESSES: tuple[Callable[[UnderTest], None], ...] = (
    a_notice_replaces_the_one_of_its_tag_and_is_taken_back,
    a_template_is_found_by_the_name_that_staff_gave_it,
    one_process_runs_at_most,
    what_is_asked_goes_to_another_person,
)
