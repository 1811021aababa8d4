"""What becomes of answers that are refusals, or that show less than was asked."""

from __future__ import annotations

import json

import pytest

from connectors.bitrix24.tests.office import open_office
from kernel.crm import Ref
from kernel.errors import Misconfigured, NoRight, Rejected, Throttled, Unreachable, Unverified
from kernel.http import Answer


@pytest.fixture
def office(tmp_path):
    with open_office(tmp_path) as opened:
        opened.crm.people.all()
        opened.crm.find("deal")
        yield opened


def answer(result, status=200):
    return Answer(status, {}, json.dumps({"result": result}).encode())


def refusal(status, code, text):
    return Answer(status, {}, json.dumps({"error": code, "error_description": text}).encode())


def test_a_refusal_names_fields_as_staff_see_them(office):
    number = office.crm.create("deal", {}, key="d-1")
    office.wire.instead["crm.item.update"] = refusal(
        400, "CRM_FIELD_ERROR_REQUIRED", "UF_CRM_NOTE and UF_CRM_DUE: fill them"
    )
    with pytest.raises(Rejected, match="«Заметка» and «Срок»: fill them") as caught:
        office.crm.update("deal", number, {}, stage="terms")
    assert caught.value.vendor_code == "CRM_FIELD_ERROR_REQUIRED" and not caught.value.retry


def test_a_refused_stage_is_no_success(office):
    number = office.crm.create("deal", {}, key="d-1")
    office.wire.instead["crm.item.update"] = refusal(400, "-", "Insufficient permissions to change the stage")
    with pytest.raises(NoRight):
        office.crm.update("deal", number, {}, stage="terms")


def test_a_stage_that_the_portal_ignored_is_told_by_its_name(office):
    number = office.crm.create("deal", {"note": "раз"}, key="d-1")
    office.wire.instead["crm.item.update"] = answer({"item": office.item(2, number)})
    with pytest.raises(Unverified, match="stage \\(it is «Новая»\\)"):
        office.crm.update("deal", number, {}, stage="terms")
    with pytest.raises(Unverified, match="«Заметка»"):
        office.crm.update("deal", number, {"note": "два"})


def test_after_a_refusal_the_portal_is_read_again(office):
    number = office.crm.create("deal", {}, key="d-1")
    office.wire.instead["crm.item.update"] = refusal(400, "", "Something else")
    with pytest.raises(Rejected):
        office.crm.update("deal", number, {"note": "x"})
    del office.wire.instead["crm.item.update"]
    before = len(office.wire.sent)
    office.crm.update("deal", number, {"note": "x"})
    assert office.wire.sent[before] == "batch" and office.wire.sent[-1] == "crm.item.update"


def test_an_answer_without_a_number_may_have_made_something(office):
    office.wire.instead["crm.item.add"] = answer({"item": {}})
    with pytest.raises(Unverified) as caught:
        office.crm.create("deal", {}, key="d-1")
    assert caught.value.maybe_done


def test_a_record_that_did_not_keep_our_key_stops_us(office):
    item = office.item(2, office.crm.create("deal", {}, key="d-1"))
    office.wire.instead["crm.item.add"] = answer({"item": {**item, "UF_CRM_ANNEX_KEY": ""}})
    with pytest.raises(Misconfigured, match="did not keep our key"):
        office.crm.create("deal", {}, key="d-2")


def test_what_a_new_record_shows_otherwise_is_looked_for_on_repeat(office):
    item = office.item(2, office.crm.create("deal", {}, key="d-1"))
    office.wire.instead["crm.item.add"] = answer({"item": {**item, "UF_CRM_ANNEX_KEY": "d-2"}})
    with pytest.raises(Unverified, match="«Заметка»") as caught:
        office.crm.create("deal", {"note": "раз"}, key="d-2")
    assert caught.value.maybe_done


def test_a_row_under_another_record_is_not_passed_over(office):
    one, other = (office.crm.create("deal", {}, key=f"d-{n}") for n in range(2))
    row = office.crm.add_row("deal", one, "operation", {"gives": "1"}, key="r-1")
    item = office.item(office.numbers["Операция"], row)
    office.wire.instead["crm.item.add"] = answer({"item": item})
    with pytest.raises(Unverified, match=f"does not belong to deal {other}"):
        office.crm.add_row("deal", other, "operation", {"gives": "1"}, key="r-1")


@pytest.mark.parametrize(
    ("refused", "fault"),
    [
        (Answer(502, {}, b"<html>bad gateway</html>"), Unreachable),
        (refusal(503, "OVERLOAD_LIMIT", "REST API is blocked due to overload"), Throttled),
    ],
)
def test_a_notice_that_could_not_be_sent_now_finds_the_comment_next_time(office, refused, fault):
    deal = office.crm.create("deal", {}, key="d-1")
    office.wire.instead["im.notify.system.add"] = refused
    with pytest.raises(fault) as caught:
        office.crm.comment("deal", deal, "Смотри", to=("11",), key="m-1")
    assert caught.value.maybe_done
    office.wire.instead.clear()
    office.crm.comment("deal", deal, "Смотри", to=("11",), key="m-1", maybe_done=True)
    wanted = {"filter": {"ENTITY_ID": deal, "ENTITY_TYPE": "deal"}}
    assert len(office.staff("crm.timeline.comment.list", wanted)) == 1


def test_without_the_right_to_see_staff_there_are_no_names(office):
    number = office.crm.create("deal", {"manager": Ref("11")}, key="d-1")
    fresh = office.fresh()
    office.wire.instead["user.get"] = refusal(403, "insufficient_scope", "higher privileges")
    assert fresh.get("deal", number).values["manager"] == Ref("11")


def test_working_days_nobody_may_see_are_unknown(office):
    denied = refusal(403, "insufficient_scope", "higher privileges")
    office.wire.instead["batch"] = answer({
        "result": [], "result_error": {key: json.loads(denied.body) for key in ("c0", "c1")}, "result_total": [],
        "result_next": [], "result_time": [],
    })  # fmt: skip
    assert office.crm.workdays.statuses(["11"]) == {"11": "unknown"}


def test_a_throttled_question_is_no_answer(office):
    office.wire.instead["batch"] = refusal(503, "OVERLOAD_LIMIT", "blocked")
    for ask in (
        lambda: office.crm.workdays.statuses(["11"]),
        lambda: office.crm.people.overdue(["11"]),
        lambda: office.crm.people.all(),
        lambda: office.crm.changed({"deal": office.connection.clock.now()}),
        lambda: office.fresh().missing(),
    ):
        with pytest.raises(Throttled):
            ask()
