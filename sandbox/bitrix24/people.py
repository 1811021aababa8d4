"""Staff and departments: user.*, profile, department.* (contract, section 7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timezone
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.bitrix24 import filters
from sandbox.bitrix24.formats import flag, integer, items, mapping
from sandbox.bitrix24.paging import page
from sandbox.bitrix24.people_model import Department, User
from sandbox.bitrix24.registry import Call, Listed, RestError, method
from sandbox.bitrix24.state import Portal

#: What each of the three scopes shows, in the order of the answer.
BRIEF = (
    "ID", "XML_ID", "ACTIVE", "NAME", "LAST_NAME", "SECOND_NAME", "TITLE", "IS_ONLINE", "TIME_ZONE", "TIME_ZONE_OFFSET",
    "TIMESTAMP_X", "LAST_ACTIVITY_DATE", "DATE_REGISTER", "PERSONAL_GENDER", "PERSONAL_WWW", "PERSONAL_BIRTHDAY",
    "PERSONAL_CITY", "WORK_POSITION", "UF_EMPLOYMENT_DATE", "UF_DEPARTMENT", "UF_TIMEMAN", "USER_TYPE",
)  # fmt: skip
PRIVATE = ("EMAIL", "LAST_LOGIN", "PERSONAL_MOBILE", "WORK_PHONE", "UF_PHONE_INNER")
FIELD_TITLES = {
    "ID": "ID", "XML_ID": "External code", "ACTIVE": "Activity", "NAME": "First Name", "LAST_NAME": "Last Name",
    "SECOND_NAME": "Middle Name", "TITLE": "User List", "EMAIL": "E-Mail", "LAST_LOGIN": "Last Authorization",
    "DATE_REGISTER": "Registration Date", "TIME_ZONE": "TIME_ZONE", "IS_ONLINE": "IS_ONLINE",
    "TIMESTAMP_X": "TIMESTAMP_X", "LAST_ACTIVITY_DATE": "LAST_ACTIVITY_DATE", "PERSONAL_GENDER": "Gender",
    "PERSONAL_PROFESSION": "Profession", "PERSONAL_WWW": "Homepage", "PERSONAL_BIRTHDAY": "Date of Birth",
    "PERSONAL_PHONE": "Personal Phone", "PERSONAL_MOBILE": "Personal Mobile", "PERSONAL_CITY": "Residential City",
    "PERSONAL_NOTES": "Additional Notes", "WORK_PHONE": "Company Phone", "WORK_COMPANY": "Company",
    "WORK_POSITION": "Job Title", "WORK_DEPARTMENT": "Department", "UF_EMPLOYMENT_DATE": "Hire Date",
    "UF_TIMEMAN": "Time Tracking", "UF_DEPARTMENT": "Units", "UF_INTERESTS": "Interests", "UF_SKILLS": "Skills",
    "UF_PHONE_INNER": "Extension", "USER_TYPE": "USER_TYPE",
}  # fmt: skip
DEPARTMENT_TITLES = {
    "ID": "ID", "NAME": "Department Name", "SORT": "Sort Order", "PARENT": "Parent Department", "UF_HEAD": "Manager",
}  # fmt: skip
#: Fields with a place of their own in the record; all others written by user.update are kept as they come.
ATTRIBUTES = {
    "NAME": "name", "LAST_NAME": "last_name", "SECOND_NAME": "second_name", "EMAIL": "email",
    "WORK_POSITION": "position", "UF_PHONE_INNER": "phone_inner", "PERSONAL_MOBILE": "mobile",
}  # fmt: skip
SCOPES = "user|user_basic|user_brief"


# -- what other areas ask about people


def departments_of(portal: Portal, user_id: str) -> list[int]:
    user = portal.people.get(user_id)
    return user.departments if user else []


def line_of(portal: Portal, department: int) -> Iterator[int]:
    """A department and all above it."""
    seen: set[int] = set()
    number: int | None = department
    while number in portal.departments and number not in seen:
        seen.add(number)
        yield number
        number = portal.departments[number].parent


def heads_over(portal: Portal, user_id: str) -> set[str]:
    """Everyone who leads one of this person's departments or one above it."""
    lines = (line_of(portal, department) for department in departments_of(portal, user_id))
    return {portal.departments[number].head for line in lines for number in line} - {"", user_id}


def zone_of(portal: Portal, user: User) -> timezone | ZoneInfo:
    """The person's own zone, else the portal's."""
    name = str(user.extra.get("TIME_ZONE") or "")
    return ZoneInfo(name) if name else portal.zone


# -- user.*


