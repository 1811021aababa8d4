"""Days and moments as they are typed into a page's field or stand in an address."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from kernel.errors import BadInput
from kernel.web.dates import asked_day, asked_moment, day_text, moment_text

KYIV = ZoneInfo("Europe/Kyiv")


def test_a_day_is_read_in_the_form_of_the_page_and_in_iso() -> None:
    assert asked_day("") is None and asked_day("  ") is None
    assert asked_day("05.11.2026") == asked_day("5.11.2026") == asked_day(" 2026-11-05 ") == date(2026, 11, 5)
    assert asked_day(day_text(date(2026, 1, 2))) == date(2026, 1, 2)


@pytest.mark.parametrize("wrong", ["31.02.2026", "11/05/2026", "05.11.26", "01.01.0001", "31.12.9999", "завтра", "\x00"])
def test_what_is_no_day_says_how_one_is_written(wrong: str) -> None:
    with pytest.raises(BadInput, match=r"21\.11\.2026") as found:
        asked_day(wrong, field="from")
    assert found.value.field == "from"
    with pytest.raises(BadInput, match=r"21\.11\.2026 18:30"):
        asked_moment(wrong, KYIV, field="at")


def test_a_moment_is_in_the_zone_of_the_portal_and_shown_as_it_was_typed() -> None:
    typed = asked_moment("21.11.2026  18:30", KYIV)
    assert typed == asked_moment("2026-11-21T18:30", KYIV) == asked_moment("2026-11-21T16:30+00:00", KYIV)
    assert moment_text(typed) == "21.11.2026 18:30"
    assert moment_text(datetime(2026, 11, 21, 18, 30, 1, tzinfo=KYIV)) == "21.11.2026 18:30:01"
    assert asked_moment("21.11.2026", KYIV) == datetime(2026, 11, 21, tzinfo=KYIV)
    assert asked_moment(" ", KYIV) is None and moment_text(None) == day_text(None) == ""
