"""Sessions end: when nobody uses them, when the CRM lets the person go, and when somebody who may says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from kernel.clock import SystemClock
from kernel.crm import CRM, Person
from kernel.errors import AnnexError, Misconfigured, Unreachable
from kernel.settings import Settings
from kernel.storage import Database, MigrationSet
from kernel.storage.closed import close
from kernel.storage.migrate import migrate_in
from kernel.testing import session
from kernel.web import WEB_SETTINGS, end_departed_sessions, idle_seconds
from kernel.web.links import hashed
from kernel.web.sessions import has_left
from kernel.web.tests.test_web import World, make

HERE, LEFT = Person("user:3", "Ігор Бондар", "staff"), Person("user:5", "Марія Коваль", "staff", active=False)
HOUR = 3600


@pytest.fixture
def world(tmp_path: Path) -> Any:
    made = make(tmp_path)
    yield made
    made.site.live.close()
    made.site.database.close()


def came(world: World, name: str, role: str = "staff", person_id: str = "") -> Any:
    client = world.anybody()
    cookie = session(world.site, role, name, person_id)
    client.set_cookie("annex_session", cookie)
    client.csrf, client.kept = world.site.links.csrf(cookie), hashed(cookie)
    return client


def came_before(world: World, name: str, role: str = "") -> Any:
    """As 0.1.0 left a session that knew only a name."""
    client, cookie = world.anybody(), f"cookie of {name}"
    with world.site.database.write() as tx:
        world.site.links._open(tx, cookie, name, role, "")
    client.set_cookie("annex_session", cookie)
    client.csrf, client.kept = world.site.links.csrf(cookie), hashed(cookie)
    return client


def is_in(client: Any) -> bool:
    return bool(client.get("/notes/show").status_code == 200)


def end(client: Any, other: Any, action: str = "end") -> int:
    return int(client.post(f"/sessions/{other.kept}/{action}", data={"csrf": client.csrf}).status_code)


# --- nobody uses it ------------------------------------------------------------------------------------------------------


@pytest.mark.row("PL-09")
def test_a_session_that_nobody_uses_ends(world: World) -> None:
    client, busy = came(world, "Олена"), came(world, "Ігор")
    world.clock.sleep(2 * HOUR - 1)
    assert is_in(busy)
    world.clock.sleep(2)
    assert not is_in(client) and is_in(busy)
    world.clock.sleep(2 * HOUR - 60)
    assert is_in(busy), "use counts from the last time"


def test_an_open_page_is_use(world: World) -> None:
    client = came(world, "Олена")
    for _ in range(4):
        world.clock.sleep(HOUR)
        assert client.get("/live/version").status_code == 200
    assert is_in(client)


def test_the_limit_is_a_setting_and_may_be_none(tmp_path: Path) -> None:
    def seconds(text: str) -> int:
        return idle_seconds(Settings({"ANNEX_HOME": str(tmp_path), "ANNEX_IDLE_MINUTES": text}, also=WEB_SETTINGS))

    assert (seconds("0"), seconds("45")) == (0, 2700)
    for wrong in ("", "soon", "-1", "1.5", "٣"):
        with pytest.raises(Misconfigured, match="ANNEX_IDLE_MINUTES"):
            seconds(wrong)
    world = make(tmp_path)
    world.site.links._idle_seconds = 0
    client = came(world, "Олена")
    world.clock.sleep(11 * HOUR)
    assert is_in(client)
    world.clock.sleep(HOUR)
    assert not is_in(client)
    world.site.database.close()


def test_use_is_noted_once_a_minute_and_a_page_shows_where_nothing_can_be_written(world: World) -> None:
    client = came(world, "Олена")
    seen = []
    for _ in range(4):
        world.clock.sleep(25)
        assert is_in(client)
        with world.site.database.read() as tx:
            seen.append(tx.value("SELECT used_at FROM web_session"))
    assert len(set(seen)) == 2
    with world.site.database.write() as tx:
        close(tx, ["web_session"], "the desk has moved")
    world.clock.sleep(HOUR)
    assert is_in(client)


# --- the CRM lets somebody go --------------------------------------------------------------------------------------------


@dataclass
class Staff:
    """As much of a CRM as is asked."""

    found: list[Person] = field(default_factory=lambda: [HERE, LEFT])
    fault: AnnexError | None = None
    asked: int = 0

    @property
    def people(self) -> Staff:
        return self

    def all(self) -> list[Person]:
        self.asked += 1
        if self.fault:
            raise self.fault
        return self.found


def run(world: World, crm: Staff) -> None:
    portal = world.site.portal
    portal.crm = cast("CRM", crm)
    end_departed_sessions(portal)


@pytest.mark.row("PL-09")
def test_who_has_left_is_signed_out_and_nobody_else(world: World) -> None:
    by_id, by_name = came(world, "Марія Коваль", person_id="user:5"), came_before(world, "Марія Коваль")
    deleted, stays = came(world, "Хтось", person_id="user:99"), came(world, "Ігор Бондар", person_id="user:3")
    typed = came(world, "Олег", "owner")
    run(world, Staff())
    assert [is_in(one) for one in (by_id, by_name, deleted)] == [False] * 3
    assert is_in(stays) and is_in(typed)


@pytest.mark.row("PL-09")
def test_a_crm_that_does_not_answer_or_shows_nobody_ends_no_session(world: World) -> None:
    client = came(world, "Марія Коваль", person_id="user:5")
    crm = world.site.portal.crm
    run(world, Staff(fault=Unreachable("no answer")))
    run(world, Staff(found=[]))
    world.site.portal.crm = crm
    assert is_in(client)


def test_with_nobody_signed_in_the_crm_is_not_asked(world: World) -> None:
    crm = Staff()
    run(world, crm)
    came_before(world, "Олена")
    came_before(world, "Олег", "operator")
    world.clock.sleep(13 * HOUR)
    run(world, crm)
    assert crm.asked == 0


def test_of_two_with_one_name_the_one_who_stays_keeps_the_session() -> None:
    double = Person("user:8", LEFT.name, "staff")
    assert has_left(LEFT.name, "", [HERE, LEFT]) and not has_left(LEFT.name, "", [HERE, LEFT, double])
    assert has_left(LEFT.name, "user:5", [HERE, LEFT, double]) and not has_left(LEFT.name, "user:8", [HERE, LEFT, double])


# --- somebody ends it ----------------------------------------------------------------------------------------------------


@pytest.mark.row("PL-09")
def test_the_owner_sees_all_and_ends_one_or_all_of_a_person(world: World) -> None:
    owner = came(world, "Олег", "owner")
    desk, phone, other = came(world, "Марія"), came(world, "Марія"), came(world, "Ігор")
    page = owner.get("/sessions").text
    assert page.count("Марія</bdi>") == 2 and "Ігор" in page and page.count("(цей)") == 1
    assert "/sessions" in owner.get("/jobs").text, "it stands in the navigation"
    assert end(owner, desk) == 303 and not is_in(desk) and is_in(phone)
    assert end(owner, desk) == 303, "pressed twice"
    third = came(world, "Марія")
    assert end(owner, phone, "end-all") == 303
    assert not is_in(phone) and not is_in(third) and is_in(other) and is_in(owner)
    assert end(owner, owner) == 303 and not is_in(owner)


@pytest.mark.row("PL-09")
def test_everybody_else_sees_and_ends_only_their_own(world: World) -> None:
    mine, also, namesake = (came(world, "Марія", person_id=number) for number in ("5", "5", "6"))
    other = came(world, "Ігор", person_id="3")
    page = mine.get("/sessions").text
    assert page.count("Марія</bdi>") == 2 and "Ігор" not in page and namesake.kept not in page
    for action in ("end", "end-all"):
        assert end(mine, other, action) == 303 and end(mine, namesake, action) == 303
    assert is_in(other) and is_in(namesake) and is_in(also)
    assert end(mine, also, "end-all") == 303 and not is_in(also) and not is_in(mine)


def test_only_the_pages_own_form_ends_anything(world: World) -> None:
    owner, other = came(world, "Олег", "owner"), came(world, "Ігор")
    assert owner.post(f"/sessions/{other.kept}/end").status_code == 403
    assert owner.post(f"/sessions/{other.kept}/end", data={"csrf": other.csrf}).status_code == 403
    assert owner.post(f"/sessions/{other.kept}/begin", data={"csrf": owner.csrf}).status_code == 404
    assert owner.get(f"/sessions/{other.kept}/end").status_code == 405
    assert is_in(other)


def test_sessions_from_before_count_from_their_beginning(tmp_path: Path) -> None:
    """What the migration does with those that are open while Annex is upgraded."""
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    migration_sets = [MigrationSet("kernel.web", Path(__file__).parents[1] / "migrations")]
    with database.write() as tx:
        migrate_in(tx, migration_sets, SystemClock(), only=[("kernel.web", 1), ("kernel.web", 2)])
        tx.run("INSERT INTO web_session VALUES ('h', 'Олена', 'staff', 7000000, 9000000, '')")
        tx.run("INSERT INTO web_session VALUES ('o', 'Олег', 'owner', 7000000, 9000000, '')")
        tx.run("INSERT INTO web_session VALUES ('b', 'Олег', 'owner', 7000000, 9000000, '7')")
        tx.run("INSERT INTO web_link VALUES ('s', 'Олена', 'staff', '/', 9000000, NULL)")
        tx.run("INSERT INTO web_link VALUES ('l', 'Олег', 'owner', '/', 9000000, NULL)")
        migrate_in(tx, migration_sets, SystemClock())
        assert tx.value("SELECT used_at FROM web_session WHERE hash = 'h'") == 7000000
        kept = {row["hash"]: row["role"] for row in tx.all("SELECT hash, role FROM web_session")}
        assert kept == {"h": "", "o": "operator", "b": ""}, "only what `annex link` made stays an operator's"
        assert {row["hash"]: row["role"] for row in tx.all("SELECT hash, role FROM web_link")} == {"s": "", "l": "operator"}
    database.close()
