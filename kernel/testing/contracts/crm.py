"""What any CRM must do: one suite of behaviours, run on the twin in memory and on each connector's emulated portal.

A future CRM makes a `UnderTest` and runs `BEHAVIOURS` over it, each in a portal of its own:

    @pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda one: one.__name__)
    def test_crm(behaviour, world):
        behaviour(world)
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from kernel.crm import CRM, Elsewhere, Record, Ref, Unreadable, Value
from kernel.errors import NotFound, Rejected
from kernel.testing.contracts.activities import ACTIVITIES
from kernel.testing.contracts.comments import COMMENTS
from kernel.testing.contracts.lists import LISTS
from kernel.testing.contracts.processes import PROCESSES
from kernel.testing.contracts.subject import KINDS, PARTS, UnderTest, entities, id_of
from kernel.testing.contracts.tasks import TASKS

__all__ = ["BEHAVIOURS", "KINDS", "PARTS", "UnderTest", "entities"]

# --- records -------------------------------------------------------------------------------------------------------------


def what_was_made_is_read_again(world: UnderTest) -> None:
    crm = world.crm
    client = crm.create(
        "contact", {"name": "Іван Франко", "phone": "+380509998877", "email": "ivan@example.test"}, key="c-1"
    )
    values: dict[str, Value] = {
        "name": "Обмін 1", "client": Ref(client), "manager": Ref(world.person), "note": "10000 USD → «так»",
        "rate": Decimal("41.25"), "due": date(2026, 12, 24), "flag": True,
    }  # fmt: skip
    deal = crm.create("deal", values, key="d-1")
    seen = crm.get("deal", deal)
    assert (seen.entity, seen.id, seen.name, seen.stage) == ("deal", deal, "Обмін 1", "new" if seen.stage else None)
    assert id_of(seen.values["client"]) == client and id_of(seen.values["manager"]) == world.person
    for name in ("name", "note", "rate", "due", "flag"):
        assert seen.values[name] == values[name], name
    assert crm.get("contact", client).values["phone"] == "+380509998877"
    assert seen.created_at and seen.changed_at and abs(seen.created_at - datetime.now(UTC)) < timedelta(hours=1)


def a_repeated_create_finds_what_the_first_made(world: UnderTest) -> None:
    crm = world.crm
    deal = crm.create("deal", {"note": "раз"}, key="d-1")
    assert crm.create("deal", {"note": "раз"}, key="d-1", maybe_done=True) == deal
    other = crm.create("deal", {"note": "два"}, key="d-2", maybe_done=True)
    assert other != deal and [one.id for one in crm.find("deal")] == [deal, other]
    client = crm.create("contact", {"name": "Олена"}, key="c-1")
    assert crm.create("contact", {"name": "Олена"}, key="c-1", maybe_done=True) == client
    further = crm.create("deal", {"note": "три"}, key="d-3", stage="paid")
    assert crm.get("deal", further).stage == "paid"


def an_update_sets_what_it_names_and_leaves_the_rest(world: UnderTest) -> None:
    crm = world.crm
    deal = crm.create("deal", {"note": "раз", "rate": Decimal("1.5")}, key="d-1")
    crm.update("deal", deal, {"note": "два"}, stage="paid")
    seen = crm.get("deal", deal)
    assert (seen.values["note"], seen.values["rate"], seen.stage) == ("два", Decimal("1.5"), "paid")
    assert seen.stage_label == "Підтвердження оплати клієнта"
    crm.update("deal", deal, {"rate": None, "note": None, "due": None})
    assert [crm.get("deal", deal).values[name] for name in ("rate", "note", "due")] == [None] * 3


def finding(world: UnderTest) -> None:
    crm = world.crm
    client = crm.create("contact", {"name": "Іван Франко", "phone": "+380509998877"}, key="c-1")
    crm.create("contact", {"name": "Леся Українка", "phone": "+380501112233"}, key="c-2")
    deals = [crm.create("deal", {"note": f"угода {n}", "flag": n == 1}, key=f"d-{n}") for n in range(3)]
    crm.update("deal", deals[1], {"client": Ref(client)})
    assert [one.id for one in crm.find("contact", where={"phone": "380509998877"})] == [client]
    assert [one.id for one in crm.find("contact", where={"name": "Іван Франко"})] == [client]
    assert [one.id for one in crm.find("deal", where={"client": Ref(client)})] == [deals[1]]
    assert [one.id for one in crm.find("deal", where={"flag": True, "note": "угода 1"})] == [deals[1]]
    assert [one.id for one in crm.find("deal", ids=[deals[2], deals[0]])] == [deals[0], deals[2]]
    assert crm.find("deal", ids=[]) == [] == crm.find("deal", where={"note": "такої немає"})
    assert len(crm.find("deal", changed_since=datetime.now(UTC) - timedelta(hours=1))) == 3
    assert crm.find("deal", changed_since=datetime.now(UTC) + timedelta(days=2)) == []


def what_cannot_be_read_is_neither_guessed_nor_lost(world: UnderTest) -> None:
    crm = world.crm
    deal = crm.create("deal", {"rate": Decimal("41.2")}, key="d-1")
    world.type_rate(deal, "по договору")
    found = crm.get("deal", deal).values["rate"]
    assert isinstance(found, Unreadable) and found.raw == "по договору"
    world.type_rate(deal, "1 000,5")
    assert crm.get("deal", deal).values["rate"] == Decimal("1000.5")


def what_is_not_there(world: UnderTest) -> None:
    crm = world.crm
    asks: tuple[Callable[[], object], ...] = (
        lambda: crm.get("deal", "777777"),
        lambda: crm.get("contact", "777777"),
        lambda: crm.owner_of("deal/operation", "777777"),
    )
    for ask in asks:
        try:
            ask()
        except NotFound:
            continue
        raise AssertionError("what is not there was found")


# --- what is not there any more ------------------------------------------------------------------------------------------


def what_was_deleted_is_missing(world: UnderTest) -> None:
    crm = world.crm
    deals = [crm.create("deal", {"note": f"угода {n}"}, key=f"d-{n}") for n in range(3)]
    clients = [crm.create("contact", {"name": f"Клієнт {n}"}, key=f"c-{n}") for n in range(2)]
    crm.update("deal", deals[2], {}, stage="closed")
    assert crm.existing("deal", [*deals, "777777"]) == set(deals) and crm.existing("deal", []) == frozenset()
    world.delete("deal", deals[1])
    world.delete("contact", clients[0])
    assert crm.existing("deal", deals) == {deals[0], deals[2]} and crm.existing("contact", clients) == {clients[1]}
    assert [one.id for one in crm.find("deal", ids=deals)] == [deals[0], deals[2]]
    for entity, gone in (("deal", deals[1]), ("contact", clients[0])):
        try:
            crm.get(entity, gone)
        except NotFound:
            continue
        raise AssertionError(f"a deleted {entity} can be read")


def what_was_deleted_comes_back_under_its_own_id(world: UnderTest) -> None:
    crm = world.crm
    if crm.bin is None:
        return
    deal = crm.create("deal", {"note": "та сама"}, key="d-1")
    world.delete("deal", deal)
    for _twice in range(2):
        crm.bin.restore("deal", deal)
        assert crm.existing("deal", [deal]) == {deal} and crm.get("deal", deal).values["note"] == "та сама"
    try:
        crm.bin.restore("deal", "777777")
    except Rejected:
        return
    raise AssertionError("what never was came back")


# --- what stands elsewhere -----------------------------------------------------------------------------------------------


def what_stands_elsewhere_is_neither_ours_nor_gone(world: UnderTest) -> None:
    crm = world.crm
    deal, other = (crm.create("deal", {"note": f"угода {n}"}, key=f"d-{n}") for n in range(2))
    world.take_out(deal)
    record = _elsewhere(crm, deal)
    assert (record.id, record.elsewhere, record.stage) == (deal, True, None) and record.stage_label
    assert [one.id for one in crm.find("deal")] == [other] == [one.id for one in crm.find("deal", ids=[deal, other])]
    assert crm.existing("deal", [deal, other]) == {deal, other}
    seen = crm.changed({"deal": datetime.now(UTC) - timedelta(hours=1)})
    assert {one.id: one.elsewhere for one in seen} == {deal: True, other: False}


def a_stage_brings_back_what_stands_elsewhere(world: UnderTest) -> None:
    crm = world.crm
    deal = crm.create("deal", {"note": "та сама"}, key="d-1")
    crm.update("deal", deal, {}, stage="paid")
    world.take_out(deal)
    assert _elsewhere(crm, deal)
    crm.update("deal", deal, {}, stage="paid")
    seen = crm.get("deal", deal)
    assert (seen.stage, seen.elsewhere, seen.values["note"]) == ("paid", False, "та сама")
    assert [one.id for one in crm.find("deal")] == [deal]
    moves = crm.history.moves("deal", deal) if crm.history else None
    assert moves is None or (moves[-1].stage == "paid" and all(one.stage is None for one in moves if one.elsewhere))


def _elsewhere(crm: CRM, deal: str) -> Record:
    try:
        crm.get("deal", deal)
    except Elsewhere as exc:
        return exc.record
    raise AssertionError("a deal that was taken out reads as one of the set's")


# --- rows ----------------------------------------------------------------------------------------------------------------


def rows(world: UnderTest) -> None:
    crm = world.crm
    client = crm.create("contact", {"name": "Партнер"}, key="c-1")
    deal, other = (crm.create("deal", {}, key=f"d-{n}") for n in range(2))
    values: dict[str, Value] = {
        "kind": "buy", "gives": "10000 USD", "amount": Decimal("2500.25"), "issue": date(2026, 12, 24),
        "partner": Ref(client),
    }  # fmt: skip
    row = crm.add_row("deal", deal, "operation", values, key="r-1")
    assert crm.add_row("deal", deal, "operation", values, key="r-1", maybe_done=True) == row
    second = crm.add_row("deal", deal, "operation", {"gives": "2"}, key="r-2")
    crm.add_row("deal", other, "operation", {"gives": "3"}, key="r-3")
    crm.update_row("deal", deal, "operation", row, {"gives": "11000 USD", "kind": "sell"})
    rows = crm.get("deal", deal, tables=("operation",)).rows["operation"]
    assert [one.key for one in rows] == [row, second]
    assert (rows[0].values["kind"], rows[0].values["gives"], rows[0].values["amount"]) == (
        "sell",
        "11000 USD",
        Decimal("2500.25"),
    )
    assert rows[0].values["issue"] == date(2026, 12, 24) and id_of(rows[0].values["partner"]) == client
    found = {one.id: one.rows["operation"] for one in crm.find("deal", tables=("operation",))}
    assert [len(found[one]) for one in (deal, other)] == [2, 1]
    assert crm.owner_of("deal/operation", second) == deal
    assert crm.get("deal", deal).rows == {}


# --- comments ------------------------------------------------------------------------------------------------------------


def a_comment_is_written_once(world: UnderTest) -> None:
    crm = world.crm
    deal = crm.create("deal", {}, key="d-1")
    written = crm.comment("deal", deal, "Привіт\n<b>[B]&", to=(world.person,), key="m-1")
    assert crm.comment("deal", deal, "Привіт\n<b>[B]&", to=(world.person,), key="m-1", maybe_done=True) == written
    assert crm.comment("deal", deal, "Привіт", key="m-2", maybe_done=True) != written


# --- what a sweep asks ------------------------------------------------------------------------------------------------


def changes_are_named(world: UnderTest) -> None:
    crm = world.crm
    deal = crm.create("deal", {}, key="d-1")
    client = crm.create("contact", {"name": "Іван"}, key="c-1")
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    seen = crm.changed({"deal": hour_ago, "contact": hour_ago})
    assert {("deal", deal), ("contact", client)} <= {(one.entity, one.id) for one in seen}
    assert all(one.at > hour_ago for one in seen)
    assert {one.entity for one in crm.changed({"contact": hour_ago})} == {"contact"}
    assert crm.changed({"deal": datetime.now(UTC) + timedelta(days=2)}) == []
    newest = max(one.at for one in seen if one.entity == "deal")
    crm.update("deal", deal, {"note": "ще"})
    assert deal in {one.id for one in crm.changed({"deal": newest - timedelta(minutes=2)})}


def a_changed_row_names_its_deal(world: UnderTest) -> None:
    crm = world.crm
    """By itself or as a change of the deal: a sweep finds the deal either way."""
    deal = crm.create("deal", {}, key="d-1")
    row = crm.add_row("deal", deal, "operation", {"gives": "1"}, key="r-1")
    crm.update_row("deal", deal, "operation", row, {"gives": "2"})
    seen = crm.changed({"deal": datetime.now(UTC) - timedelta(hours=1)})
    named = {crm.owner_of(one.entity, one.id) if "/" in one.entity else one.id for one in seen}
    assert named == {deal}
    assert all(one.owner in ("", deal) for one in seen)


# --- the optional parts -------------------------------------------------------------------------------------------------


def it_has_the_parts_it_promises(world: UnderTest) -> None:
    assert {name for name in PARTS if getattr(world.crm, name) is not None} == set(world.parts)


def history_tells_the_way_through_the_stages(world: UnderTest) -> None:
    crm, history = world.crm, world.crm.history
    if history is None:
        return
    deal = crm.create("deal", {}, key="d-1")
    for stage in ("paid", "closed"):
        crm.update("deal", deal, {}, stage=stage)
    moves = history.moves("deal", deal)
    assert moves is not None
    assert [one.stage for one in moves if not one.created][-2:] == ["paid", "closed"]
    assert [one.label for one in moves][-1] == "Закриття угоди"
    assert [one.at for one in moves] == sorted(one.at for one in moves)
    assert all(one.id for one in moves) and len({one.id for one in moves}) == len(moves)
    assert history.moves("contact", crm.create("contact", {"name": "Олена"}, key="c-1")) is None, "a card has no stages"


def workdays_are_told_and_begun(world: UnderTest) -> None:
    workdays = world.crm.workdays
    if workdays is None:
        return
    stranger = "user:777" if ":" in world.person else "777"
    days = workdays.statuses([world.person, stranger])
    assert days[world.person] == "closed"
    assert len(days) == 2 and set(days.values()) <= {"closed", "off", "unknown"}
    workdays.start(world.person)
    assert workdays.statuses([world.person]) == {world.person: "open"}
    assert workdays.statuses([]) == {}


def people_are_named(world: UnderTest) -> None:
    people = world.crm.people
    if people is None:
        return
    known = {one.id: one for one in people.all()}
    assert known[world.person].name and known[world.person].active
    assert {one.role for one in known.values()} <= {"owner", "staff", "robot"}


def who_leaves_is_not_active_from_that_moment(world: UnderTest) -> None:
    people = world.crm.people
    if people is None:
        return
    stranger = "user:777" if ":" in world.person else "777"
    people.all()
    assert people.active([world.person, stranger]) == {world.person} and people.active([]) == frozenset()
    world.dismiss(world.person)
    assert people.active([world.person]) == frozenset()
    assert world.person not in {one.id for one in people.all() if one.active}


def nobody_is_overdue_in_a_new_portal(world: UnderTest) -> None:
    people = world.crm.people
    if people is None:
        return
    world.crm.create("deal", {"manager": Ref(world.person), "due": date(2027, 12, 24)}, key="d-1")
    assert people.overdue([world.person]) == {world.person: 0} and people.overdue([]) == {}


# --- the rest ------------------------------------------------------------------------------------------------------------


def nothing_is_missing_and_links_lead_to_the_record(world: UnderTest) -> None:
    crm = world.crm
    assert crm.missing() == []
    deal = crm.create("deal", {}, key="d-1")
    assert deal in crm.link("deal", deal) and crm.link("deal", deal).startswith("http")
    assert crm.get("deal", deal).url == crm.link("deal", deal)


BEHAVIOURS: tuple[Callable[[UnderTest], None], ...] = (
    what_was_made_is_read_again,
    a_repeated_create_finds_what_the_first_made,
    an_update_sets_what_it_names_and_leaves_the_rest,
    finding,
    what_cannot_be_read_is_neither_guessed_nor_lost,
    what_is_not_there,
    what_was_deleted_is_missing,
    what_was_deleted_comes_back_under_its_own_id,
    what_stands_elsewhere_is_neither_ours_nor_gone,
    a_stage_brings_back_what_stands_elsewhere,
    rows,
    a_comment_is_written_once,
    *COMMENTS,
    *TASKS,
    *LISTS,
    *ACTIVITIES,
    *PROCESSES,
    changes_are_named,
    a_changed_row_names_its_deal,
    it_has_the_parts_it_promises,
    history_tells_the_way_through_the_stages,
    workdays_are_told_and_begun,
    people_are_named,
    who_leaves_is_not_active_from_that_moment,
    nobody_is_overdue_in_a_new_portal,
    nothing_is_missing_and_links_lead_to_the_record,
)
