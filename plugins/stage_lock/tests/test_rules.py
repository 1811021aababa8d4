"""The judgement alone: values in, decision out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kernel.crm import Move, Person
from kernel.mapping import EntityMap, StageMap
from plugins.stage_lock.model import Objection
from plugins.stage_lock.people import overriding, recipients, sole
from plugins.stage_lock.reading import lines_after, ordered
from plugins.stage_lock.rules import NO_START, NOT_IN_POOL, UNKNOWN_STAGE, Facts, Own, Pool, Step, act, judge, timeline

POOL = Pool({"a": frozenset("b"), "b": frozenset("c"), "c": frozenset(), "x": frozenset("a")})
SECOND = 1_000_000


def facts(*stages: Any, here: str | None = "a", **more: Any) -> Facts:
    steps = [one if isinstance(one, Step) else Step(one, str(one).upper(), line=str(n)) for n, one in enumerate(stages, 1)]
    return Facts(**{"pool": POOL, "fresh": False, "here": here, "steps": steps, **more})


def test_steps_are_judged_in_order_each_from_the_last_allowed() -> None:
    verdict = judge(facts("b", "c"))
    assert verdict.here == "c" and verdict.findings == ()
    verdict = judge(facts("c", "b"))
    assert verdict.here == "b" and [(one.start, one.step.stage, one.why.code) for one in verdict.findings] == [
        ("a", "c", NOT_IN_POOL)
    ]
    assert judge(facts(None)).findings[0].why.code == UNKNOWN_STAGE and judge(facts(None)).here == "a"
    assert judge(facts("c", here=None)).here == "c" and judge(facts("a")).findings == ()


@pytest.mark.parametrize(("believed", "here"), [(1, "a"), (2, "c"), (99, "c")])
def test_one_step_may_stand_for_several(believed: int, here: str) -> None:
    assert judge(facts(Step("c", believed=believed))).here == here


def test_a_permission_is_used_up_and_kept_where_it_was_not_needed() -> None:
    verdict = judge(facts("c", "a", "c", grants=frozenset("c")))
    assert [one.kind for one in verdict.findings] == ["granted", "refused"] and verdict.used_grants == {"c"}
    assert judge(facts("b", grants=frozenset("b"))).used_grants == frozenset()


def test_an_objection_concerns_its_person_alone() -> None:
    objects = {("1", "a", "b"): Objection("x"), ("1", "a", "c"): Objection("x")}

    def asked(*move: str) -> Objection | None:
        person, start, to = move
        return objects.get((person, start, to))

    assert judge(facts(Step("b", by="1"), objects=asked)).here == "a"
    assert judge(facts(Step("b", by="2"), objects=asked)).here == "b"
    assert judge(facts(Step("b", by="1"), objects=asked, may_override=frozenset("1"))).here == "b"
    assert judge(facts(Step("c", by="1"), objects=asked, grants=frozenset("c"))).here == "a"


def test_an_objection_concerns_its_move_alone() -> None:
    objects = {("1", "b", "c"): Objection("x")}
    verdict = judge(facts(Step("b", by="1"), Step("c", by="1"), objects=lambda *move: objects.get(move)))
    assert verdict.here == "b" and [(one.start, one.step.stage) for one in verdict.findings] == [("b", "c")]


def test_what_nobody_may_override_is_refused_to_heads_and_in_spite_of_permissions() -> None:
    held = Objection("x", no_override=True)

    def objects(_person: str, _start: str, to: str) -> Objection | None:
        return held if to == "c" else None

    free = frozenset("1")
    for start, more in (("b", {}), ("a", {"grants": frozenset("c")}), ("a", {})):
        verdict = judge(facts(Step("c", by="1"), here=start, objects=objects, may_override=free, **more))
        assert verdict.here == start and [(one.kind, one.why) for one in verdict.findings] == [("refused", held)]
        assert verdict.used_grants == frozenset()
    made = judge(facts(Step("c", by="1", created=True), fresh=True, here=None, objects=objects, may_override=free))
    assert made.here == "a" and made.findings[0].why == held
    assert judge(facts("c", here="b", own=[Own(7, "c", False, done_at=1)], objects=objects)).here == "c", "ours are no case"


def test_where_a_record_may_begin() -> None:
    pool = Pool({"a": frozenset("b"), "b": frozenset(), "p": frozenset()}, ("a", "p"), {"b": "s", "a": "s", "p": "t"})
    verdict = judge(facts(Step("b", created=True), pool=pool, fresh=True))
    assert verdict.here == "a" and verdict.findings[0].why.code == NO_START and verdict.findings[0].start == ""
    assert judge(facts(Step("b", created=True), pool=pool, fresh=True, made_by_us=True)).here == "b"
    assert judge(facts(Step("b", created=True, by="1"), pool=pool, fresh=True, may_override=frozenset("1"))).here == "b"
    assert judge(facts(Step("b"), pool=pool, fresh=True)).here == "b", "one move is believed where no line reports the start"
    assert judge(facts(Step(None, created=True), pool=pool, fresh=True)).here is None
    assert judge(facts(Step("b", created=True), fresh=True)).here == "b", "no stage says start: anywhere"


def test_a_late_line_that_was_judged_already_is_passed_over_once() -> None:
    assert judge(facts("c", "b", ahead="C")).findings == ()
    assert len(judge(facts("c", "a", "c", ahead="C")).findings) == 1
    assert len(judge(facts(Step("c", "C"), ahead="C")).findings) == 1, "the record itself is no late line"


def test_our_write_made_the_line_nearest_to_its_answer() -> None:
    steps = [Step("c", line=str(n), at=n * 10 * SECOND) for n in (1, 2, 3)]
    own = Own(7, "c", False, made_at=19 * SECOND, done_at=21 * SECOND)
    assert [one for _, one in timeline(steps, [own])] == [None, own, None]
    far = Own(7, "c", False, made_at=900 * SECOND, done_at=901 * SECOND)
    assert [one for _, one in timeline(steps, [far])] == [far, None, None], "clocks may differ by any amount"
    assert [one for _, one in timeline(steps, [Own(7, "c", True, sent=False)])] == [None, None, None]


def test_our_write_that_found_it_there_already_makes_it_ours() -> None:
    silent = Own(7, "c", False, made_at=5 * SECOND, done_at=30 * SECOND)
    taken = Own(6, "c", False, made_at=5 * SECOND, done_at=10 * SECOND)
    verdict = judge(facts(Step("c", line="1", at=10 * SECOND), own=[taken, silent]))
    assert verdict.here == "c" and verdict.own_used == 7 and verdict.findings == ()
    assert judge(facts("b", own=[Own(7, "c", False, done_at=1)])).here == "b", "it has still to come"
    assert judge(facts(stood="c", own=[Own(7, "c", False, done_at=1)])).here == "c", "somebody else had brought it there"


@pytest.mark.parametrize(
    ("here", "present", "how", "wanted"),
    [
        ("a", "a", {}, "none"), (None, "c", {}, "none"), ("a", "c", {}, "put_back"), ("a", None, {}, "put_back"),
        ("a", "c", {"pending": True}, "wait"), ("a", "c", {"gave_up": True}, "none"),
        ("a", "c", {"reversals": 6}, "give_up"), ("a", "c", {"reversals": 5}, "put_back"),
    ],
)  # fmt: skip
def test_what_is_done(here: str | None, present: str | None, how: dict[str, Any], wanted: str) -> None:
    assert act(here, present, **{"pending": False, "gave_up": False, "reversals": 0, "limit": 6, **how}) == wanted


def test_the_pool_of_a_mapping_file() -> None:
    plan = EntityMap(
        entity="deal", stage={"a": StageMap(label="A", next=["b"], start=True), "b": StageMap(label="B", next=["b"])}
    )
    pool = Pool.of(plan)
    assert pool.reaches("a", "b") and not pool.reaches("b", "a", 9) and pool.starts == ("a",)


def a_step(stage: str, at: int) -> Step:
    return Step(stage, stage, "11", f"{stage}{at}", at * SECOND)


@pytest.mark.parametrize(("answered", "ours"), [(10, 10), (12, 10), (19, 20), (20, 20), (0, 30)])
def test_of_several_moves_to_a_stage_the_one_nearest_to_our_answer_is_ours(answered: int, ours: int) -> None:
    """A person may have moved it there, too. A write that has no answer yet made the newest."""
    steps = [a_step("a", 10), a_step("b", 15), a_step("a", 20), a_step("b", 25), a_step("a", 30)]
    own = Own(1, "a", pending=not answered, made_at=9 * SECOND, done_at=answered * SECOND)
    matched = [one for one, write in timeline(steps, [own]) if one and write]
    assert [one.at for one in matched] == [ours * SECOND]


@pytest.mark.parametrize(("answered", "place"), [(5, 0), (12, 1), (18, 2), (30, 3)])
def test_a_write_that_left_no_line_counts_at_the_moment_of_its_answer(answered: int, place: int) -> None:
    steps = [a_step("a", 10), a_step("b", 15), a_step("a", 20)]
    silent = Own(1, "z", pending=False, made_at=SECOND, done_at=answered * SECOND)
    order = [write is not None for _, write in timeline(steps, [silent])]
    assert order == [n == place for n in range(4)]


def test_writes_that_never_arrived_are_no_step() -> None:
    steps = [a_step("a", 10)]
    for own in (Own(1, "z", pending=True), Own(1, "a", pending=True, sent=False)):
        assert timeline(steps, [own]) == [(steps[0], None)]


def lines(*ids: str) -> list[Move]:
    return [Move(one, "a", "A", datetime(2026, 11, 21, tzinfo=UTC)) for one in ids]


def test_a_history_goes_by_its_numbers_not_by_how_they_are_spelt() -> None:
    found = ordered(lines("10", "9", "100", "11"))
    assert [one.id for one in found] == ["9", "10", "11", "100"]
    assert [[one.id for one in lines_after(found, last)] for last in ("", "9", "10", "99", "100")] == [
        ["9", "10", "11", "100"], ["10", "11", "100"], ["11", "100"], ["100"], [],
    ]  # fmt: skip


PEOPLE = [
    Person("1", "Анна", "staff", heads=("Продажи",)),
    Person("2", "Борис", "staff", groups=("Продажи",)),
    Person("3", "Глава, что ушёл", "staff", active=False, heads=("Продажи",)),
    Person("4", "Робот", "robot"),
]


def test_who_may_override_are_the_heads_and_people_named_who_are_still_here() -> None:
    assert [one.id for one in overriding(PEOPLE, ["продажи"])] == ["1"]
    assert [one.id for one in overriding(PEOPLE, ["борис", "глава, что ушёл"])] == ["2"]
    assert overriding(PEOPLE, []) == []


def test_a_mover_is_named_only_if_all_deliveries_name_him() -> None:
    assert sole(PEOPLE, ["Борис", "2", ""]) == "2" and sole(PEOPLE, []) == sole(PEOPLE, [""]) == ""
    assert sole(PEOPLE, ["Борис", "Анна"]) == sole(PEOPLE, ["2", "1"]) == "", "nobody is blamed at random"


def test_who_is_told_is_a_living_person_who_is_here() -> None:
    assert [recipients(PEOPLE, who) for who in ("2", "Борис", "3", "4", "", "никто")] == [("2",), ("2",), (), (), (), ()]
