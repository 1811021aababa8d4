"""The stage lock and the assignment in Planfix: the same plugins, another mapping set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.bootstrap import set_folder
from app.cli.demo.stages import Planfix
from kernel.testing import until
from tests.e2e.conftest import SPEEDUP, Desk, opened

NEW, PAID, PARTNER = "Нове звернення", "Підтвердження оплати клієнта", "Підтвердження оплати партнера"
PORTAL = """
connector = "planfix"
language  = "uk"
time_zone = "Europe/Kyiv"
[plugin.stage_lock]
override = ["Олег Власник"]
[plugin.assignment.queue.desk]
entity = "deal"
people = ["Ігор Бондар", "Марія Коваль"]
"""
ASSIGNED = """
[field.assigned]
label = "Менеджер"
type  = "user"
write = true
[field.source]
label = "Телефон клієнта"
"""


@pytest.fixture(scope="module")
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    home: Path = tmp_path_factory.mktemp("lock")
    own = home / "own-set"
    own.mkdir()
    source = set_folder("exchange-desk-planfix")
    deal = (source / "deal.toml").read_text(encoding="utf-8")
    manager = '[field.manager]\nlabel = "Менеджер"\ntype  = "user"\nwrite = true\n'
    assert manager in deal
    deal = deal.replace('[field.client_phone]\nlabel = "Телефон клієнта"\n', "")
    (own / "deal.toml").write_text(deal.replace(manager, "").replace("[table.operation]", ASSIGNED + "[table.operation]", 1))
    (own / "contact.toml").write_text((source / "contact.toml").read_text(encoding="utf-8"), encoding="utf-8")
    (own / "portal.toml").write_text(PORTAL, encoding="utf-8")
    yield from opened(request, home, "sqlite", Planfix(SPEEDUP), str(own), "exchange")


def cases(desk: Desk, deal: int) -> list[Any]:
    with desk.database.read() as tx:
        rows = tx.all("SELECT outcome, why FROM stage_lock_case WHERE record_id = :r ORDER BY number", r=str(deal))
        return [row["outcome"] for row in rows]


@pytest.mark.row("PL-05", "BR-03")
def test_a_jump_is_put_back_two_steps_in_a_hurry_are_not(office: Desk) -> None:
    jump, hurry, boss = (office.office.new_deal("user:3", name, {}) for name in ("Стрибок", "Поспіх", "Власник"))
    office.quiet()
    office.office.move("user:3", jump, PARTNER)
    office.office.move("user:3", hurry, PAID)
    office.office.move("user:3", hurry, PARTNER)
    office.office.move("user:1", boss, PARTNER)
    office.reconciled()
    stages = {int(one["id"]): one["status"]["name"] for one in office.office.deals()}
    assert (stages[jump], stages[hurry], stages[boss]) == (NEW, PARTNER, PARTNER)
    assert (cases(office, jump), cases(office, hurry), cases(office, boss)) == (["put_back"], [], ["override"])
    assert office.count("SELECT COUNT(*) FROM outgoing WHERE verb = 'comment' AND lane LIKE :l", l=f"%deal:{jump}") == 1


@pytest.mark.row("PL-05", "BR-03")
def test_another_object_is_no_way_round(office: Desk) -> None:
    """Made another thing; made so and back at a further stage; made there and brought in; and what never was a deal."""
    people = office.office
    moved, bounced = (people.new_deal("user:3", name, {}) for name in ("Вбік", "Вбік і назад"))
    made, apart = (people.new_task("user:3", "Завдання", name) for name in ("Прийшло", "Просто завдання"))
    office.reconciled()
    people.put_under("user:3", moved, "Завдання")
    people.put_under("user:3", bounced, "Завдання")
    people.put_under("user:3", bounced, "Заявка")
    people.move("user:3", bounced, PARTNER)
    people.put_under("user:3", made, "Заявка")
    people.move("user:3", made, PARTNER)

    def stages() -> dict[int, str]:
        return {int(one["id"]): one["status"]["name"] for one in people.deals()}

    until(lambda: moved in stages(), "it is one of ours again", every=0.2, seen=stages)
    office.reconciled()
    found = stages()
    assert (found[moved], found[bounced]) == (NEW, NEW) and apart not in found
    assert cases(office, moved) == ["put_back"] and "put_back" in cases(office, bounced) and cases(office, apart) == []
    assert office.count("SELECT COUNT(*) FROM outgoing WHERE verb = 'comment' AND lane LIKE :l", l=f"%deal:{moved}") == 1


@pytest.mark.row("PL-05", "BR-04")
def test_requests_go_round(office: Desk) -> None:
    deals = [office.office.new_deal("user:1", f"Заявка {n}", {}) for n in range(6)]

    def managers() -> dict[int, Any]:
        return {int(one["id"]): office.office.field_of(one, "Менеджер") for one in office.office.deals()}

    until(lambda: all(managers()[deal] for deal in deals), "each request has a manager", every=0.5, seen=managers)
    office.quiet()
    found = managers()
    shares = Counter(found[deal]["name"] for deal in deals)
    assert shares == {"Ігор Бондар": 3, "Марія Коваль": 3}


@pytest.mark.row("PL-15")
def test_what_planfix_did_not_tell_is_found(office: Desk) -> None:
    deal = office.office.new_deal("user:3", "Загублене", {})
    office.reconciled()
    office.office.control("faults", {"drop_rate": 1.0})
    office.office.move("user:3", deal, PARTNER)
    until(lambda: cases(office, deal) == ["put_back"], "the sweep finds it", every=0.2, seen=lambda: cases(office, deal))
    office.office.control("faults", {"drop_rate": 0.0})
    office.quiet()
