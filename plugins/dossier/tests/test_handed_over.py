"""What is asked to hand a client over stands in the request log, too: each try, whatever came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from kernel.errors import Maintenance, Unreachable
from plugins.dossier import plugin
from plugins.opening.tests.office import BAD_INN, BAD_MARKET, Office, rejected

pytestmark = pytest.mark.row("BR-15")


@pytest.fixture
def office_of(fresh_sqlite: Callable[[], str], closing: Callable[[Office], Office]) -> Callable[..., Office]:
    def made(**how: Any) -> Office:
        office = closing(Office(fresh_sqlite(), **how))
        office.plugins.append(plugin)
        office.restart()
        return office

    return made


def logged(office: Office) -> list[Mapping[str, Any]]:
    names = "set_name, outcome, client_id, entity, record, person, face, ms, row_count, code, trace_id, trace"
    return office.rows(f"SELECT {names} FROM dossier_log ORDER BY at, id")


def test_each_try_has_its_line_with_who_and_which_card(office_of: Callable[..., Office]) -> None:
    office = office_of()
    office.accounts.faults = [
        Unreachable("away", maybe_done=True), Maintenance("closed", vendor_code="MAINTENANCE", request_id="T-1"),
    ]  # fmt: skip
    deal = office.deal(office.client_card())
    office.push(deal)
    office.rests(1, 2, 3)
    lines = logged(office)
    assert [(one["set_name"], one["outcome"], one["code"], one["trace_id"]) for one in lines] == [
        ("OpenAccount", "unavailable", "", ""), ("OpenAccount", "maintenance", "MAINTENANCE", "T-1"),
        ("OpenAccount", "ok", "", ""),
    ]  # fmt: skip
    assert {(one["entity"], one["record"], one["person"], one["face"]) for one in lines} == {
        ("deal", deal, office.irina.id, "soap")
    }
    assert [one["client_id"] for one in lines] == ["", "", "1000500"] and all(one["trace"] for one in lines)


def test_a_refusal_by_fields_is_an_answer_and_names_its_codes(office_of: Callable[..., Office]) -> None:
    office = office_of()
    office.accounts.answers = [rejected(BAD_INN, BAD_MARKET)]
    office.push(office.deal(office.client_card()))
    office.rests(1)
    [line] = logged(office)
    assert (line["outcome"], line["code"], line["client_id"]) == ("rejected", "INN_CHECKSUM,MARKET_CLOSED", "")


def test_look_ups_are_questions_as_well(office_of: Callable[..., Office]) -> None:
    office = office_of(promise="lookup")
    office.accounts.lose = 1
    office.push(office.deal(office.client_card()))
    office.rests(1, 2, 3)
    assert [(one["set_name"], one["outcome"], one["row_count"]) for one in logged(office)] == [
        ("OpenAccount", "unavailable", 0), ("GetRequest", "ok", 1),
    ]  # fmt: skip


def test_a_log_that_cannot_be_written_changes_nothing(office_of: Callable[..., Office]) -> None:
    office = office_of()
    with office.tx() as tx:
        tx.run("ALTER TABLE dossier_log RENAME TO gone")
    client = office.client_card()
    deal = office.deal(client)
    office.push(deal)
    office.rests()
    with office.tx() as tx:
        tx.run("ALTER TABLE gone RENAME TO dossier_log")
    assert office.faults(deal, client) == [] and logged(office) == []
