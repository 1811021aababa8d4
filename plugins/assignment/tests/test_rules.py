"""The round-robin over any calendar of absences, against ideal shares counted apart from it; and which records are ours."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.crm import Person, Record, Ref
from kernel.mapping import EntityMap, StageMap
from plugins.assignment.rules import (
    Member,
    Share,
    changed_by_hand,
    choose,
    heads_of,
    joins,
    members,
    start_stages,
    taken_by_hand,
    undo,
)

pytestmark = pytest.mark.row("BR-04")
Calendar = Sequence[Sequence[int]]  #: for each lead in order, who could take it
LEADS_PER_DAY = 60


class Ideal:
    """What is due to each, counted in whole parts of one common denominator, with nothing of the code under test."""

    def __init__(self, weights: Sequence[int], calendar: Calendar) -> None:
        self.weights = weights
        self.unit = math.lcm(*{sum(weights[i] for i in here) for here in {tuple(here) for here in calendar}})
        self.due = [0] * len(weights)
        self.got = [0] * len(weights)

    def lead(self, here: Sequence[int], chosen: int) -> None:
        whole = sum(self.weights[i] for i in here)
        for i in here:
            self.due[i] += self.unit // whole * self.weights[i]
        self.got[chosen] += 1

    def off(self, i: int) -> Fraction:
        """By how many leads that person is beyond their share (or, below zero, behind it)."""
        return self.got[i] - Fraction(self.due[i], self.unit)


def play(weights: Sequence[int], calendar: Calendar) -> tuple[Fraction, Fraction]:
    """The greatest distance from the ideal at any moment, and over any one day."""
    staff = [Member(f"u{n:02}", f"U{n}", weight) for n, weight in enumerate(weights)]
    ideal, shares, worst, worst_day = Ideal(weights, calendar), {}, Fraction(0), Fraction(0)
    morning = [Fraction(0)] * len(staff)
    for turn, here in enumerate(calendar, 1):
        choice = choose([staff[i] for i in here], shares, turn)
        shares.update(choice.shares)
        ideal.lead(here, int(choice.member.id[1:]))
        worst = max(worst, *(abs(ideal.off(i)) for i in here))
        if turn % LEADS_PER_DAY == 0:
            evening = [ideal.off(i) for i in range(len(staff))]
            worst_day = max(worst_day, *(abs(b - a) for a, b in zip(morning, evening, strict=True)))
            morning = evening
    for n, one in enumerate(staff):
        share = shares.get(one.id, Share())
        assert (share.due, share.given) == (Fraction(ideal.due[n], ideal.unit), ideal.got[n])
    return worst, worst_day


def office_days(rng: random.Random, staff: int, leads: int) -> Calendar:
    """Holidays of weeks, lunches, late mornings, hours with too much overdue; some join in later months."""
    away, joined, days = [0] * staff, [rng.choice([0, 0, 0, leads // 3]) for _ in range(staff)], []
    lunch = late = busy = [0] * staff
    for lead in range(leads):
        day, at = divmod(lead, LEADS_PER_DAY)
        if at == 0:
            away = [day + rng.randint(1, 15) if gone <= day and rng.random() < 0.03 else gone for gone in away]
            lunch = [rng.randint(20, 35) for _ in range(staff)]
            late = [rng.randint(1, 15) if rng.random() < 0.1 else 0 for _ in range(staff)]
            busy = [rng.randint(0, 59) if rng.random() < 0.3 else 99 for _ in range(staff)]
        here = [
            i for i in range(staff)
            if away[i] <= day and joined[i] <= lead and late[i] <= at and not lunch[i] <= at < lunch[i] + 6
            and not busy[i] <= at < busy[i] + 15
        ]  # fmt: skip
        days.append(here or [rng.randrange(staff)])
    return days


def everybody(_rng: random.Random, staff: int, leads: int) -> Calendar:
    return [list(range(staff))] * leads


def coins(rng: random.Random, staff: int, leads: int) -> Calendar:
    """Another set for each lead: nastier than any office."""
    return [[i for i in range(staff) if rng.random() < 0.6] or [rng.randrange(staff)] for _ in range(leads)]


def equal(_rng: random.Random, staff: int) -> list[int]:
    return [1] * staff


def unequal(rng: random.Random, staff: int) -> list[int]:
    return [rng.choice([1, 1, 2, 3]) for _ in range(staff)]


# (calendar, weights, at any moment, over a day): what docs/decisions/assignment-fairness.md says
BOUNDS = [
    (everybody, equal, Fraction(1), Fraction(2)), (everybody, unequal, Fraction(5, 4), Fraction(2)),
    (office_days, equal, Fraction(3, 2), Fraction(2)), (office_days, unequal, Fraction(3, 2), Fraction(2)),
    (coins, equal, Fraction(3, 2), Fraction(9, 4)), (coins, unequal, Fraction(3, 2), Fraction(9, 4)),
]  # fmt: skip


@pytest.mark.parametrize(("calendar", "weights", "moment", "day"), BOUNDS)
@pytest.mark.parametrize("seed", range(8))
def test_nobody_is_far_from_their_share(
    calendar: Callable[[random.Random, int, int], Calendar], weights: Callable[[random.Random, int], list[int]],
    moment: Fraction, day: Fraction, seed: int,
) -> None:  # fmt: skip
    rng = random.Random(seed)
    staff = rng.randint(2, 9)
    worst, worst_day = play(weights(rng, staff), calendar(rng, staff, 1200))
    assert worst < moment and worst_day < day


@pytest.mark.parametrize("weights", [equal, unequal])
def test_ten_thousand_leads(weights: Callable[[random.Random, int], list[int]]) -> None:
    rng = random.Random(7)
    worst, worst_day = play(weights(rng, 8), office_days(rng, 8, 10_000))
    assert worst < Fraction(3, 2) and worst_day < 2


@pytest.mark.parametrize("staff", range(1, 13))
def test_where_nobody_is_ever_absent_the_bound_is_exact(staff: int) -> None:
    worst, _ = play([1] * staff, [list(range(staff))] * (staff * 4 + 1))
    assert worst == 1 - Fraction(1, staff)


def test_no_rule_can_hold_one_lead_on_every_calendar() -> None:
    """Pairs that meet like players of a cup: whichever of two gets the lead meets their like in the next round."""
    surplus, ids = {n: Fraction(0) for n in range(8)}, list(range(8))
    shares: dict[str, Share] = {}
    turn = 0
    while len(ids) > 1:
        winners = []
        for a, b in zip(ids[::2], ids[1::2], strict=True):
            turn += 1
            choice = choose([Member(f"u{a}", ""), Member(f"u{b}", "")], shares, turn)
            shares.update(choice.shares)
            got = int(choice.member.id[1:])
            for one in (a, b):
                surplus[one] += (one == got) - Fraction(1, 2)
            winners.append(got)
        ids = winners
    assert max(surplus.values()) == Fraction(3, 2)


WEIGHTS = st.lists(st.integers(1, 20), min_size=1, max_size=7)


@settings(max_examples=60, deadline=None)
@given(WEIGHTS, st.data())
def test_whatever_the_calendar_the_books_of_shares_agree(weights: list[int], data: st.DataObject) -> None:
    sets = st.sets(st.integers(0, len(weights) - 1), min_size=1)
    calendar = [sorted(here) for here in data.draw(st.lists(sets, min_size=1, max_size=60))]
    play(weights, calendar)


@settings(max_examples=60, deadline=None)
@given(WEIGHTS, st.integers(0, 50))
def test_undoing_the_last_one_leaves_no_trace(weights: list[int], before: int) -> None:
    staff = [Member(str(n), "", weight) for n, weight in enumerate(weights)]
    shares: dict[str, Share] = {}
    for turn in range(1, before + 1):
        shares.update(choose(staff, shares, turn).shares)
    choice = choose(staff, shares, before + 1)
    undone = undo({one.id: one.weight for one in staff}, choice.member.id, choice.shares)
    for one in staff:
        was = shares.get(one.id, Share())
        assert (undone[one.id].due, undone[one.id].given) == (was.due, was.given)


def test_who_joins_has_no_claim_for_the_past() -> None:
    one, two = Member("1", ""), Member("2", "")
    shares: dict[str, Share] = {}
    for turn in range(1, 101):
        shares.update(choose([one], shares, turn).shares)
    names = []
    for turn in range(101, 107):
        choice = choose([one, two], shares, turn)
        shares.update(choice.shares)
        names.append(choice.member.id)
    assert names == ["2", "1", "2", "1", "2", "1"]


def test_ties_go_to_who_has_waited_longest_then_by_id() -> None:
    staff = [Member(name, "") for name in "cab"]
    assert choose(staff, {}, 1).member.id == "a"
    even = {"a": Share(Fraction(1), 1, 5), "b": Share(Fraction(1), 1, 4), "c": Share(Fraction(1), 1, 6)}
    assert choose(staff, even, 7).member.id == "b"


# --- people and records -----------------------------------------------------------------------------------------------

ANNA = Person("1", "Анна", "staff", groups=("Отдел продаж",))
HEAD = Person("2", "Глава", "staff", groups=("Отдел продаж",), heads=("Отдел продаж",))
ROBOT = Person("3", "Портал", "robot", groups=("Отдел продаж",))
GONE = replace(ANNA, id="4", name="Ушла", active=False)
OWNER = Person("5", "Хозяин", "owner")
PEOPLE = [ANNA, HEAD, ROBOT, GONE, OWNER]


def test_members_are_of_the_groups_without_heads_robots_and_those_gone() -> None:
    assert [one.name for one in members(PEOPLE, ["отдел продаж"], [], {"анна": 4})] == ["Анна"]
    assert members(PEOPLE, ["Отдел продаж"], [], {"анна": 4})[0].weight == 4
    assert [one.name for one in members(PEOPLE, [], ["глава", "Хозяин", "Ушла"], {})] == ["Глава", "Хозяин"]


def test_who_is_told() -> None:
    assert heads_of(PEOPLE, ["Отдел продаж"], []) == [HEAD]
    assert heads_of(PEOPLE, ["Отдел продаж"], ["анна"]) == [ANNA]
    assert heads_of(PEOPLE, ["Другой"], []) == [OWNER]


def test_where_records_start() -> None:
    stages = {"new": StageMap(label="Новый"), "work": StageMap(label="В работе")}
    plain = EntityMap(entity="lead", stage=stages)
    started = EntityMap(entity="lead", stage={**stages, "fresh": StageMap(label="Свежий", start=True)})
    assert start_stages(plain, []) == ("new",) and start_stages(started, []) == ("fresh",)
    assert start_stages(started, ["work"]) == ("work",) and start_stages(EntityMap(entity="lead"), []) == ()


NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


def lead(owner: str = "9", *, touched: float = 0, **more: object) -> Record:
    values = {"assigned": Ref(owner, "x"), "source": "call", **more}
    return Record(
        "lead",
        "1",
        stage="new",
        values=values,
        created_at=NOW,
        changed_at=NOW + timedelta(seconds=touched),  # type: ignore[arg-type]
    )


def test_a_record_that_joins() -> None:
    own = frozenset({"1"})
    assert joins(lead(), ["new"], ["call"], own, NOW) and joins(lead(), [], [], own, NOW)
    assert not joins(lead(), ["work"], [], own, NOW) and not joins(lead(), [], ["web"], own, NOW)
    assert not joins(replace(lead(), created_by="1"), [], [], own, NOW) and joins(
        replace(lead(), created_by="9"), [], [], own, NOW
    )
    assert not joins(lead(), [], [], own, NOW + timedelta(seconds=1))
    assert joins(replace(lead(), created_at=None), [], [], own, NOW)


@pytest.mark.parametrize(
    ("record", "author", "wanted"),
    [
        (lead("9"), ANNA, False), (lead("1"), ANNA, True), (lead("1"), HEAD, True), (lead("1"), ROBOT, False),
        (lead("1"), None, False), (lead("1", touched=5), None, False), (lead("1", touched=6), None, True),
        (lead("8", touched=99), ANNA, False), (replace(lead("1"), changed_at=None), None, True),
    ],
)  # fmt: skip
def test_a_record_taken_before_we_saw_it(record: Record, author: Person | None, wanted: bool) -> None:
    assert taken_by_hand(record, author, frozenset({"1", "8"}), frozenset({"8"})) is wanted


@pytest.mark.parametrize(
    ("was", "now", "author", "wanted"),
    [
        ("9", "9", ANNA, False), ("9", "1", None, True), ("9", "7", None, False), ("9", "7", HEAD, True),
        ("9", "1", ROBOT, False), ("1", "1", None, False),
    ],
)  # fmt: skip
def test_a_waiting_record_that_changed_hands(was: str, now: str, author: Person | None, wanted: bool) -> None:
    assert changed_by_hand(was, now, author, frozenset({"1"})) is wanted
