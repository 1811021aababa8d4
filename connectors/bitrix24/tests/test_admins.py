"""Who is an administrator, as far as the portal has proved it: asked again at each reading of the people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from connectors.bitrix24 import settings
from connectors.bitrix24.admins import NAMES, Admins
from connectors.bitrix24.auth import APP as VAULT_NAME
from connectors.bitrix24.crm import crm
from connectors.bitrix24.sign_in import sign_in
from connectors.bitrix24.tests.pocket import APP, HELD, Portal, Refusal, a_connection, a_vault, cut, refused
from connectors.bitrix24.tests.test_sign_in import opening
from kernel.errors import Unreachable
from kernel.http import Answer

STAFF = [
    {"ID": "1", "NAME": "Owner", "ACTIVE": True, "UF_DEPARTMENT": [1], "WORK_POSITION": "Director"},
    {"ID": "14", "NAME": "Oleg", "ACTIVE": True, "UF_DEPARTMENT": [1], "WORK_POSITION": ""},
]


@dataclass
class World:
    portal: Portal
    connection: Any
    owners: dict[str, tuple[str, bool]]  #: by token: whose it is, and are they an administrator

    def admins(self) -> set[str]:
        people = crm(self.connection).people
        assert people is not None
        return {one.id for one in people.all() if one.admin}

    def open_page(self, token: str, refresh: str = "refresh-14") -> None:
        sign_in(opening("page__contact_tab", AUTH_ID=token, REFRESH_ID=refresh), self.connection)

    def held(self) -> list[str]:
        return list((self.connection.vault.get(NAMES) or {}).get("ids") or [])


@pytest.fixture
def world(tmp_path: Any) -> World:
    portal, vault = Portal(), a_vault(tmp_path)
    vault.put(VAULT_NAME, HELD)
    owners = {"access-1": ("9", True), "token-14": ("14", True)}

    def profile(params: Any) -> Any:
        auth = params.get("auth", "access-1")  # inside a batch the token stands outside
        if auth not in owners:
            raise Refusal(401, "expired_token")
        number, admin = owners[auth]
        return {"ID": number, "ADMIN": admin}

    portal.methods |= {
        "profile": profile, "user.get": lambda params: STAFF,
        "department.get": lambda params: [{"ID": "1", "NAME": "All"}], "app.info": lambda params: {"CODE": "local.1"},
    }  # fmt: skip
    return World(portal, a_connection(portal, vault, APP), owners)


@pytest.mark.row("PL-09")
def test_an_administrator_who_opened_a_page_is_known_until_the_portal_says_otherwise(world: World) -> None:
    assert world.admins() == set()
    world.open_page("token-14")
    assert world.admins() == {"14"} and world.held() == ["14"]
    world.owners["token-14"] = ("14", False)
    assert world.admins() == set()
    assert world.held() == [] and world.connection.vault.get("administrator:14") is None, "the tokens go with the right"


def test_somebody_who_is_none_leaves_no_token_behind(world: World) -> None:
    world.owners["token-14"] = ("14", False)
    world.open_page("token-14")
    assert world.held() == [] and world.connection.vault.get("administrator:14") is None


def test_a_token_that_has_expired_is_renewed(world: World) -> None:
    world.open_page("token-14")
    del world.owners["token-14"]
    world.owners["fresh-14"] = ("14", True)
    caught = {"access_token": "fresh-14", "refresh_token": "refresh-15", "expires_in": 3600, "member_id": HELD["member_id"]}

    def renewing(method: str, params: Any) -> Any:
        if method != "oauth/token/":
            return None
        assert params["refresh_token"] == "refresh-14"
        return Answer(200, {}, json.dumps(caught).encode())

    world.portal.before = renewing
    assert world.admins() == {"14"}
    world.portal.before = lambda method, params: None
    assert world.admins() == {"14"} and world.connection.vault.get("administrator:14")["refresh_token"] == "refresh-15"


def test_a_token_that_cannot_be_renewed_makes_nobody_an_administrator(world: World) -> None:
    world.open_page("token-14")
    del world.owners["token-14"]
    world.portal.before = lambda method, params: refused(400, "invalid_grant") if method == "oauth/token/" else None
    assert world.admins() == set() and world.held() == []


def test_a_portal_that_does_not_answer_decides_nothing(world: World) -> None:
    world.open_page("token-14")
    world.portal.before = lambda method, params: cut()
    read = settings.read(world.connection.settings, "UTC")
    with pytest.raises(Unreachable):
        Admins(world.connection, read).present()
    assert world.held() == ["14"]


def test_the_owner_of_our_own_token_is_one_too_and_positions_are_read(world: World) -> None:
    world.owners["access-1"] = ("1", True)
    people = crm(world.connection).people
    assert people is not None
    assert {one.id: (one.admin, one.positions) for one in people.all()} == {"1": (True, ("Director",)), "14": (False, ())}
