"""Who may read a universal list: departments by their codes, people of the set's roles by theirs.

REST gives a right to whoever has none in that list; it neither takes one back nor tells who has which. So it is remembered
what we gave: whoever is to read a list and was given nothing is given it; of whoever is not to read it any more a person
has to take it away, and say so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from connectors.bitrix24.marks import folded
from connectors.bitrix24.setup_model import Call, Key, Memory, State, Step, UniversalList
from kernel.crm import Person
from kernel.extension.roles import roles_of
from kernel.mapping import ListMap, MappingSet

EVERYBODY = "*"
READ = "R"
WHERE = "Списки → список → ⚙ → «Права доступа»"
Names = Mapping[str, str]  #: access code ("U12", "DR5", "*") -> who that is


@dataclass(frozen=True)
class Drift:
    """What the rights of one list have to become."""

    list: ListMap
    present: UniversalList
    give: Names
    take: Names
    unknown: bool  #: it was made when nobody wrote down who was let in


def drifts(mapping: MappingSet, found: Mapping[str, UniversalList], state: State, memory: Memory) -> list[Drift]:
    """Of each list that is there."""
    made = []
    for name, present in found.items():
        one = mapping.lists[name]
        may, given = _may_read(one, mapping, state), given_codes(memory, present)
        declared = bool(one.readers or one.reader_roles)
        if not (declared or given) or (one.reader_roles and "people" in state.refused):
            continue
        ours = {f"U{person.id}" for person in state.people if person.admin} | {f"U{state.user_id}"}  # these may anyway
        give = {code: who for code, who in may.items() if code not in given and code not in ours}
        take = {code: who for code in sorted(given - may.keys()) if (who := _called(code, state))}
        made.append(Drift(one, present, give, take, declared and memory.get("list_reader", name) is None))
    return made


def missing_departments(one: ListMap, state: State) -> list[str]:
    return [name for name in one.readers if name != EVERYBODY and folded(name) not in state.departments]


def reader_steps(every: Sequence[Drift]) -> list[Step]:
    return [*_give(every), *_take(every), *_unknown(every)]


def given_codes(memory: Memory, present: UniversalList) -> frozenset[str]:
    """To whom we gave the right to read that very list."""
    values = (str(value).partition(":") for value in memory.ids["list_reader"].values())
    return frozenset(code for number, colon, code in values if colon and number == present.id)


def has_given(memory: Memory, kind: str) -> bool:
    """Whether we gave rights to such codes anywhere: "U", "DR"."""
    return any(str(value).partition(":")[2].startswith(kind) for value in memory.ids["list_reader"].values())


def forget_readers(memory: Memory, name: str) -> None:
    """The list is gone, and with it who may read it."""
    for key in [key for key in memory.ids["list_reader"] if key == name or key.startswith(f"{name}.")]:
        memory.forget("list_reader", key)


def by_people(every: Iterable[Drift], *, take: bool) -> Iterator[tuple[Names, list[ListMap]]]:
    """Lists for which the same people come in, or go."""
    found: dict[tuple[str, ...], tuple[Names, list[ListMap]]] = {}
    for one in every:
        if names := one.take if take else one.give:
            found.setdefault(tuple(sorted(names)), (names, []))[1].append(one.list)
    yield from found.values()


def titles(lists: Iterable[ListMap]) -> str:
    return ", ".join(f"«{one.label}»" for one in lists)


def _may_read(one: ListMap, mapping: MappingSet, state: State) -> dict[str, str]:
    codes: dict[str, str] = {}
    for name in one.readers:
        if name == EVERYBODY:
            codes[EVERYBODY] = "все"
        elif number := state.departments.get(folded(name)):
            codes[f"DR{number}"] = name
    roles = frozenset(one.reader_roles)
    return codes | {f"U{person.id}": _name(person) for person in state.people if roles & roles_of(mapping.portal, person)}


def _called(code: str, state: State) -> str:
    """Empty where nobody reads anything by it: the person has left, the department is gone."""
    if code == EVERYBODY:
        return "все"
    if code.startswith("DR"):
        return next((name for name, number in state.departments.items() if code == f"DR{number}"), "")
    return next((_name(one) for one in state.people if one.active and not one.admin and code == f"U{one.id}"), "")


def _name(person: Person) -> str:
    return person.name or person.id


def _remembered(one: Drift, codes: Iterable[str]) -> Iterator[tuple[Key, str]]:
    for code in codes:
        yield Key("list_reader", f"{one.list.name}.{code}"), f"{one.present.id}:{code}"


def _give(every: Sequence[Drift]) -> Iterator[Step]:
    for one in every:
        if one.give:
            rights = dict.fromkeys(one.give, READ)
            where = {"IBLOCK_TYPE_ID": "lists", "IBLOCK_ID": one.present.id}
            call = Call("lists.update", {**where, "FIELDS": {"NAME": one.list.label}, "RIGHTS": rights})
            yield Step(
                "change", f"права списка «{one.list.label}»", f"дать чтение: {', '.join(one.give.values())}", (call,),
                also=tuple(_remembered(one, one.give)),
            )  # fmt: skip


def _take(every: Sequence[Drift]) -> Iterator[Step]:
    for names, lists in by_people(every, take=True):
        gone = [key for one in every if one.list in lists for key, _value in _remembered(one, names)]
        who = ", ".join(names.values())
        words = f"больше не должны читать: {who}. Заберите чтение: {WHERE}; потом подтвердите в annex apply"
        yield Step("manual", f"права списков {titles(lists)}", words, forgets=tuple(gone))


def _unknown(every: Sequence[Drift]) -> Iterator[Step]:
    lists = [one.list for one in every if one.unknown]
    if lists:
        words = (
            "списки сделаны раньше, и кто их читает, не записано: проверьте, что никто лишний (например, отделы целиком): "
            f"{WHERE}; потом подтвердите в annex apply"
        )
        known = tuple((Key("list_reader", one.name), one.name) for one in lists)
        yield Step("manual", f"права списков {titles(lists)}", words, also=known)
