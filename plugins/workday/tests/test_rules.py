"""Who must have started their day, and what each status means."""

from __future__ import annotations

import pytest

from kernel.crm import Person, Workday
from plugins.workday.rules import Standing, changed, left, members, standing


def test_members_of_the_groups_and_their_heads_but_no_robot_and_nobody_who_left() -> None:
    people = [
        Person("1", "Анна", "staff", groups=("Продажи", "Все")),
        Person("2", "Вера", "staff", heads=("ПРОДАЖИ",)),
        Person("3", "Глеб", "staff", groups=("Склад",)),
        Person("4", "Бывший", "staff", active=False, groups=("Продажи",)),
        Person("5", "Робот", "robot", groups=("Продажи",)),
    ]
    assert [one.id for one in members(people, ["продажи"])] == ["1", "2"] and members(people, []) == []


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        ("open", "started"), ("off", "started"), ("closed", "not_started"), ("expired", "not_started"),
        ("paused", "not_started"), ("unknown", "unknown"),
    ],
)  # fmt: skip
def test_what_a_status_means(status: Workday, wanted: Standing) -> None:
    assert standing(status, paused_counts=False) == wanted


def test_a_pause_counts_where_that_is_set() -> None:
    assert standing("paused", paused_counts=True) == "started"


def test_what_changed() -> None:
    assert changed({"1": "open", "2": "closed"}, {"1": "open", "2": "open", "3": "off"}) == ["2", "3"]
    assert left(["1", "2"], ["2"]) == ["1"]
