"""Employees and their positions over REST: listed, made, changed. What points to nothing is named as a failure."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from sandbox.planfix import errors, fields, filters, showing, web
from sandbox.planfix.model import Group, User
from sandbox.planfix.state import Portal

ROLES = ("NotDefined", "Admin", "User", "TechAdmin", "UserWithoutAccess", "Robot")
STATUSES = ("Active", "ActiveWithoutAccess", "Inactive")
TEXTS = {
    "name": "name",
    "lastname": "lastname",
    "midname": "midname",
    "email": "email",
    "login": "login",
    "gender": "gender",
    "telegram": "telegram",
    "telegramId": "telegram_id",
}


def user_out(portal: Portal, user: User, names: web.Wanted, viewer: User, prefixed: bool = False) -> dict[str, Any]:
    """One user; ids are numbers unless prefixedId is asked."""
    position = portal.positions.get(user.position)
    status = "ActiveWithoutAccess" if user.is_robot or user.role == "UserWithoutAccess" else "Active"
    shown = web.pick({
        "id": user.id if prefixed else int(user.id.partition(":")[2]),
        "name": user.name,
        "midname": user.midname or None,
        "lastname": user.lastname or None,
        "gender": user.gender,
        "role": user.role,
        "email": user.email or None,
        "login": user.login or user.email or None,
        "status": status if user.active else "Inactive",
        "groups": [{"id": n, "name": portal.user_groups[n].name} for n in user.groups if n in portal.user_groups],
        "position": {"id": position.id, "name": position.name} if position else None,
        "phones": user.phones or None,
        "telegram": user.telegram or None,
        "telegramId": user.telegram_id or None,
        "timezone": user.zone,
        "isDeleted": user.deleted,
        "languageCode": user.language,
    }, names)  # fmt: skip
    return shown | showing.custom(portal, user.values, names.numbers, "user", 0, viewer)


def change(portal: Portal, user: User, data: dict[str, Any], author: User) -> list[dict[str, str]]:
    """Write what was sent."""
    failures: list[dict[str, str]] = []
    taken = fields.take(portal, data.get("customFieldData"), "user", 0, author)
    for key, attribute in TEXTS.items():
        if isinstance(data.get(key), str):
            setattr(user, attribute, data[key])
    if isinstance(data.get("timezone"), str):
        user.zone = data["timezone"]
    if isinstance(data.get("languageCode"), str):
        user.language = data["languageCode"]
    if isinstance(data.get("isDeleted"), bool):
        user.deleted = data["isDeleted"]
        user.active = user.active and not user.deleted
    for key, known in (("role", ROLES), ("status", STATUSES)):
        if key in data and data[key] not in known:
            failures.append({"field": key, "error": f"Unknown {key} - {data[key]}"})
        elif key == "role" and key in data:
            user.role = data[key]
        elif key in data:
            user.active = data[key] != "Inactive"
    if isinstance(data.get("groups"), list):
        wanted = [web.ref(item) for item in data["groups"]]
        unknown = [number for number in wanted if number not in portal.user_groups]
        failures += [{"field": "groups", "error": f"Group not found by id {number}"} for number in unknown]
        user.groups = [number for number in wanted if number in portal.user_groups]
    if "position" in data:
        failures += _position(portal, user, data["position"])
    if isinstance(data.get("phones"), list):
        user.phones = [
            {
                "number": str(phone.get("number", "")),
                "maskedNumber": str(phone.get("number", "")),
                "type": phone.get("type", 1),
            }
            for phone in web.dicts(data["phones"])
        ]
    fields.store(user.values, taken)
    return failures


def _position(portal: Portal, user: User, sent: Any) -> list[dict[str, str]]:
    """By id or by name; nothing empties it."""
    number, name = web.ref(sent), str(sent.get("name") or "") if isinstance(sent, dict) else ""
    if not number and name:
        number = next((one.id for one in portal.positions.values() if one.name.casefold() == name.casefold()), 0)
        if not number:
            return [{"field": "position", "error": f"Position not found by name - {name}"}]
    if number and number not in portal.positions:
        return [{"field": "position", "error": f"Position not found by id - {number}"}]
    user.position = number
    return []


def create(portal: Portal, data: dict[str, Any], author: User) -> User:
    """A new employee; 24 when the tariff has no seat left (switch `seats`)."""
    if not str(data.get("name") or "").strip():
        raise errors.missing("Employee name is required")
    seats = int(portal.faults.number("seats"))
    if seats and sum(user.active and not user.is_robot for user in portal.users.values()) >= seats:
        raise errors.Refusal(400, 24, "Billing limit - user not created")
    if data.get("email") and any(user.email == data["email"] for user in portal.users.values()):
        raise errors.bad_value(f"Employee with email {data['email']} exists already")
    taken = [int(ident.partition(":")[2]) for ident in portal.users]
    number = max([*taken, portal.next_ids.get("user", 0)], default=0) + 1
    portal.next_ids["user"] = number
    user = User(f"user:{number}", "", "", "User", f"staff-{number}", author.zone)
    change(portal, user, data, author)
    portal.users[user.id] = user
    return user


def routes(rest: Blueprint, portal: Portal) -> None:
    """Register /user…"""

    @rest.post("/user/list")
    def user_list() -> Response:
        data, user = web.body(), web.viewer()
        test = filters.for_users(portal, data.get("filters"), user)
        active = data.get("onlyActive") is True
        found = [one for one in portal.users.values() if (one.active or not active) and not one.deleted and test(one)]
        names, prefixed = web.wanted(data), data.get("prefixedId") is True
        return web.answer({"users": [user_out(portal, one, names, user, prefixed) for one in web.page(portal, found, data)]})

    @rest.get("/user/<ident:number>")
    def user_get(number: int) -> Response:
        found = portal.users.get(f"user:{number}")
        if found is None:
            raise errors.Refusal(400, 4000, f"User not found by id {number}")
        return web.answer({"user": user_out(portal, found, web.wanted(), web.viewer())})

    @rest.post("/user/")
    def user_create() -> Response:
        return web.answer({"id": int(create(portal, web.body(), web.viewer()).id.partition(":")[2])}, 201)

    @rest.post("/user/<ident:number>")
    def user_update(number: int) -> Response:
        found = portal.users.get(f"user:{number}")
        if found is None:
            raise errors.Refusal(404, 4000, f"Employee not found by id - {number}")
        return web.updated(portal, change(portal, found, web.body(), web.viewer()), field="name")

    @rest.get("/user/groups")
    def user_groups() -> Response:
        names = web.wanted()
        return web.answer({"groups": [web.pick({"id": g.id, "name": g.name}, names) for g in portal.user_groups.values()]})

    @rest.get("/user/positions/")
    def positions() -> Response:
        names = web.wanted()
        every = names.names == {"id"}
        shown = [{"id": one.id, "name": one.name} for one in portal.positions.values()]
        return web.answer({"positions": shown if every else [web.pick(one, names) for one in shown]})

    @rest.post("/user/positions/")
    def position_create() -> Response:
        name = str(web.body().get("name") or "").strip()
        if not name:
            raise errors.missing("Position name is required")
        position = Group(portal.next_id("position"), name)
        portal.positions[position.id] = position
        return web.raw({"id": position.id}, 201)

    @rest.post("/user/positions/<int:number>")
    def position_update(number: int) -> Response:
        position, name = portal.positions.get(number), str(web.body().get("name") or "").strip()
        if position is None:
            raise errors.Refusal(400, 0, f"Position not found by id {number}")
        if not name:
            raise errors.missing("Position name is required")
        position.name = name
        return web.raw({})
