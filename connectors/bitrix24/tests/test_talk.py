"""Comments of the timeline as people read them, and against the emulated portal where it matters who pays for what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.bitrix24.marks import mark, marked, remarked, shown
from connectors.bitrix24.setup_app import wanted_events
from connectors.bitrix24.tests.office import open_office
from kernel.extension import CommentWatch, Plugin
from kernel.mapping import EntityMap, MappingSet, PortalMap


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ("раз\nдва[br]три<br>чотири", "раз\nдва\nтри\nчотири"),
        ("[B]#партнеру[/B] курс [color=#f00]41[/color]", "#партнеру курс 41"),
        ("[URL=https://example.test/a]тут[/URL]!", "тут (https://example.test/a)!"),
        ("[url]https://example.test/a[/url]", "https://example.test/a"),
        ("[URL=https://example.test/]https://example.test[/URL]", "https://example.test"),
        ("[USER=11]Анна[/USER], глянь", "Анна, глянь"),
        ("[LIST]\n[*]раз\n[*]два[/LIST]", "• раз\n• два"),
        ("[DISK FILE ID=n930]ось", "ось"),
        ("рахунок [12] і [Б]", "рахунок [12] і [Б]"),
        ("", ""),
    ],
)
def test_what_people_see(stored, text):
    assert shown(stored) == (text, "")


def test_our_mark_is_taken_off_told_and_kept_by_an_edit():
    assert shown(marked("[B]курс[/B]\n41", "k")) == ("[B]курс[/B]\n41", mark("k")), "what we wrote was no mark-up"
    assert shown(f"раз № {mark('k')} два")[1] == ""
    assert shown(remarked("нове", mark("k"))) == ("нове", mark("k")) and shown(remarked("нове", "")) == ("нове", "")


def test_events_of_comments_are_wanted_where_somebody_listens():
    mapping = MappingSet("s", PortalMap(connector="bitrix24"), {"deal": EntityMap(entity="deal")})

    class Nothing:
        def get(self, *_words):
            return None

    def wanted(entity):
        plugin = Plugin("p", "P", comments=(CommentWatch(entity, lambda unit, heard: None),))
        return [one for one in wanted_events(mapping, [plugin], Nothing())[0] if "COMMENT" in one]

    assert wanted("deal") == ["ONCRMTIMELINECOMMENTADD", "ONCRMTIMELINECOMMENTUPDATE"] and wanted("lead") == []


@pytest.fixture
def office(tmp_path):
    with open_office(tmp_path) as opened:
        yield opened


def test_an_idle_look_is_one_request_and_old_pages_stay_unread(office):
    comments = office.crm.comments
    deal = office.crm.create("deal", {}, key="d-1")
    before = datetime.now(UTC) - timedelta(minutes=2)
    made = [comments.write("deal", deal, f"{n}", key=f"m-{n}") for n in range(3)]
    assert [one.text for one in comments.since(before, ["deal", "contact"])] == ["0", "1", "2"]
    office.wire.sent.clear()
    assert comments.since(datetime.now(UTC) + timedelta(minutes=5), ["deal", "contact"]) == []
    assert len(office.wire.sent) == 1
    comments.of("deal", deal)
    assert len(office.wire.sent) == 2
    assert comments.get(made[0]).author and comments.get(made[0]).by_staff
