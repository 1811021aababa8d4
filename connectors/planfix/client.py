"""Typed calls of Planfix' REST over the kernel's HttpClient. Paging, repeats and time-outs end here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import tenacity

from connectors.planfix import limits
from connectors.planfix.errors import doubtful, judge
from connectors.planfix.files import Files
from connectors.planfix.settings import Settings
from connectors.planfix.values import date_and_time
from kernel.clock import Clock
from kernel.errors import NotFound, Rejected, Throttled, Unreachable, Unverified
from kernel.extension import Connection
from kernel.http import Answer, HttpClient

Kind = Literal["task", "contact"]
Raw = Mapping[str, Any]
COMMENT_FIELDS = "id,dateTime,type,description,task,contact,owner,isDeleted,isHidden,files"
COMMENT_DATE = 3000  #: SPEC: the filter of comments by their date
# The schema spells the key of a comment order `filed`, its example `field`.
NEWEST_FIRST = [{"filed": "id", "field": "id", "direction": "Desc"}]


@dataclass(frozen=True)
class Written:
    """What a write was answered: at once or queued, and the fields the portal itself names as failed."""

    queued: bool = False
    failures: tuple[str, ...] = ()


class Client:
    """One portal's REST. Reads are repeated, writes never."""

    def __init__(self, http: HttpClient, clock: Clock) -> None:
        self._http, self._clock = http, clock
        self.files = Files(http)

    # --- records ----------------------------------------------------------------------------------------------------

    def record(self, kind: Kind, number: int, fields: Iterable[str]) -> Raw:
        """Raises NotFound."""
        try:
            body = self._read("GET", f"{kind}/{number}", query={"fields": ",".join(fields)})
        except Rejected as exc:
            # A missing task is answered 400 with code 0, which may mean anything: the list knows.
            if kind == "task" and doubtful(exc) and not self.records("task", [condition(57, [number])], ["id"]):
                raise NotFound(f"task {number} is not there", vendor_code=exc.vendor_code) from exc
            raise
        return _part(body, kind)

    def records(self, kind: Kind, conditions: list[Raw], fields: Iterable[str]) -> list[Raw]:
        return list(self.records_one_by_one(kind, conditions, fields))

    def records_one_by_one(self, kind: Kind, conditions: list[Raw], fields: Iterable[str]) -> Iterator[Raw]:
        """The same, page by page as they are taken."""
        payload = {"fields": ",".join(fields), "filters": conditions}
        return self._pages(f"{kind}/list", f"{kind}s", payload, "id")

    def create(self, kind: Kind, payload: Raw) -> int:
        # The slash at the end is part of the documented path.
        answer, body = self._write(f"{kind}/", payload)
        return _number(body, "id", answer)

    def update(self, kind: Kind, number: int, payload: Raw, *, silent: bool) -> Written:
        answer, body = self._write(f"{kind}/{number}", payload, silent=silent)
        return Written(answer.status == 202, _failures(body))

    # --- rows -------------------------------------------------------------------------------------------------------

    def row(self, key: int, fields: Iterable[str]) -> Raw:
        body = self._read("GET", f"datatag/entry/{key}", query={"fields": ",".join(fields)})
        return _part(body, "entry", bare="key")  # the specification's example shows it without the wrapper

    def rows(
        self, table: int, fields: Iterable[str], *, kind: Kind = "task", of: int = 0, conditions: Iterable[Raw] = ()
    ) -> Iterator[Raw]:
        """Rows of one record, or (`of` 0) of all. Pages are asked only as far as the caller reads."""
        payload: dict[str, Any] = {"fields": ",".join(fields), "filters": list(conditions)}
        if of:
            payload[f"{kind}Id"] = of if kind == "task" else str(of)
        return self._pages(f"datatag/{table}/entry/list", "dataTagEntries", payload, "key")

    def add_row(self, kind: Kind, number: int, table: int, values: Sequence[Raw]) -> int:
        payload = {"dataTag": {"id": table}, "items": [{"customFieldData": list(values)}]}
        answer, body = self._write(f"{kind}/{number}/datatags/", payload)
        keys = body.get("keys") if isinstance(body, dict) else None
        return _number({"key": keys[0]} if isinstance(keys, list) and len(keys) == 1 else {}, "key", answer)

    def update_row(self, key: int, values: Sequence[Raw]) -> Written:
        answer, body = self._write(f"datatag/entry/{key}", {"customFieldData": list(values)}, silent=True)
        return Written(answer.status == 202, _failures(body))

    # --- comments ---------------------------------------------------------------------------------------------------

    def add_comment(self, kind: Kind, number: int, payload: Raw) -> int:
        answer, body = self._write(f"{kind}/{number}/comments/", payload)
        return _number(body, "id", answer)

    def comment(self, number: int) -> Raw:
        return _part(self._read("GET", f"comment/{number}", query={"fields": "id,description,task,contact"}), "comment")

    def comments(self, kind: Kind, number: int) -> Iterator[Raw]:
        """Comments proper (no rows, no changes of status), newest first where the portal obeys the order."""
        payload = {"fields": "id,description,isDeleted", "typeList": "Comments", "resultOrder": NEWEST_FIRST}
        return self._pages(f"{kind}/{number}/comments/list", "comments", payload, "id")

    def comment_whole(self, number: int) -> Raw:
        return _part(self._read("GET", f"comment/{number}", query={"fields": COMMENT_FIELDS}), "comment")

    def comments_whole(self, kind: Kind, number: int) -> Iterator[Raw]:
        """Comments proper with all that we read of them, newest first where the portal obeys the order."""
        payload = {"fields": COMMENT_FIELDS, "typeList": "Comments", "resultOrder": NEWEST_FIRST}
        return self._pages(f"{kind}/{number}/comments/list", "comments", payload, "id")

    def comments_since(self, moment: datetime, zone: ZoneInfo) -> list[Raw]:
        """Comments proper of the whole account since that moment: one list, since times come in minutes a minute early."""
        point = date_and_time(moment - timedelta(minutes=1), zone)
        value = {"dateType": "otherDate_withTime", "dateValue": f"{point['date']} {point['time']}"}
        payload = {
            "fields": COMMENT_FIELDS, "typeList": "Comments", "resultOrder": NEWEST_FIRST,
            "filters": [condition(COMMENT_DATE, value, operator="gt")],
        }  # fmt: skip
        return list(self._pages("comment/list", "comments", payload, "id"))

    def update_comment(self, kind: Kind, of: int, number: int, payload: Raw) -> None:
        self._write(f"{kind}/{of}/comments/{number}", payload)

    def delete_comment(self, number: int) -> None:
        self._once("DELETE", f"comment/{number}", None, None, limits.CALL_TIMEOUT_SECONDS, True)

    def history(self, kind: Kind, number: int) -> Iterator[Raw]:
        """Everything that stands among the comments, newest first: changes of status, rows, comments proper."""
        payload = {"fields": "id,dateTime,type,owner,changeStatus", "typeList": "All", "resultOrder": NEWEST_FIRST}
        return self._pages(f"{kind}/{number}/comments/list", "comments", payload, "id")

    # --- what the portal consists of --------------------------------------------------------------------------------

    def objects(self) -> list[Raw]:
        return list(self._pages("object/list", "objects", {"fields": "id,name"}, "id"))

    def object(self, number: int) -> Raw:
        return _part(self._read("GET", f"object/{number}"), "object")

    def statuses(self, number: int) -> list[Raw]:
        query = {"fields": "id,name,isActive,texts"}
        return _items(self._read("GET", f"object/{number}/statuses", query=query), "statuses")

    def templates(self, kind: Kind) -> list[Raw]:
        query = {"offset": "0", "pageSize": str(limits.PAGE_RECORDS_MAX), "fields": "id,name"}
        return _items(self._read("GET", f"{kind}/templates", query=query), "templates")

    def custom_fields(self, of: str) -> list[Raw]:
        """`task`, `contact` or `datatag/6`. Everything comes at once."""
        query = {"fields": "id,name,type,objectType,enumValues"}
        return _items(self._read("GET", f"customfield/{of}", query=query), "customfields")

    def field_sets(self, of: str) -> list[Raw]:
        """The sets (groups) in which the fields of `task` or `contact` stand."""
        return _items(self._read("GET", f"customfield/group/{of}"), "customFieldSets")

    def create_field_set(self, of: str, name: str) -> int:
        answer, body = self._write(f"customfield/group/{of}/", {"name": name})
        return _number(body, "id", answer)

    def create_field(self, of: str, payload: Raw) -> int:
        answer, body = self._write(f"customfield/{of}/", payload)
        return _number(body, "id", answer)

    def tables(self) -> list[Raw]:
        return list(self._pages("datatag/list", "dataTags", {"fields": "id,name"}, "id"))

    def users(self) -> list[Raw]:
        fields = "id,name,midname,lastname,role,status,timezone,groups,position,email,telegramId"
        return list(self._pages("user/list", "users", {"onlyActive": True, "prefixedId": True, "fields": fields}, "id"))

    def ping(self) -> Answer:
        """The cheapest call there is; the answer's headers tell the quota."""
        return self._once("GET", "ping", None, None, limits.CALL_TIMEOUT_SECONDS, False)[0]

    def probe(self, method: str, path: str, payload: Raw | None) -> None:
        """A call that changes nothing, to see what it is refused with."""
        self._once(method, path, None, payload, limits.LIST_TIMEOUT_SECONDS, False)

    # --- calls ------------------------------------------------------------------------------------------------------

    def _read(self, method: str, path: str, *, query: Mapping[str, str] | None = None, payload: Raw | None = None) -> Any:
        timeout = limits.LIST_TIMEOUT_SECONDS if payload is not None else limits.CALL_TIMEOUT_SECONDS
        repeated = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(limits.READ_ATTEMPTS_MAX),
            wait=tenacity.wait_exponential(multiplier=0.5, max=4),
            retry=tenacity.retry_if_exception_type(Unreachable),
            sleep=self._clock.sleep,
            reraise=True,
        )
        _answer, body = repeated(self._once, method, path, query, payload, timeout, False)
        if not isinstance(body, dict):
            raise Unreachable(f"planfix: {path} was answered without content")
        return body

    def _write(self, path: str, payload: Raw, *, silent: bool = False) -> tuple[Answer, Any]:
        query = {"silent": "true"} if silent else None
        return self._once("POST", path, query, payload, limits.CALL_TIMEOUT_SECONDS, True)

    def _once(
        self, method: str, path: str, query: Mapping[str, str] | None, payload: Raw | None, timeout: float, writes: bool
    ) -> tuple[Answer, Any]:
        answer = self._http.send(method, path, query=query, payload=payload, timeout=timeout, writes=writes)
        try:
            return answer, judge(answer, writes=writes)
        except Throttled as exc:
            self._http.gate.back_off(exc.wait_seconds)
            raise
        except Unreachable as exc:
            self._http.gate.failed(str(exc))
            raise

    def _pages(self, path: str, key: str, payload: Raw, id_key: str) -> Iterator[Raw]:
        """All items of a list: there is no total, a page shorter than asked is the last one."""
        seen: set[str] = set()
        offset = 0
        while True:
            page = {"offset": offset, "pageSize": limits.PAGE_RECORDS_MAX, **payload}
            items = _items(self._read("POST", path, payload=page), key)
            fresh = [item for item in items if str(item.get(id_key)) not in seen]
            seen.update(str(item.get(id_key)) for item in fresh)
            yield from fresh
            if len(items) < limits.PAGE_RECORDS_MAX or not fresh:
                return
            offset += limits.PAGE_RECORDS_MAX