def shown(portal: Portal, user: User) -> dict[str, Any]:
    """All fields of a person."""
    registered = portal.now().replace(year=portal.now().year - 2, month=1, day=15, hour=3, minute=0, second=0)
    return {
        "ID": user.id, "ACTIVE": user.active, "NAME": user.name, "LAST_NAME": user.last_name,
        "SECOND_NAME": user.second_name, "EMAIL": user.email, "LAST_LOGIN": "",
        "DATE_REGISTER": registered.isoformat(), "TIME_ZONE": "", "IS_ONLINE": "Y" if user.active else "N",
        "TIMESTAMP_X": {}, "LAST_ACTIVITY_DATE": {}, "PERSONAL_GENDER": "", "PERSONAL_WWW": "", "PERSONAL_BIRTHDAY": "",
        "PERSONAL_MOBILE": user.mobile, "PERSONAL_CITY": "", "WORK_PHONE": "", "WORK_POSITION": user.position,
        "UF_EMPLOYMENT_DATE": "", "UF_DEPARTMENT": list(user.departments),
        "UF_PHONE_INNER": user.phone_inner, "USER_TYPE": "employee", **user.extra,
    }  # fmt: skip


def _visible(call: Call, row: Mapping[str, Any]) -> dict[str, Any]:
    """What the scopes of the caller allow, and of that what `select` names."""
    if "user" in call.client.scopes:
        names = list(row)
    elif "user_basic" in call.client.scopes:
        names = [name for name in row if name in BRIEF or name in PRIVATE]
    else:
        names = [name for name in row if name in BRIEF]
    masks = [str(mask).upper() for mask in items(call.get("select"))]
    if masks and "*" not in masks:
        names = [name for name in names if name in masks or ("UF_*" in masks and name.startswith("UF_"))]
    return {name: row[name] for name in names}


def _find_users(call: Call, rows: list[dict[str, Any]], conditions: Mapping[str, Any]) -> Listed:
    rows = filters.select(rows, {key.upper(): value for key, value in conditions.items()}, call.portal.zone)
    way = {str(call.get("sort") or "ID").upper(): call.get("order") or "ASC"}
    return page(call, filters.order(rows, way), lambda row: _visible(call, row))


def _everybody(call: Call) -> list[dict[str, Any]]:
    return [shown(call.portal, user) for user in call.portal.people.values()]


@method("user.get", scope=SCOPES)
def get(call: Call) -> Listed:
    # Filters stand under FILTER, but old callers put ID and others at the top.
    conditions = mapping(call.get("FILTER"), "FILTER")
    conditions |= {key: value for key, value in call.params.items() if key.upper() in FIELD_TITLES}
    searched = str(conditions.pop("NAME_SEARCH", "") or "")
    rows = [row for row in _everybody(call) if not searched or _named(row, searched)]
    return _find_users(call, rows, conditions)


@method("user.search", scope=SCOPES)
def search(call: Call) -> Listed:
    conditions = mapping(call.get("FILTER"), "FILTER")
    rows = _everybody(call)
    text = str(conditions.get("FIND") or call.get("FIND") or "")
    if text:
        return _find_users(call, [row for row in rows if _named(row, text, call.portal)], {})
    department = str(conditions.pop("UF_DEPARTMENT_NAME", "") or "")
    if department:
        rows = [row for row in rows if department.casefold() in _department_names(call.portal, row)]
    # Names are looked for by their beginning.
    prefixed = {f"=%{key}" if key in ("NAME", "LAST_NAME", "WORK_POSITION") else key: v for key, v in conditions.items()}
    return _find_users(call, rows, {key: f"{v}%" if key.startswith("=%") else v for key, v in prefixed.items()})


def _department_names(portal: Portal, row: Mapping[str, Any]) -> str:
    numbers = [number for number in row["UF_DEPARTMENT"] if number in portal.departments]
    return " ".join(portal.departments[number].name for number in numbers).casefold()


def _named(row: Mapping[str, Any], text: str, portal: Portal | None = None) -> bool:
    places = [str(row[name]) for name in ("NAME", "LAST_NAME", "SECOND_NAME", "WORK_POSITION")]
    where = " ".join(places).casefold() + (" " + _department_names(portal, row) if portal else "")
    return all(word in where for word in text.casefold().split())


@method("user.current", scope=SCOPES)
def current(call: Call) -> dict[str, Any]:
    user = call.portal.people[call.client.user_id]
    # The caller was active just now, so here the date is no empty object.
    moment = call.portal.now().strftime("%Y-%m-%d %H:%M:%S")
    return _visible(call, {**shown(call.portal, user), "LAST_ACTIVITY_DATE": moment})


@method("profile")
def profile(call: Call) -> dict[str, Any]:
    user = call.portal.people[call.client.user_id]
    row = shown(call.portal, user)
    names = ("NAME", "LAST_NAME", "PERSONAL_GENDER", "TIME_ZONE")
    return {"ID": user.id, "ADMIN": user.admin, **{name: row[name] for name in names}}


