"""REST 3.0, under /rest/api/: JSON only, one shape of answers and errors for all methods.

`select`, `filter`, `order` and `pagination` mean the same everywhere; a batch is a list of calls; a repeated call is known
by its Idempotency-Key. Methods that REST 3.0 does not have yet answer as before (switch `rest3_old_methods`).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.bitrix24 import filters
from sandbox.bitrix24.calls import has_scope, timing
from sandbox.bitrix24.faults import SWITCHES
from sandbox.bitrix24.limits import Operating
from sandbox.bitrix24.registry import Client
from sandbox.bitrix24.request import Answer, Request, as_json
from sandbox.bitrix24.state import Portal
from sandbox.common.switches import ONOFF, Switch

PREFIX = "BITRIX_REST_V3_EXCEPTION_"
KEY_SECONDS = 24 * 3600.0
KEY = re.compile(r"[\x21-\x7e]{1,255}")
LIMIT, LIMIT_MAX = 50, 1000
OPERATORS = {"=": "=", "!=": "!=", ">": ">", ">=": ">=", "<": "<", "<=": "<=", "in": "@", "between": "><"}
SWITCHES["rest3_old_methods"] = Switch(
    "on", "methods that REST 3.0 does not have answer under its address as in the previous version", ONOFF
)


class Problem(Exception):
    """An answer that is an error of REST 3.0."""

    def __init__(self, status: int, code: str, message: str, validation: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, PREFIX + code, message
        self.validation = [{"message": text, "field": name} for name, text in validation]

    def body(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"code": self.code, "message": self.message}
        return {"error": {**shown, "validation": self.validation} if self.validation else shown}


def invalid(*wrong: tuple[str, str]) -> Problem:
    """Fields with what is wrong about each."""
    return Problem(400, "VALIDATION_REQUESTVALIDATIONEXCEPTION", "Error during request object validation", wrong)


@dataclass(frozen=True)
class Call3:
    portal: Portal
    client: Client
    query: Mapping[str, Any]


@dataclass(frozen=True)
class Method3:
    name: str
    run: Callable[[Call3], Any]
    scope: str
    writes: bool
    help: str


METHODS3: dict[str, Method3] = {}


def method3(
    name: str, *, scope: str = "", writes: bool = False, help: str = ""
) -> Callable[[Callable[[Call3], Any]], Callable[[Call3], Any]]:
    """Put a function on the list of REST 3.0's methods. What it returns is `result`."""

    def put(run: Callable[[Call3], Any]) -> Callable[[Call3], Any]:
        METHODS3[name] = Method3(name, run, scope, writes, help)
        return run

    return put


# -- a request


def body_of(request: Request) -> Any:
    """The JSON body, an object or (of a batch) a list; the query string is not read. Raises Problem."""
    raw = request.environ["wsgi.input"].read()
    if not raw.strip():
        return {}
    kind = request.environ.get("CONTENT_TYPE", "").lower()
    try:
        body = json.loads(raw) if "json" in kind or not kind else None
    except ValueError:
        body = None
    if not isinstance(body, dict | list):
        raise Problem(400, "INVALIDJSONEXCEPTION", "The request body is not valid JSON")
    return body


def tree_of(body: Any) -> dict[str, Any]:
    """The body for a method of the previous version. Raises Problem."""
    if not isinstance(body, dict):
        raise Problem(400, "INVALIDJSONEXCEPTION", "The request body is not valid JSON")
    return body


def serves(portal: Portal, name: str) -> bool:
    """Whether this method is REST 3.0's own; else the previous version is asked, where that is allowed."""
    return name in METHODS3 or name == "batch" or not portal.faults.on("rest3_old_methods")


def answer(
    portal: Portal, operating: Operating, client: Client, name: str, body: Any, environ: Mapping[str, Any]
) -> tuple[Answer, list[str]]:
    """What goes out, and the methods that were called. The portal's lock is held. Raises Problem."""
    began, wall = time.perf_counter(), portal.clock.now().timestamp()
    names = _names(name, body)
    key = _idempotency_key(environ) if any(METHODS3[one].writes for one in names if one in METHODS3) else ""
    kept = _kept(portal, client, name, key, body)
    if kept is not None:
        return _with_key(as_json(kept), key, replayed=True), []
    result = _batch(portal, operating, client, body) if name == "batch" else _one(portal, operating, client, name, body)
    shown = {"result": result, "time": timing(portal, wall, time.perf_counter() - began)}
    if key:
        portal.area(Keys).rows[client.id, client.user_id, name, key] = (_text(body), portal.clock.ticks(), shown)
    return _with_key(as_json(shown), key, replayed=False), names


