"""Contract 2.6: what each type of field takes and shows."""

import pytest

from sandbox.planfix import fields, showing
from sandbox.planfix.fields import IGNORED
from sandbox.planfix.model import Field


@pytest.fixture
def there_and_back(desk):
    """Writes a value to a field of a type; gives `value` and `stringValue`, or IGNORED."""

    def convert(kind, value):
        field, author = Field(1, "f", kind, "task"), desk.portal.users["user:3"]
        stored = fields.accept(desk.portal, field, value, author)
        return stored if stored is IGNORED or stored is None else showing.emit(desk.portal, field, stored, author)

    return convert


@pytest.mark.parametrize(
    ("kind", "written", "value", "text"),
    [
        (0, "10 000.50", "10 000.50", "10 000.50"),
        (0, "0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827", None),
        (1, 41.37, 41.37, "41,37"),
        (1, 10000, 10000, "10 000"),
        (1, -1234567.5, -1234567.5, "-1 234 567,5"),
        (1, 9007199254740993, 9007199254740992.0, None),
        (1, 1e-7, 1e-7, "0,0000001"),
        (7, True, True, "Так"),
        (8, "немає такого", "немає такого", "немає такого"),
        (9, {"id": 13}, {"id": 13, "value": "USDT"}, "USDT"),
        (11, {"id": 5}, {"id": "user:5", "name": "Марія Коваль"}, "Марія Коваль"),
        (12, {"id": "contact:801"}, {"id": "contact:801", "name": "Партнер Альфа"}, "Партнер Альфа"),
        (13, {"id": "group:2"}, {"id": "group:2", "name": "Каса"}, "Каса"),
        (14, [{"id": "user:1"}], [{"id": "user:1", "name": "Олег Власник"}], "Олег Власник"),
        (15, [{"id": 11}], [{"id": 11, "value": "USD"}], "USD"),
        (17, [{"id": 7}], [{"id": 7, "name": ""}], ""),
        (20, ["A", "B"], ["A", "B"], "A, B"),
        (4, {"time": "17:55"}, {"time": "17:55"}, "17:55"),
    ],
)
def test_a_value_comes_back_as_documented(there_and_back, kind, written, value, text):
    shown = there_and_back(kind, written)
    assert shown[0] == value
    assert text is None or shown[1] == text


def test_a_date_is_the_same_day_in_every_zone(there_and_back):
    value, text = there_and_back(3, {"date": "21-11-2026"})
    assert (value["date"], value["datetime"], text) == ("21-11-2026", "2026-11-21T00:00Z", "21-11-2026")


def test_a_moment_is_read_in_the_owners_zone(there_and_back):
    value, _ = there_and_back(5, "21-12-2021 12:15:00")
    assert (value["time"], value["datetime"]) == ("12:15", "2021-12-21T10:15Z")


def test_duration_alone_stores_an_empty_period(there_and_back):
    assert there_and_back(6, {"durationSec": 3600}) == ({}, "")
    assert there_and_back(6, {"from": {"time": "10:00"}, "to": {"time": "11:30"}})[0]["durationSec"] == 5400


@pytest.mark.parametrize("kind", [23, 24, 26, 29])
def test_computed_fields_cannot_be_written(there_and_back, kind):
    assert there_and_back(kind, 5) is IGNORED


@pytest.mark.parametrize("written", [{"id": 0}, {"id": ""}])
def test_a_directory_entry_is_cleared_by_nothing(there_and_back, written):
    assert there_and_back(9, written) is None


@pytest.mark.parametrize(("mode", "result"), [("ignore", IGNORED), ("store", (41.5, "41,5"))])
def test_a_text_in_a_number_field_is_a_switch(desk, there_and_back, mode, result):
    desk.portal.faults.set("number_text", mode)
    assert there_and_back(1, "41,5") == result


def test_a_text_in_a_number_field_may_be_refused(robot):
    deal = robot.deal()
    robot.door("/faults", {"number_text": "refuse"})
    body = {"dataTag": {"id": 6}, "items": [{"customFieldData": [{"field": {"id": 22}, "value": "x"}]}]}
    assert robot.fails(f"/task/{deal}/datatags/", body) == (400, 41)
    assert robot.door("/state")["counters"]["rows"] == 0
    assert robot.door("/state")["counters"]["comments"] == 1
