"""The one door in: proof, storing, answer; then work. What fails leaves no trace but a counter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import flask
import pytest

from kernel.crm import Event
from kernel.errors import BadInput
from kernel.extension import BODY_BYTES_MAX, Connection, Connector, Delivery, NotProven, Plugin, Received
from kernel.extension.tests.small import Small
from kernel.http import HttpClient, Vault
from kernel.storage.closed import close
from kernel.storage.move import every_table
from kernel.telemetry import metrics, tell_secret
from tests.harness.databases import migration_sets
from webhooks.door import Door, HookRoute, _without_proof

KEY = "the-key-of-the-door"


def receive(delivery: Delivery, connection: Connection) -> Received:
    """A toy connector: the key in a header, `record delivery author` in the body."""
    key = delivery.headers.get("x-key", "")
    if key != connection.settings["KEY"]:
        raise NotProven("crooked key" if key else "no key", status=403 if key else 401)
    words = delivery.body.decode("utf-8", "replace").split()
    if len(words) < 2:
        raise BadInput(f"`record` is missing in {key}", field="record")
    if delivery.rest == "board.link":
        return Received((Event("board.link", "deal", words[0], "Ігор"),))
    name = delivery.rest or "deal.changed"
    return Received(tuple(Event(name, "deal", record, "Ігор", words[-1]) for record in words[:-1]))


@pytest.fixture
def client(small: Small) -> Any:
    return door_of(small)


def door_of(small: Small) -> Any:
    tell_secret(KEY)
    plugin = Plugin("board", "Board", answers={"board.link": lambda portal, event: {"board_url": f"x/{event.author}"}})
    connection = Connection({"KEY": KEY}, small.portal.mapping, HttpClient, small.clock, cast("Vault", None))
    connection = replace(connection, connector=Connector("toy", "Toy", receive=receive))
    door = HookRoute(small.portal, connection, [*small.plugins, plugin])
    app = flask.Flask(__name__)
    app.wsgi_app = Door([door], app.wsgi_app)  # type: ignore[method-assign]
    return app.test_client()


def post(client: Any, body: str | bytes = "501 d1", key: str | None = KEY, path: str = "/hooks/toy/main") -> Any:
    return client.post(path, data=body, headers={"X-Key": key} if key else {})


def counted(outcome: str) -> float:
    return metrics.REGISTRY.get_sample_value("annex_deliveries_total", {"connection": "toy/main", "outcome": outcome}) or 0.0


@pytest.mark.row("PL-01", "PL-02")
def test_a_proven_delivery_is_stored_answered_200_and_worked_off_afterwards(both: Small) -> None:
    small, client = both, door_of(both)
    answer = post(client, f"{small.deal} d1 ")
    assert answer.status_code == 200 and answer.json["ok"] and answer.json["trace"]
    assert small.seen == [] and small.states("inbox") == [("new", "")], "nothing is done inside the vendor's request"
    again = post(client, f"{small.deal} d1")
    assert again.status_code == 200 and again.json["trace"] == answer.json["trace"]
    small.run()
    assert len(small.seen) == 1 and small.states("inbox") == [("done", "")]


@pytest.mark.row("PL-01")
@pytest.mark.parametrize(
    ("body", "key", "path", "status", "field"),
    [
        ("501 d1", None, "/hooks/toy/main", 401, None),
        ("501 d1", "wrong", "/hooks/toy/main", 403, None),
        ("", KEY, "/hooks/toy/main", 400, "record"),
        ("x" * (BODY_BYTES_MAX + 1), KEY, "/hooks/toy/main", 413, "body"),
        ("501 d1", KEY, "/hooks/toy/other", 404, None),
        ("501 d1", KEY, "/hooks/none/main", 404, None),
    ],
)
def test_what_fails_gets_a_clear_answer_and_leaves_no_trace(
    small: Small, client: Any, body: str, key: str | None, path: str, status: int, field: str | None
) -> None:
    answer = post(client, body, key, path)
    assert answer.status_code == status and answer.json.get("field") == field and answer.json["error"]
    assert KEY not in answer.text, "no secret in an error's words"
    assert small.states("inbox") == [] and small.queue.waiting == []


def test_a_body_that_hides_its_length_is_measured(client: Any) -> None:
    answer = client.post(
        "/hooks/toy/main", headers={"X-Key": KEY},
        environ_overrides={"wsgi.input": _Endless(BODY_BYTES_MAX * 4), "wsgi.input_terminated": True, "CONTENT_LENGTH": ""},
    )  # fmt: skip
    assert answer.status_code == 413


class _Endless:
    def __init__(self, left: int) -> None:
        self.left = left

    def read(self, size: int = -1) -> bytes:
        size = self.left if size < 0 else min(size, self.left)
        self.left -= size
        return b"x" * size

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


@pytest.mark.row("PL-01")
def test_only_a_counter_remembers_what_was_not_proven(small: Small, client: Any) -> None:
    before = counted("not_proven"), counted("stored")
    post(client, key="wrong")
    assert (counted("not_proven"), counted("stored")) == (before[0] + 1, before[1])


@pytest.mark.row("PL-01", "PL-10")
def test_what_is_kept_of_the_body_holds_no_secret(small: Small, client: Any) -> None:
    post(client, f"{KEY} d1")
    with small.database.read() as tx:
        assert KEY not in tx.value("SELECT body FROM inbox")


@pytest.mark.row("PL-01")
def test_events_that_want_an_answer_get_it_at_once_and_are_not_stored(small: Small, client: Any) -> None:
    answer = post(client, path="/hooks/toy/main/board.link")
    assert answer.json["board_url"] == "x/Ігор" and small.states("inbox") == []


@pytest.mark.row("PL-01")
def test_what_could_not_be_stored_is_not_answered_200(small: Small, client: Any) -> None:
    with small.database.write() as tx:
        tx.run("DROP TABLE inbox")
    assert post(client).status_code == 500


@pytest.mark.row("PL-10")
def test_what_is_kept_of_a_body_holds_no_token_of_anybody() -> None:
    form = "event=ONX&data%5BFIELDS%5D%5BID%5D=5&auth%5Baccess_token%5D=tok1&auth[refresh_token]=tok2&ts=1&AUTH_ID=tok3"
    body = '{"event": "x", "access_token": "tok5", "nested": {"event_token":"tok\\"6"}}'
    for text in (form, body):
        assert "tok" not in _without_proof(text).replace("_token", "") and "event" in _without_proof(text)
    assert "ID%5D=5" in _without_proof(form) and "ts=1" in _without_proof(form)


def test_only_posts_are_deliveries_and_all_else_goes_to_the_application_behind(small: Small, client: Any) -> None:
    refused = client.get("/hooks/toy/main")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "POST") and "error" in refused.json
    for path in ("/hooks/", "/hooks/toy", "/hooks/toy/", "/hooks/toy/main/", "/hooks/toy/main//"):
        assert post(client, path=path).status_code == 404
    assert post(client, path="/hooksome").status_code == 404 and post(client, path="/hooksome").json is None
    assert small.states("inbox") == []


def test_every_answer_of_the_door_may_be_shown_nowhere(client: Any) -> None:
    for answer in (post(client), post(client, key=None), client.get("/hooks/toy/main"), post(client, path="/hooks/x/y")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.row("PL-01", "PL-02")
def test_a_delivery_about_several_records_is_kept_for_each_of_them(small: Small, client: Any) -> None:
    others = [small.crm.staff.new("deal", asked="") for _ in range(2)]
    for _ in range(2):
        assert post(client, f"{small.deal} {' '.join(others)} d1").status_code == 200
    assert small.states("inbox") == [("new", "")] * 3
    small.run()
    assert {seen.record.id for seen in small.seen} == {small.deal, *others}


@pytest.mark.row("PL-01", "PL-07")
def test_a_database_that_has_moved_is_no_place_for_a_delivery(small: Small, client: Any) -> None:
    """Whoever sends has to try again: what is answered 200 is stored."""
    with small.database.write() as tx:
        close(tx, every_table(migration_sets()), "moved")
    assert post(client).status_code == 503 and small.states("inbox") == []