@method("user.admin")
def admin(call: Call) -> bool:
    return call.portal.people[call.client.user_id].admin


@method("user.fields", scope=SCOPES)
def fields(call: Call) -> dict[str, str]:
    return dict(FIELD_TITLES)


@method("user.update", scope="user", admin=True)
def update(call: Call) -> bool:
    user = call.portal.people.get(str(call.get("ID") or ""))
    if user is None:
        raise RestError(400, "ERROR_CORE", "User not found")
    for key, value in call.params.items():
        _write(call.portal, user, key.upper(), value)
    return True


def _write(portal: Portal, user: User, name: str, value: Any) -> None:
    if name in ATTRIBUTES:
        setattr(user, ATTRIBUTES[name], str(value or ""))
    elif name == "ACTIVE":
        user.active = flag(value)
    elif name == "UF_TIMEMAN":
        user.timeman = flag(value)
    elif name == "UF_DEPARTMENT":
        numbers = [integer(item) for item in items(value)]
        if not all(number in portal.departments for number in numbers):
            raise RestError(400, "ERROR_CORE", "Department not found")
        user.departments = [number for number in numbers if number is not None]
    elif name in FIELD_TITLES and name not in ("ID", "USER_TYPE", "IS_ONLINE"):
        user.extra[name] = value


# -- department.*


def _department_row(department: Department) -> dict[str, Any]:
    row: dict[str, Any] = {"ID": str(department.id), "NAME": department.name, "SORT": department.sort}
    if department.parent is not None:
        row["PARENT"] = str(department.parent)
    if department.head:
        row["UF_HEAD"] = department.head
    return row


@method("department.get", scope="department")
def department_get(call: Call) -> Listed:
    # Filter keys stand at the top level here (contract, section 7).
    conditions = {key.upper(): value for key, value in call.params.items() if key.upper() in DEPARTMENT_TITLES}
    # `SORT` is both a filter and, in small letters, the field to sort by.
    name = str(call.params.get("sort") or "").upper()
    if "SORT" in conditions and integer(conditions["SORT"]) is None:
        name = str(conditions.pop("SORT")).upper()
    rows = [_department_row(department) for department in call.portal.departments.values()]
    rows = filters.select(rows, conditions, call.portal.zone)
    return page(call, filters.order(rows, {name if name in DEPARTMENT_TITLES else "ID": call.get("order") or "ASC"}))


@method("department.fields", scope="department")
def department_fields(call: Call) -> dict[str, str]:
    return dict(DEPARTMENT_TITLES)


def _structure(call: Call) -> None:
    if not call.client.admin:
        raise RestError(400, "ERROR_CORE", "Access denied")


def _wanted_department(call: Call) -> Department:
    _structure(call)
    found = call.portal.departments.get(integer(call.get("ID")) or 0)
    if found is None:
        raise RestError(400, "ERROR_CORE", "Department not found")
    return found


@method("department.add", scope="department")
def department_add(call: Call) -> int:
    _structure(call)
    if not call.get("NAME"):
        raise RestError(400, "ERROR_CORE", "Department name not provided.<br>")
    parent = integer(call.get("PARENT"))
    if parent not in call.portal.departments:
        text = "There can only be one top-level department in the company structure"
        raise RestError(400, "ERROR_CORE", text)
    number = max(call.portal.departments, default=0) + 1
    made = Department(number, str(call.get("NAME")), parent, str(call.get("UF_HEAD") or ""))
    made.sort = integer(call.get("SORT")) or made.sort
    call.portal.departments[number] = made
    return number


@method("department.update", scope="department")
def department_update(call: Call) -> bool:
    found = _wanted_department(call)
    parent = integer(call.get("PARENT"))
    if parent is not None:
        if parent not in call.portal.departments or found.id in line_of(call.portal, parent):
            raise RestError(400, "ERROR_CORE", "Department not found")
        found.parent = parent
    found.name = str(call.get("NAME") or found.name)
    found.sort = integer(call.get("SORT")) or found.sort
    found.head = str(call.get("UF_HEAD", found.head) or "")
    return True


@method("department.delete", scope="department")
def department_delete(call: Call) -> bool:
    found = _wanted_department(call)
    if found.parent is None:
        raise RestError(400, "ERROR_CORE", "Access denied")
    # People and departments below move up, as the portal does.
    for user in call.portal.people.values():
        user.departments = [found.parent if number == found.id else number for number in user.departments]
    for department in call.portal.departments.values():
        department.parent = found.parent if department.parent == found.id else department.parent
    del call.portal.departments[found.id]
    return True
