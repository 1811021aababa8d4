"""To the digit, the second and the day; and of a batch, a list or a history nothing left out or put in another order."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from connectors.bitrix24.changes import Changes
from connectors.bitrix24.tests.pocket import WEBHOOK, Portal, Refusal, a_client, a_connection, a_vault, cut, refused
from connectors.bitrix24.values import PortalField, day_of, moment_of, same, stamp, to_wire
from connectors.bitrix24.work import moves_of
from kernel.crm import Ref
from kernel.errors import Throttled, Unreachable
from kernel.http.gate import OpenGate
from kernel.testing import FakeClock

MOSCOW, AZORES = ZoneInfo("Europe/Moscow"), ZoneInfo("Atlantic/Azores")
#: Half an hour after midnight in Moscow, the evening before in Greenwich.
NIGHT = datetime(2026, 12, 4, 21, 30, tzinfo=UTC)


@pytest.fixture
def portal():
    return Portal()


@pytest.fixture
def client(portal, tmp_path):
    return a_client(a_connection(portal, a_vault(tmp_path), WEBHOOK, FakeClock()))


# --- values ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", ["100", "0.01", "1234567.89"])
@pytest.mark.parametrize("off", ["0.01", "-0.01", "0.5", "-1"])
def test_an_amount_that_came_out_otherwise_is_another_one(amount, off):
    sent = Decimal(amount)
    assert same(sent, sent) and same(sent, Decimal(str(float(sent)))) and same(sent, f"{sent}")
    assert not same(sent, sent + Decimal(off)) and not same(sent, str(sent + Decimal(off)))


def test_the_wire_has_seconds_and_no_more_is_forgiven():
    assert same(NIGHT + timedelta(milliseconds=999), NIGHT)
    for other in (timedelta(seconds=1), timedelta(minutes=-1), timedelta(hours=1)):
        assert not same(NIGHT, NIGHT + other)
    assert not same(date(2026, 12, 4), date(2026, 12, 5)) and not same(Ref("5"), Ref("6"))


def test_a_moment_is_written_as_the_portals_day():
    assert to_wire(PortalField("UF_D", "date"), NIGHT, MOSCOW, "Срок") == "2026-12-05"
    assert to_wire(PortalField("UF_D", "date"), date(2026, 12, 4), MOSCOW, "Срок") == "2026-12-04"
    written = to_wire(PortalField("UF_T", "datetime"), NIGHT, MOSCOW, "Час")
    assert datetime.fromisoformat(written) == NIGHT


def test_a_field_is_emptied_in_the_shape_it_has():
    for nothing in (None, ()):
        assert to_wire(PortalField("UF_L", "employee", multiple=True), nothing, MOSCOW, "Команда") == []
        assert to_wire(PortalField("UF_L", "string"), nothing, MOSCOW, "Заметка") == ""


@pytest.mark.parametrize("day", [date(2026, 11, 5), date(2026, 5, 11), date(2026, 12, 31)])
def test_a_day_is_the_same_one_wherever_the_reader_sits(day):
    assert day_of(f"{day:%d.%m.%Y}", MOSCOW) == day
    for zone in (MOSCOW, AZORES, ZoneInfo("America/New_York"), ZoneInfo("Asia/Tokyo")):
        midnight_of_the_server = datetime(day.year, day.month, day.day, tzinfo=UTC)
        assert day_of(midnight_of_the_server.astimezone(zone).isoformat(), zone) == day
        assert day_of(datetime(day.year, day.month, day.day, tzinfo=zone).isoformat(), zone) == day


def test_a_filter_by_time_is_that_moment_and_never_later():
    moment = NIGHT + timedelta(microseconds=999_999)
    for zone in (MOSCOW, AZORES):
        assert moment_of(stamp(moment, zone), zone) == NIGHT


# --- batches -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("halt", [False, True])
@pytest.mark.parametrize("throttled", [{0}, {3, 49}, {50, 119}, set(range(0, 120, 7))])
def test_a_batch_with_throttled_commands_is_carried_out_whole_and_once(portal, client, halt, throttled):
    left, done = set(throttled), []

    def ask(params):
        number = int(params["n"])
        if number in left:
            left.discard(number)
            raise Refusal(503, "QUERY_LIMIT_EXCEEDED")
        done.append(number)
        return number

    portal.methods["ask"] = ask
    few = halt and len(throttled) > 2  # a chain stops at each of them: more than the tries there are
    caught = client.batch([("ask", {"n": n}) for n in range(120)], writes=True, halt=halt)
    if not few:
        assert [one.get() for one in caught] == list(range(120))
    assert sorted(done) == sorted(set(done)), "carried out once each"
    if halt:
        assert done == sorted(done), "in their order"


@pytest.mark.parametrize("count", [1, 2, 51])
def test_a_batch_of_writes_is_never_repeated_by_itself(portal, client, count):
    """Alone at the end of a batch a command leaves without one; it stays a write."""
    called_first = []

    def lose(method, params):
        called_first.append(method)
        return cut()

    portal.before = lose
    outcomes = client.batch([("crm.item.add", {"fields": {"title": n}}) for n in range(count)], writes=True)
    assert all(isinstance(one.fault, Unreachable) and one.fault.maybe_done for one in outcomes)
    assert len(called_first) == -(-count // 50)


def test_halt_stops_at_the_first_that_fails_even_if_others_went_well(portal, client):
    portal.methods["ask"] = lambda params: params["n"]
    portal.methods["no"] = lambda params: (_ for _ in ()).throw(Refusal(400, "", "Access denied."))
    calls = [("ask", {"n": n}) for n in range(10)] + [("no", {})] + [("ask", {"n": n}) for n in range(100)]
    caught = client.batch(calls, writes=True, halt=True)
    assert sum(one.fault is None for one in caught) == 10 and len(portal.requests) == 1


@pytest.mark.row("PL-03")
@pytest.mark.parametrize(("code", "seconds"), [("QUERY_LIMIT_EXCEEDED", 2.0), ("OVERLOAD_LIMIT", 60.0)])
@pytest.mark.parametrize("writes", [False, True])
def test_a_wish_for_silence_reaches_all_who_share_the_gate(portal, tmp_path, code, seconds, writes):
    asked = []

    class Noting(OpenGate):
        def back_off(self, seconds: float) -> None:
            asked.append(seconds)

    caller = a_client(a_connection(portal, a_vault(tmp_path), WEBHOOK, FakeClock(), gate=Noting()))
    portal.before = lambda method, params: refused(503, code)
    with pytest.raises(Throttled):
        caller.call("crm.item.add", {"fields": {}}, writes=writes)
    assert asked and set(asked) == {seconds} and len(asked) == len(portal.requests)


# --- histories and sweeps ----------------------------------------------------------------------------------------------

PLAN = SimpleNamespace(
    kind="deal", entity_type=2, pipelines={}, map=SimpleNamespace(stage={"new": None}),
    stages=SimpleNamespace(keys={f"S{n}": f"stage {n}" for n in range(200)}, names={}),
)  # fmt: skip


@pytest.mark.parametrize("ids", [[9, 10, 11], [11, 10, 9], [99, 100, 7]])
def test_a_history_goes_by_its_lines_numbers(portal, client, ids):
    when = "2026-11-21T10:00:00+03:00"
    items = [{"ID": str(n), "STAGE_ID": f"S{n}", "TYPE_ID": 2, "CREATED_TIME": when} for n in ids]
    portal.methods["crm.stagehistory.list"] = lambda params: {"items": items}
    assert [move.stage for move in moves_of(client, PLAN, 5, MOSCOW)] == [f"stage {n}" for n in sorted(ids)]


@pytest.mark.row("PL-15")
def test_a_change_may_have_been_at_any_moment_of_its_second(portal, client):
    """Asked for: from a second before. Told: until the second's end. So nothing falls between two sweeps."""
    at = datetime(2026, 11, 21, 7, 0, 5, tzinfo=UTC)
    asked = []

    def listed(params):
        asked.append(params["filter"])
        parent = "parentId2" in params.get("select", {}) or params["entityTypeId"] == "128"
        return {"items": [{"id": 7, "updatedTime": at.isoformat(), **({"parentId2": 3} if parent else {})}]}

    portal.methods["crm.item.list"] = listed
    record = SimpleNamespace(id="7", changed_at=at, elsewhere=False)
    plan = SimpleNamespace(map=SimpleNamespace(table={"operation": None}), entity_type=2, sort="")
    layout = SimpleNamespace(
        plan=lambda name: plan, table=lambda name, table: SimpleNamespace(parent="parentId2", entity_type=128)
    )
    finder = SimpleNamespace(params=lambda plan, more, **_how: {"entityTypeId": 2, "filter": dict(more)})
    found = Changes(client, layout, finder, MOSCOW, lambda plan, raws: [record] if raws else []).since({"deal": at})
    assert {one.entity for one in found} == {"deal", "deal/operation"}
    for one in found:
        assert one.at == at + timedelta(seconds=1)
    assert {one.owner for one in found if one.entity == "deal/operation"} == {"3"}, "no further request to find its deal"
    for conditions in asked:
        assert moment_of(conditions[">=updatedTime"], MOSCOW) == at - timedelta(seconds=1)