def _names(name: str, body: Any) -> list[str]:
    if name != "batch":
        return [name]
    return [str(item.get("method")) for item in body if isinstance(item, Mapping)] if isinstance(body, list) else []


def _one(portal: Portal, operating: Operating, client: Client, name: str, query: Any) -> Any:
    portal.counters.calls[name] += 1
    found = METHODS3.get(name)
    if found is None:
        raise Problem(404, "METHODNOTFOUNDEXCEPTION", f"Method `{name}` not found")
    if found.scope and not has_scope(client, found.scope):
        raise Problem(403, "INSUFFICIENTSCOPEEXCEPTION", f"Insufficient scope: `{found.scope}` is required")
    if not isinstance(query, Mapping):
        raise Problem(400, "INVALIDJSONEXCEPTION", "The request body is not valid JSON")
    operating.check(client, name)
    began = time.perf_counter()
    result = found.run(Call3(portal, client, query))
    operating.spend(client, name, time.perf_counter() - began)
    return result


def _batch(portal: Portal, operating: Operating, client: Client, body: Any) -> list[Any]:
    """Results in order. The first call that fails fails the batch; what came before it is done (UNCONFIRMED)."""
    if not isinstance(body, list):
        raise Problem(400, "INVALIDSELECTEXCEPTION", "Unable to recognize the batch: a list of calls is expected")
    found = []
    for item in body:
        if not isinstance(item, Mapping) or not isinstance(item.get("method"), str):
            raise invalid(("method", "Required field `method` is not specified"))
        found.append(_one(portal, operating, client, item["method"], item.get("query") or {}))
    return found


# -- repeated calls


@dataclass
class Keys:
    """By client, user, method and key: the body that was sent, when, and the answer."""

    rows: dict[tuple[str, str, str, str], tuple[str, float, Any]] = field(default_factory=dict)


def _text(body: Any) -> str:
    return json.dumps(body, sort_keys=True, ensure_ascii=False)


def _idempotency_key(environ: Mapping[str, Any]) -> str:
    sent = environ.get("HTTP_IDEMPOTENCY_KEY")
    if sent is None:
        return ""
    if not KEY.fullmatch(sent):
        raise Problem(400, "INVALIDIDEMPOTENCYKEYEXCEPTION", "The idempotency key must be 1 to 255 printable characters")
    return str(sent)


def _kept(portal: Portal, client: Client, name: str, key: str, body: Any) -> Any:
    """The answer of the same call before, if it is not older than a day."""
    found = portal.area(Keys).rows.get((client.id, client.user_id, name, key)) if key else None
    if found is None or portal.clock.ticks() - found[1] > KEY_SECONDS:
        return None
    if found[0] != _text(body):
        raise Problem(422, "IDEMPOTENCYKEYREUSEDEXCEPTION", "The idempotency key was used with another request body")
    return found[2]


def _with_key(made: Answer, key: str, *, replayed: bool) -> Answer:
    if key:
        made.headers["Idempotency-Key"] = key
    if replayed:
        made.headers["Idempotent-Replayed"] = "true"
    return made


# -- what all methods understand


