"""Every switch: what the real portal may do in ways the contract calls UNCONFIRMED, and what may break."""

from __future__ import annotations

from sandbox.common.switches import ONOFF, Switch, Switches
from sandbox.planfix.errors import Refusal

SWITCHES: dict[str, Switch] = {
    # calling us (contract 5)
    "lose_answer_next": Switch(0, "so many next deliveries reach us but our answer counts as lost: stop and retry (24)"),
    "duplicate_rate": Switch(0.0, "share of deliveries sent a second time although answered 200 (24)"),
    "reorder_rate": Switch(0.0, "share of deliveries overtaken by the one after them (24)"),
    "drop_rate": Switch(0.0, "share of deliveries never sent"),
    "delay": Switch(0.0, "sandbox seconds between the event and its request; values are read when it is sent (22)"),
    "retry_schedule": Switch("ru", "pauses after failures: ru 15/30/60/60 min, en 5/15/30/60 min (23)", ("ru", "en", "off")),
    "stop_minutes": Switch(3.0, "how long no POST leaves the account after a failure (23)"),
    "guid_on_retry": Switch("same", "a retry repeats body and GUID, or is rendered anew (UNCONFIRMED)", ("same", "new")),
    "script_timeout_s": Switch(10.0, "REAL seconds our answer may take (UNCONFIRMED: documented nowhere)"),
    "retry_blocks": Switch("off", "do later requests wait for a failed one instead of overtaking it (UNCONFIRMED)", ONOFF),
    "header_formulas": Switch("on", "are variables and formulas in a HEADER filled in (UNCONFIRMED)", ONOFF),
    "json_bodies": Switch("off", "scripts send hand-typed JSON in which nothing is escaped, not a form (25)", ONOFF),
    "silent_fires": Switch("on", "do scripts fire on changes with silent=true (UNCONFIRMED)", ONOFF),
    "row_edit_fires": Switch("on", "do edits and deletions of rows fire the row script too", ONOFF),
    "status_fires_changed": Switch("off", "does a pure status change fire 'still matches'. On is the real product", ONOFF),
    "comment_script": Switch("off", "is the script of deal.comment switched on in the portal", ONOFF),
    "contact_scripts": Switch("off", "are the scripts of contacts switched on: created, changed", ONOFF),
    "contact_comment_script": Switch(
        "off", "does a script of contacts know 'comment added' (UNCONFIRMED), and is it on", ONOFF
    ),
    "author_id": Switch("on", "has the author of a change a variable with their number (UNCONFIRMED)", ONOFF),
    "hidden_comments": Switch("on", "does REST keep isHidden of a comment (UNCONFIRMED)", ONOFF),
    "comment_files": Switch(
        "replace",
        "what files in an update of a comment do (UNCONFIRMED)",
        ("replace", "add", "ignore"),
    ),
    # writing (contract 2.3, 2.6, 3)
    "answer_200_fail": Switch("off", "failures come under HTTP 200 (2.3)", ONOFF),
    "busy_next": Switch(0, "so many next updates of tasks and contacts answer 202 and are applied later (10)"),
    "busy_rate": Switch(0.0, "share of updates answering 202 (10)"),
    "busy_ms": Switch(2000.0, "sandbox milliseconds until a queued update is applied (10)"),
    "busy_order": Switch("arrival", "which queued change is applied first (UNCONFIRMED)", ("arrival", "newest")),
    "busy_while_script": Switch("off", "a task is busy while its script waits for our answer (UNCONFIRMED)", ONOFF),
    "update_answer": Switch("result", "body of a successful update (2.3)", ("result", "empty", "list", "object")),
    "number_text": Switch("ignore", "a text written to a number field (UNCONFIRMED)", ("ignore", "store", "refuse")),
    "status_rules": Switch("off", "are transition rules of the status set enforced by REST (UNCONFIRMED)", ONOFF),
    "object_by_rest": Switch(
        "changed", "another object in a robot's update of a task is taken, or ignored (UNCONFIRMED)", ("changed", "ignored")
    ),
    "object_change_logged": Switch("on", "is a status that changes along with the object logged (UNCONFIRMED)", ONOFF),
    "duplicate_source_id": Switch("allow", "a second create with one sourceObjectId (UNCONFIRMED)", ("allow", "refuse")),
    "entry_wrapper": Switch("on", "is a single row wrapped in 'entry' (UNCONFIRMED)", ONOFF),
    "row_write_body": Switch("result", "body of row update and delete (UNCONFIRMED)", ("result", "empty")),
    "row_missing_code": Switch("6000", "code for a row that is not there (2.4)", ("6000", "6010")),
    "directory_add_body": Switch("key", "body of adding a directory entry (UNCONFIRMED)", ("key", "entry", "empty")),
    "directory_list_key": Switch("directories", "key of the list of directories (2.7)", ("directories", "directory")),
    "report_data": Switch("flat", "rows of a report at the top or under 'data'", ("flat", "data")),
    "download": Switch("redirect", "answer of a file's download: 302, or the bytes (3.5)", ("redirect", "bytes")),
    "chat_data": Switch("object", "getTask's data: an object or a JSON text (7)", ("object", "string")),
    "incoming_key": Switch("number", "key of the task's number in the answer to an incoming webhook (UNCONFIRMED)"),
    "deleted_tasks": Switch("hidden", "what isDeleted does to lists (UNCONFIRMED)", ("hidden", "shown")),
    "write_zone": Switch("owner", "zone in which written times are read (UNCONFIRMED)", ("owner", "utc")),
    "totals_shape": Switch("number", "value of totals: a bare number, or {'id': n} (2.6)", ("number", "wrapped")),
    "comment_from_type": Switch("None", "fromType of a comment made by REST (UNCONFIRMED)", ("None", "Planfix")),
    "comments_allowed": Switch("on", "off: 400/6 New comments not allowed in this process (2.4)", ONOFF),
    # limits (contract 2.2)
    "rate_per_second": Switch(1.0, "requests a second for one token; 0 = no limit"),
    "rate_slack": Switch(0.1, "by so much of a sandbox second two requests may come early"),
    "per_day": Switch(20000, "requests a sandbox day for one token; 0 = no limit"),
    "limit_staff": Switch("off", "are staff tokens limited too", ONOFF),
    "limit_answer": Switch("403", "HTTP status over the rate (UNCONFIRMED which)", ("403", "429", "200")),
    "day_answer": Switch("403", "HTTP status over the day's quota (UNCONFIRMED which)", ("403", "429", "200")),
    "reset_unit": Switch("s", "unit of timeToReset (UNCONFIRMED)", ("s", "ms")),
    "seats": Switch(0, "employees the tariff pays for; one more is refused with 24; 0 = no limit"),
    "page_over_100": Switch("cut", "pageSize above 100 is cut, or refused with 400/41 (UNCONFIRMED)", ("cut", "refuse")),
    # network and portal
    "latency": Switch(0.0, "sandbox seconds before every REST answer"),
    "list_latency": Switch(0.0, "sandbox seconds before the answer of a list, on top of latency (32)"),
    "list_504": Switch(0, "so many next lists answer an HTML 504 (32)"),
    "cut_after_commit_next": Switch(0, "so many next writes are done, but the connection is cut before the answer"),
    "cut_after_commit_rate": Switch(0.0, "share of writes done but cut before the answer"),
    "error_500_next": Switch(0, "so many next requests answer 500 with code 0, nothing done"),
    "html_error_next": Switch(0, "so many next requests answer an HTML page under 502, nothing done"),
    "down": Switch("off", "on: 503 at all REST; closed: connections are cut", ("off", "on", "closed")),
    "own_domain": Switch("off", "every API address answers 301 to the account's own domain (31)", ONOFF),
    "own_domain_address": Switch("", "where own_domain points; empty = https://crm.example.com"),
    "scopes": Switch("all", "scopes of the robot's token, comma separated (contract 2.1)"),
    "plan": Switch(
        "business",
        "tariff: buttons from business, reports by API from corporation",
        ("start", "business", "corporation"),
    ),
    "report_seconds": Switch(30.0, "sandbox seconds a report is in progress (20)"),
    "from_url_private": Switch("off", "may files be fetched from private addresses too (for tests)", ONOFF),
    "datetime_key": Switch("utc", "zone of the key 'datetime' in time points (UNCONFIRMED)", ("utc", "local")),
}


class Faults(Switches):
    """The switches of this portal."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(SWITCHES, seed)

    def fail_if_asked(self) -> None:
        """The `error_500_next` switch: the request is refused before anything is done."""
        if self.take("error_500_next"):
            raise Refusal(500, 0, "Rest API error")
