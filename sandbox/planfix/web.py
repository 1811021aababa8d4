"""What all doors share: reading a body, `fields`, paging, people, and writing the envelope (contract 2.3, 2.5)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from flask import Response, g, request
from werkzeug.routing import BaseConverter

from sandbox.planfix import dates, fields
from sandbox.planfix.errors import Refusal, bad_value
from sandbox.planfix.model import Moment, People, User
from sandbox.planfix.state import Portal

PAGE_SIZE_MAX = 100
Item = TypeVar("Item")


class IdentConverter(BaseConverter):
    """A path id: `12`, or with its kind before it, `contact:12` (checklist 14)."""

    regex = r"(?:[a-z]+(?::|%3A))?\d+"

    def to_python(self, value: str) -> int:
        return int(value.replace("%3A", ":").rpartition(":")[2])


def answer(body: dict[str, Any] | None = None, status: int = 200) -> Response:
    """An answer with the success envelope; None is an empty body."""
    if body is None:
        return Response(b"", status, content_type="application/json")
    return raw({"result": "success", **body}, status)


def raw(body: Any, status: int = 200) -> Response:
    """JSON as it is, without the envelope."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode(), status, content_type="application/json; charset=utf-8")


def viewer() -> User:
    """Whose token this request carries."""
    return cast(User, g.user)


def silent() -> bool:
    """`?silent=true`: no notifications, no log entry (contract 2.3)."""
    return request.args.get("silent", "").lower() == "true"


def body() -> dict[str, Any]:
    """The JSON object of a request; an empty body is an empty object. Broken JSON: code 30 (contract 2.4)."""
    data = request.get_data()
    if not data.strip():
        return {}
    try:
        parsed = json.loads(data, parse_constant=_no_constant)
    except ValueError:
        if request.path.endswith("/list"):
            raise Refusal(500, 30, "Rest API error") from None
        raise Refusal(400, 30, "Cannot deserialize, invalid JSON") from None
    if not isinstance(parsed, dict):
        raise Refusal(400, 30, "Cannot deserialize, invalid JSON")
    return parsed


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


@dataclass(frozen=True)
class Wanted:
    """The `fields` of a request: system names and numbers of custom fields. Unknown names do nothing."""

    names: frozenset[str]
    numbers: list[int]

    def __contains__(self, name: str) -> bool:
        return name in self.names


def wanted(data: dict[str, Any] | None = None) -> Wanted:
    """`fields` of the body or the query. Without it only `id` comes (checklist 3); blanks after commas are allowed."""
    text = (data or {}).get("fields", request.args.get("fields", ""))
    words = [word.strip() for word in text.split(",")] if isinstance(text, str) else []
    numbers = list(dict.fromkeys(int(word) for word in words if word.isdigit()))
    return Wanted(frozenset(word for word in words if word and not word.isdigit()) | {"id"}, numbers)


def page(portal: Portal, items: Sequence[Item], data: dict[str, Any] | None = None) -> list[Item]:
    """A page by `offset` and `pageSize`; no total count anywhere (contract 2.5). Over 100: a switch."""
    source = data if data is not None else dict(request.args)
    offset = _int(source.get("offset"), 0)
    size = _int(source.get("pageSize"), PAGE_SIZE_MAX)
    if size > PAGE_SIZE_MAX and portal.faults.word("page_over_100") == "refuse":
        raise bad_value(f"Bad pageSize {size}")
    size = min(size if size > 0 else PAGE_SIZE_MAX, PAGE_SIZE_MAX)
    return list(items[max(offset, 0) : max(offset, 0) + size])


def _int(value: Any, default: int) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return default


def pick(record: dict[str, Any], names: Wanted) -> dict[str, Any]:
    """Only what was asked for, and what exists."""
    return {key: value for key, value in record.items() if key in names and value is not None}


def dicts(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; nonsense is no list and no object."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


# -- people and time points


def people_in(data: Any, author: User) -> People:
    """A people set; a person without prefix silently becomes the token's user (checklist 8)."""
    found = People()
    if not isinstance(data, dict):
        return found
    for item in dicts(data.get("users")):
        text = str(item.get("id") or "")
        ident = author.id if text.isdigit() else fields.person_ident(text, "user")
        if ident and not ident.startswith("group:") and ident not in found.users:
            found.users.append(ident)
        elif ident:
            found.groups.append(int(ident[6:]))
    for item in dicts(data.get("groups")):
        number = ref(item)
        if number:
            found.groups.append(number)
    return found


def people_out(portal: Portal, people: People) -> dict[str, Any]:
    """`{"users":[{"id":"user:5","name":…}],"groups":[{"id":3,"name":…}]}`."""
    return {
        "users": [person_out(portal, ident) for ident in people.users],
        "groups": [{"id": n, "name": portal.person_name(f"group:{n}")} for n in people.groups],
    }


def person_out(portal: Portal, ident: str) -> dict[str, Any]:
    return {"id": ident, "name": portal.person_name(ident)}


def ref(value: Any) -> int:
    """The number in `{"id": 15}`, `{"id":"contact:5"}`, 15 or "15"; 0 if there is none."""
    if isinstance(value, dict):
        value = value.get("id")
    text = str(value).rpartition(":")[2] if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return int(text) if text.isdigit() else 0


def moment_in(portal: Portal, value: Any, author: User) -> Moment | None:
    """A written time point, read in the token owner's zone (contract 2.6)."""
    return dates.parse_moment(value, fields.write_zone(portal, author))


def moment_out(portal: Portal, moment: Any, user: User) -> dict[str, Any] | None:
    """A time point for this reader; None stays None."""
    if moment is None:
        return None
    at = moment.at if isinstance(moment, Moment) else moment
    return dates.emit_moment(at, dates.zone(user.zone), portal.faults.word("datetime_key") == "local")


def updated(portal: Portal, failures: list[dict[str, str]] | None = None, field: str = "counterparty") -> Response:
    """The body of an update in one of its four forms (checklist 9)."""
    failures = failures or []
    mode = portal.faults.word("update_answer")
    if mode == "empty" and not failures:
        return answer(None)
    if mode == "object":  # the specification's example gives ONE OBJECT instead of a list
        return raw({"failures": failures[0] if failures else {"field": field, "error": "Field change failed"}})
    if mode == "list" or failures:
        return answer({"failures": failures})
    return answer({})