def connect(connection: Connection, read: Settings) -> Client:
    headers = {"Authorization": f"Bearer {read.token}"}
    return Client(connection.http(read.url, rate_limit=read.rate_limit, headers=lambda: headers), connection.clock)


def condition(number: int, value: Any, *, operator: str = "equal", field: int = 0) -> dict[str, Any]:
    """One filter. Custom fields need the extra key `field`."""
    made: dict[str, Any] = {"type": number, "operator": operator, "value": value}
    return {**made, "field": field} if field else made


def custom_values(record: Raw) -> dict[int, Raw]:
    """The custom values of an answer by the number of their field; unset and unattached ones are absent."""
    found: dict[int, Raw] = {}
    for item in record.get("customFieldData") or []:
        field = item.get("field") if isinstance(item, dict) else None
        if isinstance(field, dict) and isinstance(field.get("id"), int):
            found[field["id"]] = item
    return found


def _items(body: Any, key: str) -> list[Raw]:
    items = body.get(key) if isinstance(body, dict) else None
    if not isinstance(items, list):
        raise Unreachable(f"planfix: an answer without «{key}»")
    return [item for item in items if isinstance(item, dict)]


def _part(body: Any, key: str, bare: str = "id") -> Raw:
    if isinstance(body.get(key), dict):
        return body[key]  # type: ignore[no-any-return]
    if bare in body:
        return body  # type: ignore[no-any-return]
    raise Unreachable(f"planfix: an answer without «{key}»")


def _number(body: Any, key: str, answer: Answer) -> int:
    """The number of what was made. Without it nobody knows whether it was."""
    number = body.get(key) if isinstance(body, dict) else None
    if isinstance(number, str) and number.isascii() and number.isdigit():
        number = int(number)
    if not isinstance(number, int) or isinstance(number, bool) or number <= 0:
        raise Unverified(f"planfix: HTTP {answer.status} without the number of what was made", maybe_done=True)
    return number


def _failures(body: Any) -> tuple[str, ...]:
    """`failures` is a list in the schema and one object in its example."""
    found = body.get("failures") if isinstance(body, dict) else body
    items = [found] if isinstance(found, dict) else found if isinstance(found, list) else []
    return tuple(str(item.get("field")) for item in items if isinstance(item, dict) and item.get("field"))
