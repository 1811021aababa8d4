"""Answers of the back office in the CRM's lists: one element per row, only what changed, never too many, none lost."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from kernel.datasets import Unread
from kernel.errors import Rejected, Throttled, Unreachable
from kernel.extension.timing import run_due
from plugins.dossier_lists.tests.office import CLIENT, cash

pytestmark = pytest.mark.row("BR-06")
NB = "\u00a0"


def test_each_row_is_an_element_that_hangs_on_the_clients_card(lists):
    lists.stored(cash=cash(2))
    first, second = lists.held()
    assert (first.entity, first.record_id) == ("contact", lists.card) and first.code.startswith(lists.start)
    assert first.name == "B-00000 · MOEX · RUB" and second.name == "B-00001 · MOEX · RUB"
    received = first.values["synced_at"]
    assert second.values == {
        "contract": "B-00001", "market": "MOEX", "currency": "RUB", "amount": Decimal("2.10"), "blocked": Decimal("0.00"),
        "available": Decimal("2.10"), "synced_at": received,
    }  # fmt: skip
    assert received == datetime(2026, 11, 21, 11, 3, 1, 1000, tzinfo=UTC)


def test_the_summary_says_what_the_tab_says(lists):
    securities = [
        {"contract": "B-1", "market": "MOEX", "instrument": "SBER", "isin": isin, "board": "TQBR", "currency": currency,
         "value": value, "quantity": Decimal(1)}
        for isin, currency, value in (
            ("1", "RUB", Decimal("37370.40")), ("2", "RUB", Decimal("177007.50")), ("3", "USD", Decimal("252.75")),
            ("4", "RUB", None), ("5", "RUB", Decimal("-6228.40")), ("6", "RUB", Unread("12 34,5")),
        )
    ]  # fmt: skip
    lists.stored(cash=[], securities=securities)
    total = lists.total("securities")
    assert total.name == "Итого на 21.11.2026 14:03"
    said = "Стоимость: 208 149,50 RUB + 1 без оценки, 1 не прочитано; 252,75 USD"
    assert str(total.values["note"]).replace(NB, " ").split("\n") == [said, "Строк: 6"]
    assert lists.total("cash").values["note"] == "Нет данных"
    unread = next(one for one in lists.held("securities") if " · 6 · " in one.name)
    assert "amount" not in unread.values and unread.values["note"] == "«Стоимость» не прочитано: 12 34,5"


def test_an_unchanged_answer_of_500_rows_is_one_request(lists):
    assert lists.stored(cash=cash(500)) == 1 + 11, "what the lists hold is asked for once"
    assert lists.stored(cash=cash(500)) == 1
    assert lists.sent() == ["total", "total"], "of both tables of the set"
    assert lists.stored(cash=cash(500, amount="7.00")) == 11
    assert len(lists.held()) == 500 and lists.held()[3].values["amount"] == Decimal("10.00")


def test_only_what_changed_is_sent_and_all_of_it(lists):
    lists.stored(cash=cash(3))
    rows = cash(3)
    rows[1] = {**rows[1], "blocked": Decimal("0.10")}
    assert lists.stored(cash=rows) == 1
    assert len(lists.sent()) == 3 and lists.held()[1].values["available"] == Decimal("2.10")
    assert all(change.there for change in lists.lists.writes[-1].changes)


def test_rows_that_are_gone_are_deleted(lists):
    lists.stored(cash=cash(3))
    assert lists.stored(cash=cash(2)) == 1
    assert [one.name[:7] for one in lists.held()] == ["B-00000", "B-00001"]
    lists.stored(cash=[])
    assert lists.held() == [] and lists.total().values["note"] == "Нет данных"


def test_a_history_keeps_what_the_back_office_has_no_more_and_says_so(lists):
    def request(number, state="NEW"):
        return {"number": number, "asked_at": datetime(2026, 11, 20, 9, tzinfo=UTC), "amount": Decimal("10.00"),
                "currency": "RUB", "status": state}  # fmt: skip

    lists.stored("withdrawals", withdrawals_cash=[request("1"), request("2", "DONE")])
    lists.stored("withdrawals", withdrawals_cash=[request("2", "DONE")])
    kept, there = lists.held("withdrawals_cash")
    assert kept.values["note"] == "нет в учётной системе" and kept.values["amount"] == Decimal("10.00")
    assert "note" not in there.values
    assert lists.stored("withdrawals", withdrawals_cash=[request("2", "DONE")]) == 1 and len(lists.sent()) == 2
    lists.stored("withdrawals", withdrawals_cash=[request("1"), request("2", "DONE")])
    assert ["note" in one.values for one in lists.held("withdrawals_cash")] == [False, False]


def test_ten_thousand_rows_take_the_best_five_hundred(lists):
    lists.stored(cash=cash(10_000))
    held = lists.held()
    assert len(held) == 500 and held[0].name.startswith("B-09500") and held[-1].name.startswith("B-09999")
    assert f"ещё 9{NB}500 строк — во вкладке «Досье»" in str(lists.total().values["note"])
    # Other rows become the best: those that have no room any more go, and none of them is called gone.
    rows = cash(10_000)
    rows[0] = {**rows[0], "balance": Decimal("99999999.00")}
    assert lists.stored(cash=rows) == 1 and len(lists.held()) == 500
    assert "B-09500" not in {one.name[:7] for one in lists.held()}


def test_very_few_rows_delete_nothing_until_a_second_answer_says_the_same(lists):
    lists.stored(cash=cash(30))
    lists.stored(cash=cash(2, amount="5.00"))
    assert len(lists.held()) == 30 and lists.held()[0].values["amount"] == Decimal("5.00")
    lists.clock.advance(seconds=-3595)
    lists.stored(cash=cash(30))
    assert len(lists.held()) == 30
    lists.stored(cash=cash(2))
    lists.stored(cash=cash(2))
    assert len(lists.held()) == 2, "a minute later it said so again"


def test_a_second_answer_at_once_is_not_sure_enough(lists_of):
    lists = lists_of(settings={"dossier_lists": {"list_every_s": 1}})
    lists.stored(cash=cash(30))
    lists.answered(cash=cash(2))
    lists.settle(10)
    lists.answered(cash=cash(2))
    lists.settle(10)
    assert len(lists.held()) == 30
    lists.advance(seconds=50)
    lists.answered(cash=cash(2))
    lists.settle(10)
    assert len(lists.held()) == 2


def test_two_rows_of_one_key_are_two_elements(lists):
    row = cash(1)[0]
    lists.stored(cash=[row, {**row, "balance": Decimal("9.00")}])
    first, second = sorted(lists.held(), key=lambda one: one.code)
    assert second.code == f"{first.code}#2" and second.values["note"] == "другая строка имеет тот же ключ"
    assert "Строк с ключом, который есть у другой строки: 1" in str(lists.total().values["note"])
    [said] = list(lists.plugins[1].doctor(lists.portal))
    assert CLIENT in said and "Позиция: деньги" in said


def test_a_row_without_its_key_is_counted_and_not_stored(lists):
    lists.stored(cash=[*cash(1), {**cash(1)[0], "contract": None}])
    assert len(lists.held()) == 1
    assert "Строк без ключа, в списке их нет: 1" in str(lists.total().values["note"])


def test_hostile_texts_stay_texts(lists):
    bad = "[B]x[/B] <img src=x onerror=alert(1)> $result[c0] =cmd|' /C calc'!A0 \x00\ud800"
    rows = [{**cash(1)[0], "contract": bad}, {**cash(1)[0], "contract": "к" * 100_000}]
    lists.stored(cash=rows)
    names = {str(one.values["contract"])[:8] for one in lists.held()}
    assert names == {"[B]x[/B]", "к" * 8} and all(len(str(one.values["contract"])) <= 2000 for one in lists.held())


def test_days_moments_and_words_stand_as_people_read_them(lists):
    lists.stored("contracts", contracts=[
        {"number": "B-1", "kind": "ИИС", "opened_at": date(2026, 2, 28), "tariff": "T", "market": "MOEX", "status": "OPEN"},
        {"number": "B-2", "kind": "ИИС", "opened_at": date(2025, 2, 28), "tariff": "T", "market": "MOEX", "status": "ODD"},
    ])  # fmt: skip
    first, second = lists.held("contracts")
    assert first.values["status"] == "Открыт" and first.values["opened_at"] == date(2026, 2, 28)
    assert second.values["status"] == "ODD"
    assert "Статус: Открыт 1, ODD 1" in str(lists.total("contracts").values["note"])


def test_one_pass_a_minute_and_the_newest_answer_counts(lists):
    lists.stored(cash=cash(1))
    lists.advance(seconds=61)
    for amount, requests in (("2.00", 1), ("3.00", 0), ("4.00", 0)):
        lists.advance(seconds=6)
        lists.answered(cash=cash(1, amount=amount))
        assert lists.settle(5) == requests
    assert lists.settle(70) == 1 and lists.held()[0].values["amount"] == Decimal("4.00")


def test_requests_leave_as_seldom_as_a_tenth_of_the_portals_rate(lists):
    lists.answered(cash=cash(200))
    moments = []
    while (due := lists.next_step()) is not None:
        moments.append(due)
        lists.settle((due - int(lists.clock.now().timestamp() * 1e6)) / 1e6)
    assert len(moments) >= 5
    assert all(after - before >= 5_000_000 for before, after in itertools.pairwise(moments))
    lists.advance(seconds=1)
    lists.answered(card=lists.crm.staff.new("contact", name="Другой"), client="2", cash=cash(1))
    assert lists.next_step() - moments[-1] >= 5_000_000, "also where nothing waited meanwhile"


def test_many_clients_share_a_request(lists):
    cards = [lists.crm.staff.new("contact", name=f"Клиент {n}") for n in range(12)]
    for number, card in enumerate(cards):
        lists.answered(client=str(number), card=card, cash=cash(1))
    assert lists.settle() <= 2 + 3
    assert len(lists.held()) == 12
    lists.advance(seconds=61)
    for number, card in enumerate(cards):
        lists.answered(client=str(number), card=card, cash=cash(1))
    assert lists.settle() == 1, "24 summaries"


def test_a_companys_rows_hang_on_the_companys_card(lists):
    firm = lists.crm.staff.new("company", name="ООО «Ромашка»", client_id="2")
    lists.answered(cash=cash(1))
    lists.answered(client="2", card=firm, entity="company", cash=cash(1, first=7))
    lists.settle()
    assert [(one.entity, one.record_id) for one in lists.held()] == [("contact", lists.card), ("company", firm)]
    assert lists.held()[1].code.startswith(f"CO_{firm}:")


def test_the_rows_of_another_client_leave_the_card(lists):
    lists.stored(cash=cash(3))
    lists.changed()
    lists.settle()
    assert not lists.lists.kept
    lists.stored(client="2", cash=cash(1))
    lists.answered(client="3", cash=cash(1, first=7))
    lists.settle()
    assert [one.name[:7] for one in lists.held()] == ["B-00007"], "also where no hook has said so"


def test_a_history_of_another_client_is_not_kept(lists):
    lists.stored("withdrawals", withdrawals_cash=[{"number": "1", "amount": Decimal(1), "currency": "RUB", "status": "NEW"}])
    lists.stored("withdrawals", client="2", withdrawals_cash=[])
    assert lists.held("withdrawals_cash") == []


def test_who_is_forgotten_while_a_request_is_in_flight_is_in_no_list(lists):
    lists.stored(cash=cash(1))
    lists.advance(seconds=61)
    lists.answered(cash=cash(2))
    lists.clock.advance(seconds=5)
    run_due(lists.portal, lists.plugins)  # the call is written down, and not sent yet
    lists.forgotten()
    lists.run()
    lists.settle()
    assert not lists.lists.kept


def test_a_forgotten_client_is_in_no_list(lists):
    lists.stored("withdrawals", withdrawals_cash=[{"number": "1", "amount": Decimal(1), "currency": "RUB", "status": "NEW"}])
    lists.stored("withdrawals", withdrawals_cash=[])
    lists.answered(cash=cash(2))
    lists.forgotten()
    lists.settle()
    assert not lists.lists.kept and not lists.rows("SELECT * FROM dossier_list_element")


def test_summary_and_off_leave_the_rows_out(lists):
    lists.stored(cash=cash(2))
    lists.configure("dossier_lists", {"lists": "summary"})
    lists.work("dossier_lists.watch")
    lists.settle()
    assert lists.held() == [] and lists.total()
    lists.stored(cash=cash(3))
    assert lists.held() == [] and "Строк: 3" in str(lists.total().values["note"])
    lists.configure("dossier_lists", {"lists": "off"})
    lists.work("dossier_lists.watch")
    lists.settle()
    assert not lists.lists.kept and lists.stored(cash=cash(3)) == 0


def test_what_the_list_held_before_us_is_taken_over(lists):
    lists.stored(cash=cash(3))
    with lists.database.write() as tx:  # an installation that lost its memory
        for table in ("element", "pass", "state"):
            tx.run(f"DELETE FROM dossier_list_{table}")
    lists.stored(cash=cash(2, amount="4.00"))
    assert [one.values["amount"] for one in lists.held()] == [Decimal("4.00"), Decimal("5.00")]


# --- the CRM says no, or nothing ----------------------------------------------------------------------------------------


def test_an_element_that_is_refused_is_told_and_tried_again_by_the_next_pass(lists):
    lists.stored(cash=cash(2))
    code = lists.held()[0].code
    lists.lists.refuses[code] = Rejected("memory: «Сумма» is odd")
    lists.stored(cash=cash(2, amount="3.00"))
    assert [one.values["amount"] for one in lists.held()] == [Decimal("1.10"), Decimal("4.00")]
    [said] = list(lists.plugins[1].doctor(lists.portal))
    assert "«Сумма» is odd" in said
    lists.lists.refuses.clear()
    lists.stored(cash=cash(2, amount="3.00"))
    assert lists.held()[0].values["amount"] == Decimal("3.00") and not list(lists.plugins[1].doctor(lists.portal))


def test_a_throttled_element_waits_as_long_as_it_is_told(lists):
    lists.stored(cash=cash(2))
    code = lists.held()[0].code
    lists.lists.refuses[code] = Throttled("memory: used up", wait_seconds=90)
    lists.advance(seconds=61)
    lists.answered(cash=cash(2, amount="3.00"))
    assert lists.settle(5) == 1 and lists.held()[1].values["amount"] == Decimal("4.00")
    lists.lists.refuses.clear()
    assert lists.settle(89) == 0
    assert lists.settle(91) == 1 and lists.held()[0].values["amount"] == Decimal("3.00")


@pytest.mark.parametrize("after_commit", [False, True])
def test_a_lost_answer_doubles_nothing(lists, after_commit):
    lists.crm.fail_next(Unreachable("gone", maybe_done=True), on=("write_lists",), after_commit=after_commit)
    lists.stored(cash=cash(60))
    assert len(lists.held()) == 60 and lists.stored(cash=cash(60)) == 1


def test_a_set_without_lists_and_a_crm_without_them_notice_nothing(lists):
    lists.crm.lists = None
    lists.answered(cash=cash(2))
    assert lists.next_step() is None
    lists.work("dossier_lists.watch")
    assert len(list(lists.plugins[1].doctor(lists.portal))) == 1
