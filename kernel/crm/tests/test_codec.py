"""A record as we keep it: what comes back is what went in, to the last digit, second and row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from kernel.crm import Record, Ref, Row, Unreadable
from kernel.crm.codec import pack_record, unpack_record


def test_a_record_is_kept_as_it_was_to_the_last_digit_second_and_row() -> None:
    moment = datetime(2026, 10, 25, 3, 30, 1, 5, tzinfo=timezone(timedelta(hours=2)))
    values = {
        "rate": Decimal("0.123456789012"), "zero": Decimal("0.10"), "large": Decimal("1E+3"), "text": "а\n\u2028б",
        "no": None, "flag": False, "day": moment.date(), "ref": Ref("contact:5", "Олена"), "moment": moment,
        "refs": (Ref("user:2"), Ref("user:1")), "none": (), "odd": Unreadable("сто", "not_number", {"text": "сто"}),
    }  # fmt: skip
    rows = {"line": tuple(Row(str(key), {"n": Decimal(key)}) for key in (10, 9, 2, 11)), "empty": ()}
    made = datetime(2026, 1, 1, tzinfo=UTC)
    record = Record("deal", "7", "Назва", "new", "Нове", values, rows, made, moment, "1", "2", "x://")
    back = unpack_record(pack_record(record))
    assert back == record and [row.key for row in back.rows["line"]] == ["10", "9", "2", "11"]
    assert str(back.values["rate"]) == "0.123456789012" and back.values["moment"].utcoffset() == timedelta(hours=2)  # type: ignore[union-attr]