def required(query: Mapping[str, Any], name: str, kind: type, type_name: str) -> Any:
    """A field that must be there and of that JSON type."""
    if query.get(name) is None:
        raise invalid((name, f"Required field `{name}` is not specified"))
    value = query[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise invalid((name, f"Field `{name}` requires data type `{type_name}` for this request"))
    return value


def conditions(tree: Any, known: Mapping[str, bool], dto: str) -> list[Any]:
    """A filter as nested tests: `("and"|"or", [...])` or `(field, sign, value)`. `known`: field -> may be filtered by."""
    if tree in (None, []):
        return []
    if not isinstance(tree, list):
        raise invalid(("filter", "Field `filter` requires data type `array` for this request"))
    return [_condition(item, known, dto) for item in tree]


def _condition(item: Any, known: Mapping[str, bool], dto: str) -> Any:
    if isinstance(item, Mapping):
        inner = [_condition(one, known, dto) for one in item.get("conditions") or []]
        return ("or" if str(item.get("logic")).lower() == "or" else "and", inner)
    if not isinstance(item, list) or len(item) not in (2, 3) or not isinstance(item[0], str):
        raise invalid(("filter", "Unable to recognize the filter"))
    name, sign, value = item if len(item) == 3 else (item[0], "in" if isinstance(item[1], list) else "=", item[1])
    if name not in known:
        raise Problem(400, "UNKNOWNDTOPROPERTYEXCEPTION", f"Unknown field `{name}` for entity `{dto}`")
    if not known[name]:
        text = f"In DTO `{dto}`, the `{name}` field requires the `Filterable` attribute for such a request"
        raise invalid((name, text))
    if not isinstance(sign, str) or sign not in OPERATORS:
        raise Problem(400, "UNKNOWNFILTEROPERATOREXCEPTION", f"Unknown filter operator `{sign}`")
    return (name, OPERATORS[sign], value)


def passes(portal: Portal, tests: list[Any], get: Callable[[str], Any]) -> bool:
    return all(_passes(portal, test, get) for test in tests)


def _passes(portal: Portal, test: Any, get: Callable[[str], Any]) -> bool:
    if test[0] in ("and", "or"):
        found = [_passes(portal, inner, get) for inner in test[1]]
        return any(found) if test[0] == "or" else all(found)
    name, sign, value = test
    return filters.one(f"{sign}{name}", value, lambda _record, wanted: get(wanted), portal.zone)(None)


def ordered(rows: list[Any], wanted: Any, sortable: set[str], get: Callable[[Any, str], Any]) -> list[Any]:
    """By `{"field": "ASC"}`, else by id."""
    if wanted in (None, {}, []):
        wanted = {"id": "ASC"}
    if not isinstance(wanted, Mapping) or any(
        name not in sortable or str(way).upper() not in ("ASC", "DESC") for name, way in wanted.items()
    ):
        shown = json.dumps(wanted, ensure_ascii=False)
        raise Problem(400, "INVALIDORDEREXCEPTION", f"Unable to recognize sorting parameter `{shown}`")
    return filters.order(rows, wanted, get)


def paged(rows: list[Any], wanted: Any) -> list[Any]:
    """One page by `{"page", "limit", "offset"}`."""
    wanted = {} if wanted in (None, []) else wanted
    numbers = isinstance(wanted, Mapping) and all(
        isinstance(value, int) and not isinstance(value, bool) and value >= 0 for value in wanted.values()
    )
    if not numbers or not set(wanted) <= {"page", "limit", "offset"} or wanted.get("limit", LIMIT) == 0:
        shown = json.dumps(wanted, ensure_ascii=False)
        raise Problem(400, "INVALIDPAGINATIONEXCEPTION", f"Unable to recognize the pagination parameter `{shown}`")
    limit = min(wanted.get("limit", LIMIT), LIMIT_MAX)
    offset = wanted.get("offset", max(wanted.get("page", 1) - 1, 0) * limit)
    return rows[offset : offset + limit]


# -- about itself


@method3("rest.documentation.openapi", help="this document")
def openapi(call: Call3) -> Any:
    return {
        "openapi": "3.0.0", "info": {"title": "Bitrix24 REST V3 API", "version": "1.0.0"},
        "tags": [{"name": scope, "description": f"{scope} module methods"} for scope in _scopes()],
        "paths": {
            f"/{found.name}": {"post": {"tags": [found.scope] if found.scope else [], "summary": found.help,
                                        "responses": {"200": {"description": "OK"}}}}
            for found in METHODS3.values()
        },
        "components": {"schemas": {}},
    }  # fmt: skip


METHODS3["documentation"] = METHODS3["rest.documentation.openapi"]


def _scopes() -> list[str]:
    return sorted({found.scope for found in METHODS3.values()} - {""})


@method3("rest.scope.list", help="which scope each method wants")
def scope_list(call: Call3) -> dict[str, Any]:
    return {"items": [{"method": found.name, "scope": found.scope} for found in METHODS3.values()]}
