"""crm.item.details.configuration.*: whose arrangement of a card counts, and what is refused in which words."""

from __future__ import annotations

from typing import Any

import pytest

MAIN: dict[str, Any] = {
    "name": "main", "title": "О клиенте", "type": "section",
    "elements": [{"name": "NAME", "optionFlags": 1}, {"name": "PHONE", "options": {"defaultCountry": "RU"}}],
}  # fmt: skip
SHOWN = {
    **MAIN,
    "elements": [
        {"name": "NAME", "optionFlags": "1"}, {"name": "PHONE", "optionFlags": "0", "options": {"defaultCountry": "RU"}},
    ],
}  # fmt: skip
WHERE = "crm.item.details.configuration"


def seen(admin: Any, user: str) -> tuple[str, list[str]]:
    found = admin.door(f"/card-view?entityTypeId=3&user={user}")
    return found["of"], [one["title"] for one in found["sections"]]


def test_ones_own_arrangement_goes_before_everybodys(admin: Any) -> None:
    assert admin.call(f"{WHERE}.get", entityTypeId=3, scope="C") is None and seen(admin, "11") == ("portal", [])
    assert admin.call(f"{WHERE}.set", entityTypeId=3, scope="C", data=[MAIN]) is True
    assert admin.call(f"{WHERE}.get", entityTypeId=3, scope="C") == [SHOWN]
    assert admin.call(f"{WHERE}.get", entityTypeId=3) is None, "the default is one's own"
    assert admin.call(f"{WHERE}.set", entityTypeId=3, userId=11, data=[{**MAIN, "title": "Моё"}]) is True
    assert seen(admin, "11") == ("own", ["Моё"]) and seen(admin, "12") == ("common", ["О клиенте"])
    assert admin.call(f"{WHERE}.forceCommonScopeForAll", entityTypeId=3) is True
    assert seen(admin, "11") == ("common", ["О клиенте"])
    assert admin.call(f"{WHERE}.reset", entityTypeId=3, scope="C") is True and seen(admin, "11") == ("portal", [])


def test_pipelines_and_repeated_leads_have_arrangements_of_their_own(admin: Any) -> None:
    for number, extras in ((2, "dealCategoryId"), (1, "leadCustomerType")):
        admin.call(f"{WHERE}.set", entityTypeId=number, scope="C", extras={extras: 2}, data=[MAIN])
        assert admin.call(f"{WHERE}.get", entityTypeId=number, scope="C", extras={extras: 2}) == [SHOWN]
        assert admin.call(f"{WHERE}.get", entityTypeId=number, scope="C") is None


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"data": [MAIN]}, "Parameter 'entityTypeId' is not defined"),
        ({"entityTypeId": 999, "data": [MAIN]}, "The entity type '999' is not supported in current context."),
        ({"entityTypeId": 3, "data": "x"}, "Parameter 'data' must be an array."),
        ({"entityTypeId": 3, "data": []}, "There are no data to write."),
        (
            {"entityTypeId": 3, "data": [{**MAIN, "type": "x"}]},
            "Section at index 0 has type x. The expected type is 'section'.",
        ),
        ({"entityTypeId": 3, "data": [MAIN, {**MAIN, "title": ""}]}, "Section at index 1 does not have title."),
        (
            {"entityTypeId": 3, "data": [{**MAIN, "elements": [{"optionFlags": 1}]}]},
            "Element at index 0 in section at index 0 does not have name.",
        ),
    ],
)
def test_refusals(admin: Any, given: dict[str, Any], text: str) -> None:
    assert admin.fails(f"{WHERE}.set", scope="C", **given) == (400, "", text)


def test_everybodys_and_others_are_an_administrators_business(manager: Any) -> None:
    for whose in ({"scope": "C"}, {"userId": 1}):
        assert manager.fails(f"{WHERE}.set", entityTypeId=3, data=[MAIN], **whose) == (400, "", "Access denied.")
    assert manager.call(f"{WHERE}.set", entityTypeId=3, data=[MAIN]) is True
