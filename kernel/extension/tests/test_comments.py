"""A plugin hears of each comment once, whoever reported it and however often, and never of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kernel.conversations import OutgoingFile
from kernel.crm import Event
from kernel.errors import Rejected, Unreachable
from kernel.extension import Plugin
from kernel.extension.calls import carry_out
from kernel.extension.comments import EDITS_LOOKED_BACK, GOES_BACK_AT_MOST, look_for_comments
from kernel.extension.model import CommentWatch, HeardComment
from kernel.extension.portal import Unit
from kernel.extension.receiving import Arrival, keep_many
from kernel.extension.sync import sync
from kernel.extension.tests.small import Small
from kernel.files import FileStore
from kernel.testing import at_once


class Ears:
    """A portal with a plugin that writes down what it hears."""

    def __init__(self, url: str, before: str = "") -> None:
        self.small = Small(url)
        self.portal, self.crm, self.clock, self.deal = self.small.portal, self.small.crm, self.small.clock, self.small.deal
        self.heard: list[tuple[str, bool]] = []
        self.authors: list[str] = []
        self.prepare: Any = None
        self.act: Callable[[Unit, HeardComment], None] = lambda unit, heard: None
        watch = CommentWatch("deal", self.handle, prepare=lambda portal, one: self.prepare and self.prepare(portal, one))
        self.plugins = [*self.small.plugins, Plugin("ears", "Ears", comments=(watch,))]
        if before:
            self.crm.staff.comment("deal", self.deal, before)
            self.clock.advance(seconds=600)
        look_for_comments(self.portal, self.plugins)  # from here on comments count
        self.clock.advance(seconds=300)
        self.count = 0

    def handle(self, unit: Unit, heard: HeardComment) -> None:
        self.heard.append((heard.comment.text, heard.edited))
        self.authors.append(unit.author)
        self.act(unit, heard)

    def report(self, entity: str = "deal", record_id: str = "", name: str = "deal.comment") -> None:
        self.count += 1
        event = Event(name, entity, record_id or self.deal, delivery=f"c{self.count}")
        connection = self.portal.connection("main")
        with self.small.database.write() as tx:
            keep_many(tx, self.portal, self.plugins, connection, [Arrival([event])])

    def run(self) -> None:
        plugins = self.plugins
        self.small.queue.run_until_quiet({
            "look": lambda args: sync(self.portal, plugins, args), "call": lambda args: carry_out(self.portal, plugins, args)
        })  # fmt: skip
        if self.small.queue.broken:
            raise self.small.queue.broken[0][1]

    def seek(self) -> int:
        self.clock.advance(seconds=30)
        found = look_for_comments(self.portal, self.plugins)
        self.run()
        return found


@pytest.fixture
def ears(fresh_sqlite: Callable[[], str]) -> Iterator[Ears]:
    made = Ears(fresh_sqlite())
    yield made
    made.small.database.close()


@pytest.fixture
def both(database_url: str) -> Iterator[Ears]:
    made = Ears(database_url)
    yield made
    made.small.database.close()


def test_an_event_leads_to_the_comment_and_not_to_the_record(both: Ears) -> None:
    both.crm.staff.hire("Ігор")
    both.crm.staff.comment("deal", both.deal, "#партнеру привіт", author="Ігор")
    both.report()
    both.report()
    both.run()
    assert both.heard == [("#партнеру привіт", False)] and both.authors == ["Ігор"]
    assert both.crm.called.count("comments_of") == 1 and "get" not in both.crm.called
    assert {state for state, _ in both.small.states("inbox")} == {"done"}
    both.report()
    both.run()
    assert both.seek() == 0 and len(both.heard) == 1


def test_what_no_event_reported_is_found_by_the_look(ears: Ears) -> None:
    other = ears.crm.staff.new("deal")
    ears.crm.staff.comment("deal", ears.deal, "раз")
    ears.crm.staff.comment("deal", other, "два")
    ears.crm.staff.comment("contact", ears.crm.staff.new("contact", name="x"), "нікому")
    assert ears.seek() == 2
    assert sorted(ears.heard) == [("два", False), ("раз", False)]
    asked = ears.crm.called.count("comments_since")
    assert ears.seek() == 0 and ears.crm.called.count("comments_since") == asked + 1
    assert ears.crm.called[-1] == "comments_since", "an idle look is one request"


def test_comments_of_our_own_never_come_back(ears: Ears) -> None:
    with ears.portal.unit() as unit:
        unit.comment("deal", ears.deal, "перевірка", key="k1")
        unit.write_comment("deal", ears.deal, "Oleg: привіт", key="k2", author="contact:940")
    ears.run()
    assert ears.seek() == 0 and ears.heard == []
    ears.crm.staff.edit_comment("comment:2", "Oleg: привіт!")
    ears.report()
    ears.run()
    assert ears.seek() == 0 and ears.heard == []


def test_an_edit_is_heard_once_as_an_edit(ears: Ears) -> None:
    made = ears.crm.staff.comment("deal", ears.deal, "курс 41")
    ears.report()
    ears.run()
    ears.crm.staff.edit_comment(made, "курс 42")
    assert ears.seek() == 1 and ears.seek() == 0
    assert ears.heard == [("курс 41", False), ("курс 42", True)]
    ears.clock.advance(seconds=EDITS_LOOKED_BACK.total_seconds())
    assert ears.seek() == 0
    ears.crm.staff.edit_comment(made, "курс 43")
    assert ears.seek() == 0, "too old for the look"
    ears.report()
    ears.run()
    assert ears.heard[2:] == [("курс 43", True)], "but the next reading of its record finds it"


def test_an_event_may_name_the_comment_alone(ears: Ears) -> None:
    made = ears.crm.staff.comment("deal", ears.deal, "привіт")
    ears.report("@comment", made, "comment.added")
    ears.report("@comment", "comment:77", "comment.added")
    ears.run()
    assert ears.heard == [("привіт", False)]
    assert {reason for _state, reason in ears.small.states("inbox")} == {"", "the CRM has no such record or comment"}


def test_what_stood_there_before_anybody_listened_concerns_nobody(fresh_sqlite: Callable[[], str]) -> None:
    ears = Ears(fresh_sqlite(), before="#партнеру старе")
    ears.report()
    ears.run()
    assert ears.seek() == 0 and ears.heard == []
    ears.crm.staff.edit_comment("comment:1", "#партнеру нове")
    assert ears.seek() == 0 and ears.heard == [], "an edit does not make it younger"
    ears.small.database.close()


def test_a_silent_crm_is_asked_again_and_a_handler_that_fails_hears_it_again(ears: Ears) -> None:
    ears.crm.staff.comment("deal", ears.deal, "привіт")
    ears.crm.fail_next(Unreachable("no route"), on="comments_of", times=2)
    ears.report()
    ears.run()
    assert ears.heard == [("привіт", False)]
    ears.crm.fail_next(Unreachable("no route"), on="comments_since")
    ears.crm.staff.comment("deal", ears.deal, "ще")
    assert ears.seek() == 0 and ears.seek() == 1 and len(ears.heard) == 2


def test_a_handler_that_breaks_has_not_heard(ears: Ears) -> None:
    ears.crm.staff.comment("deal", ears.deal, "привіт")
    broken = [True]

    def act(unit: Unit, heard: HeardComment) -> None:
        unit.comment("deal", ears.deal, "почув", key="heard")
        if broken.pop() if broken else False:
            raise Unreachable("in the middle")

    ears.act = act
    ears.report()
    with pytest.raises(Unreachable):
        ears.run()
    ears.small.queue.broken.clear()
    assert ears.crm.comments() == []
    ears.report()
    ears.run()
    assert [one.text for one in ears.crm.comments()] == ["почув"]


def test_a_file_is_fetched_before_the_unit_of_work(ears: Ears, tmp_path: Path) -> None:
    def prepare(portal: Any, comment: Any) -> bytes:
        portal.crm.comments.download(comment.files[0].id, tmp_path / "got", bytes_max=100)
        with pytest.raises(RuntimeError, match="only reads"):
            portal.crm.comments.write("deal", comment.record_id, "x", key="k")
        return (tmp_path / "got").read_bytes()

    got: list[Any] = []
    ears.prepare, ears.act = prepare, lambda unit, heard: got.append(heard.prepared)
    ears.crm.staff.comment("deal", ears.deal, "ось", files={"rahunok.pdf": b"%PDF"})
    ears.report()
    ears.run()
    assert got == [b"%PDF"]


def test_comments_of_a_record_are_heard_in_the_order_they_were_written(ears: Ears) -> None:
    """Whatever the order of their events, each of which has a lane of its own."""
    made = [ears.crm.staff.comment("deal", ears.deal, text) for text in ("раз", "два", "три")]
    for one in (made[2], made[0], made[1]):
        ears.report("@comment", one, "comment.added")
    ears.run()
    assert ears.heard == [("раз", False), ("два", False), ("три", False)]


def test_after_a_standstill_what_was_written_meanwhile_is_heard(ears: Ears) -> None:
    ears.crm.staff.comment("deal", ears.deal, "давно")
    ears.clock.advance(seconds=(GOES_BACK_AT_MOST - timedelta(hours=2)).total_seconds())
    assert ears.seek() == 1 and ears.heard == [("давно", False)]


def test_two_who_read_the_same_hand_it_over_once(both: Ears) -> None:
    """An event of a comment and one of its record have lanes of their own."""
    made = both.crm.staff.comment("deal", both.deal, "привіт")
    both.report()
    both.report("@comment", made, "comment.added")
    jobs = list(both.small.queue.waiting)
    both.small.queue.waiting.clear()
    start = threading.Barrier(len(jobs))
    both.prepare = lambda portal, one: start.wait(60)
    at_once(*(lambda job=job: sync(both.portal, both.plugins, job.args) for job in jobs))  # type: ignore[misc]
    assert both.heard == [("привіт", False)]


def test_nobody_listens_so_a_comment_is_news_of_the_record(ears: Ears) -> None:
    ears.plugins = ears.small.plugins
    ears.crm.staff.comment("deal", ears.deal, "привіт")
    ears.report()
    ears.run()
    assert ears.seek() == 0 and "comments_of" not in ears.crm.called and "get" in ears.crm.called


def test_what_is_written_carries_all_that_the_crm_can(ears: Ears, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"abc")
    made: list[tuple[Any, str]] = []
    ears.plugins[0].done["toy.made"] = lambda unit, payload, result: made.append((payload["context"], result))  # type: ignore[index]
    content = FileStore(ears.portal.database, ears.portal.clock).keep(tmp_path / "a.txt")
    files = [OutgoingFile(content, "рахунок.txt", "text/plain")]
    at = ears.clock.now() - timedelta(minutes=5)
    with ears.portal.unit() as unit:
        unit.write_comment(
            "deal", ears.deal, "привіт", key="k", author="contact:940", to=("user:3",), files=files, hidden=True, at=at,
            done="toy.made", context={"message": 5},
        )  # fmt: skip
    ears.crm.fail_next(Unreachable("lost", maybe_done=True), on="write_comment", after_commit=True)
    ears.run()
    [one] = ears.crm.comments.of("deal", ears.deal)
    assert made == [({"message": 5}, one.id)], "a lost answer doubles nothing"
    assert (one.text, one.author, one.by_staff, one.hidden, one.ours, one.at) == (
        "привіт",
        "contact:940",
        False,
        True,
        True,
        at,
    )
    assert [(file.name, file.size) for file in one.files] == [("рахунок.txt", 3)]
    with ears.portal.unit() as unit:
        unit.edit_comment("deal", ears.deal, one.id, "привіт усім", key="e1")
    ears.run()
    assert ears.crm.comments.get(one.id).text == "привіт усім" and ears.crm.comments.get(one.id).ours
    ears.crm.comments.can_hide = False
    with pytest.raises(Rejected):
        ears.crm.comments.write("deal", ears.deal, "таємне", key="s", to=("user:3",), hidden=True)
