"""Shell, identity, live updates, health and jobs, without any plugin but a page of the test's own."""

from __future__ import annotations

import html
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask

from kernel.clock import TimeIds
from kernel.errors import BadInput, Unreachable
from kernel.extension import Plugin
from kernel.extension.crm_verbs import CRM_VERBS
from kernel.extension.portal import Portal
from kernel.ledger import Books, Chart, Draft
from kernel.mapping import load_set
from kernel.settings import Settings
from kernel.storage import Database
from kernel.testing import roles, session, until
from kernel.texts import translate
from kernel.values import to_micros
from kernel.web import WEB_SETTINGS, Links, Live, Nav, Pages, Site, create_app, needs, secret_of
from kernel.web.live import TooMany
from kernel.web.words import clean
from tests.harness.databases import migration_sets, sqlite_copy

ROOT = Path(__file__).parents[3]
HOST = "http://127.0.0.1:8080"


@dataclass
class StillClock:
    moment: datetime = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        return self.moment.timestamp()


class Crm:
    name = "stub"
    people = None

    def link(self, entity: str, record_id: str) -> str:
        return f"https://crm.example/{entity}/{record_id}"


class Queue:
    def __init__(self) -> None:
        self.jobs: list[Any] = []

    def enqueue(self, _tx: Any, job: Any) -> None:
        self.jobs.append(job)


def notes(_portal: Portal) -> Pages:
    pages = Pages("notes", __name__, nav=(Nav("show", "web_jobs"), Nav("secret", "web_trace")))

    @pages.get("/show")
    def show() -> str:
        return "shown"

    @pages.get("/secret")
    @needs("notes.secret")
    def secret() -> str:
        return "secret"

    @pages.post("/change")
    def change() -> str:
        return "changed"

    @pages.get("/breaks")
    def breaks() -> str:
        raise RuntimeError("the password is hunter2")

    @pages.get("/refuses")
    def refuses() -> str:
        raise BadInput.of("not_number", text="<b>x</b>")

    @pages.get("/crm")
    def crm() -> str:
        raise Unreachable("no answer")

    return pages


@dataclass
class World:
    app: Flask
    site: Site
    queue: Queue
    clock: StillClock

    def anybody(self) -> Any:
        return self.app.test_client()

    def signed_in(self, role: str = "owner") -> Any:
        client = self.app.test_client()
        client.set_cookie("annex_session", session(self.site, role, "Олена"))
        return client


def make(folder: Path, environment: dict[str, str] | None = None, **more: Any) -> World:
    clock, queue = StillClock(), Queue()
    database = Database(sqlite_copy(folder / "annex.db"))
    ids = TimeIds(clock)
    settings = Settings({"ANNEX_HOME": str(folder), **(environment or {})}, also=WEB_SETTINGS)
    links = Links(database, clock, ids, b"secret", settings["ANNEX_PUBLIC_URL"])
    live = Live(database, poll_seconds=0.02, heartbeat_seconds=0.1, listeners_max=2)
    found = load_set(ROOT / "mappings/exchange-desk-planfix")
    declared = found.portal.model_copy(update={"role": roles(head=("notes",), staff=("notes",))})
    books = Books(clock, [Chart("notes", ())])
    portal = Portal("planfix/main", replace(found, portal=declared), Crm(), database, books, clock, ids, queue, links=links)
    plugin = Plugin("notes", "Notes", pages=notes, rights={"notes.secret": "the secret page"})
    blueprints = more.pop("blueprints", ())
    site = Site(
        portal,
        [plugin],
        settings,
        database,
        clock,
        ids,
        live,
        links,
        migration_sets=migration_sets(),
        framed_by=("https://crm.example",),
        **more,
    )
    return World(create_app(site, blueprints), site, queue, clock)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make(tmp_path)
    yield made
    made.site.live.close()
    made.site.database.close()


def csrf_of(client: Any) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', client.get("/jobs").text)
    assert found
    return found[1]


# --- who is it ------------------------------------------------------------------------------------------------------


@pytest.mark.row("PL-09")
def test_a_link_lets_in_once(world: World) -> None:
    address = world.site.links.for_operator("Олена", "/notes/show")
    path = address.removeprefix(HOST)
    client = world.anybody()
    for _ in range(3):  # a preview that only fetches the address does not use it up
        assert client.get(path).status_code == 200
    assert client.get("/notes/show").status_code == 401
    assert client.post(path).status_code == 303
    assert client.get("/notes/show").text == "shown"
    again = world.anybody()
    assert again.post(path).status_code == 410
    assert "натисніть кнопку в crm ще раз" in again.get(path).text.lower()


@pytest.mark.row("PL-09")
def test_links_and_sessions_expire(world: World) -> None:
    path = world.site.links.for_operator("Олена", "/notes/show", seconds=60).removeprefix(HOST)
    world.clock.sleep(61)
    assert world.anybody().post(path).status_code == 410
    client = world.signed_in()
    for _ in range(12):  # in use all the time
        assert client.get("/notes/show").status_code == 200
        world.clock.sleep(3600 - 0.1)
    assert client.get("/notes/show").status_code == 200
    world.clock.sleep(2)
    assert client.get("/notes/show").status_code == 401


@pytest.mark.parametrize("to", ["https://evil.example", "//evil.example", "/\\evil.example", "board", "", "/a\nb"])
def test_a_link_only_leads_to_us(world: World, to: str) -> None:
    with pytest.raises(BadInput):
        world.site.links.for_person("Олена", to)


def test_only_hashes_are_stored(world: World) -> None:
    token = world.site.links.for_operator("Олена", "/notes/show").rpartition("/")[2]
    client = world.anybody()
    cookie = client.post(f"/enter/{token}").headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie
    with world.site.database.read() as tx:
        stored = repr([dict(row) for table in ("web_link", "web_session") for row in tx.all(f"SELECT * FROM {table}")])
    assert token not in stored
    assert cookie.partition("=")[2].partition(";")[0] not in stored


def test_https_makes_the_cookie_secure(tmp_path: Path) -> None:
    world = make(tmp_path, {"ANNEX_PUBLIC_URL": "https://annex.example/"})
    address = world.site.links.for_operator("Олена", "/notes/show")
    assert address.startswith("https://annex.example/enter/")
    cookie = world.anybody().post(address.removeprefix("https://annex.example")).headers["Set-Cookie"]
    assert "Secure" in cookie


def test_another_sites_form_signs_nobody_in(world: World) -> None:
    path = world.site.links.for_operator("Олена", "/notes/show").removeprefix(HOST)
    assert world.anybody().post(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_without_a_session_every_address_looks_the_same(world: World) -> None:
    client = world.anybody()
    known, unknown = client.get("/notes/secret"), client.get("/notes/nothing")
    assert known.status_code == unknown.status_code == 401
    assert known.data == unknown.data
    assert "notes" not in known.text and "CRM" in known.text
    assert client.get("/live").status_code == client.get("/live/version").status_code == 401


def test_unsafe_requests_need_the_sessions_token(world: World) -> None:
    client, other = world.signed_in(), world.signed_in()
    assert client.post("/notes/change").status_code == 403
    assert client.post("/notes/change", data={"csrf": csrf_of(other)}).status_code == 403
    assert client.post("/notes/change", data={"csrf": csrf_of(client)}).text == "changed"
    assert client.post("/notes/change", headers={"X-CSRF-Token": csrf_of(client)}).text == "changed"


def test_leaving(world: World) -> None:
    client = world.signed_in()
    assert client.post("/leave").status_code == 403
    assert client.post("/leave", data={"csrf": csrf_of(client)}).status_code == 200
    assert client.get("/notes/show").status_code == 401


def test_staff_see_no_owners_pages(world: World) -> None:
    staff = world.signed_in("staff")
    assert staff.get("/notes/show").status_code == 200
    for path in ("/notes/secret", "/jobs", "/trace/x"):
        assert staff.get(path).status_code == 403


def test_open_pages_are_for_this_machine_only(tmp_path: Path) -> None:
    client = make(tmp_path, {"ANNEX_OPEN_PAGES": "yes"}).anybody()
    assert client.get("/notes/show").status_code == 200
    assert "ANNEX_OPEN_PAGES" in client.get("/jobs").text
    assert client.get("/notes/show", environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 401
    assert client.get("/notes/show", headers={"Host": "evil.example"}).status_code == 401
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
        assert client.get("/notes/show", headers={header: "127.0.0.1"}).status_code == 401
    assert client.post("/notes/change").status_code == 403


def test_pages_are_closed_by_default(world: World) -> None:
    assert world.anybody().get("/notes/show").status_code == 401


def test_the_secret_is_made_once(tmp_path: Path) -> None:
    settings = Settings({"ANNEX_HOME": str(tmp_path)})
    first = secret_of(settings)
    assert secret_of(settings) == first and len(first) == 64
    assert (tmp_path / "secret.key").stat().st_mode & 0o077 == 0
    assert secret_of(Settings({"ANNEX_HOME": str(tmp_path), "ANNEX_SECRET": "given secret"})) == b"given secret"


# --- answers --------------------------------------------------------------------------------------------------------


def test_headers(world: World) -> None:
    response = world.signed_in().get("/jobs")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'self' https://crm.example" in policy
    assert "unsafe" not in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=", response.text)


def test_assets_carry_their_content_in_the_address(world: World) -> None:
    client = world.signed_in()
    address = re.search(r'href="(/assets/web/[0-9a-f]{12}/shell\.css)"', client.get("/jobs").text)
    assert address
    response = world.anybody().get(address[1])
    assert "immutable" in response.headers["Cache-Control"]
    stale = client.get("/assets/web/000000000000/shell.css")
    assert stale.status_code == 200 and stale.headers["Cache-Control"] == "no-cache"
    assert client.get("/assets/web/0/..%2Fapp.py").status_code == 404
    assert client.get("/assets/nobody/0/x.css").status_code == 404


def test_errors_as_pages_and_as_json(world: World) -> None:
    client = world.signed_in()
    page = client.get("/notes/breaks")
    assert page.status_code == 500 and "hunter2" not in page.text and re.search(r"<code>[0-9a-f]{32}</code>", page.text)
    reported = client.get("/notes/breaks", headers={"Accept": "application/json"})
    assert set(reported.json) == {"error", "text", "trace"} and "hunter2" not in reported.text
    wrong = client.get("/notes/refuses")
    assert wrong.status_code == 400 and "&lt;b&gt;x&lt;/b&gt;" in wrong.text
    assert client.get("/notes/refuses", headers={"Accept": "application/json"}).json["error"] == "not_number"
    assert client.get("/notes/crm").status_code == 502
    assert client.get("/nothing.json").json == {"error": "404", "text": "Такої сторінки немає"}
    assert client.get("/nothing").status_code == 404
    assert client.get("/leave").headers["Allow"]
    big = client.post("/notes/change", data={"csrf": "x" * 3_000_000})
    assert big.status_code == 413


def test_language(world: World) -> None:
    client = world.signed_in()
    assert '<html lang="uk">' in client.get("/jobs").text
    assert '<html lang="en">' in client.get("/jobs?language=en").text
    assert '<html lang="en">' in client.get("/jobs").text  # the choice is remembered
    assert '<html lang="en">' in client.get("/jobs?language=xx").text


def test_both_catalogs_are_complete() -> None:
    import tomllib

    catalogs = [
        tomllib.loads((ROOT / f"kernel/web/locale/{name}.toml").read_text(encoding="utf-8")) for name in ("uk", "en")
    ]
    assert catalogs[0].keys() == catalogs[1].keys()
    for code in catalogs[0]:
        holes = [set(re.findall(r"\{(\w+)\}", catalog[code])) for catalog in catalogs]
        assert holes[0] == holes[1], code


def test_free_text_cannot_deceive_the_eye() -> None:
    assert clean("abc\u202egpj\x00\x1b\u2066") == "abc\ufffdgpj\ufffd\ufffd\ufffd"
    assert clean("line\nnext\ttab") == "line\nnext\ttab"


def test_navigation_shows_what_the_role_may_see(world: World) -> None:
    assert "/notes/secret" in world.signed_in().get("/jobs").text
    assert world.signed_in("staff").get("/").headers["Location"] == "/notes/show"


# --- live -----------------------------------------------------------------------------------------------------------


def book(site: Site, key: str) -> None:
    portal = site.portal
    with portal.unit() as unit:
        portal.books.book("notes").record(unit.tx, [Draft("note", "s", key, to_micros(unit.now), {})])


@pytest.mark.row("PL-11", "EX-10")
def test_a_listener_hears_of_a_posting(world: World) -> None:
    listener = world.site.live.listen()
    first = next(listener)
    assert first.startswith(b"retry:") and b"event: changed" in first
    threading.Timer(0.05, book, (world.site, "k1")).start()
    while (line := next(listener)) == b": still here\n\n":
        pass
    assert b"data: 1-0-0" in line
    listener.close()


def test_heartbeat_when_nothing_happens(world: World) -> None:
    listener = world.site.live.listen()
    next(listener)
    assert next(listener) == b": still here\n\n"
    listener.close()


def test_listeners_are_limited_and_counted(world: World) -> None:
    live = world.site.live
    one, _two = live.listen(), live.listen()
    with pytest.raises(TooMany):
        live.listen()
    response = world.signed_in().get("/live")
    assert response.status_code == 503 and response.headers["Retry-After"]
    one.close()
    assert live.listeners == 1
    live.listen()


def test_a_page_takes_the_place_of_the_one_it_was_reached_from(world: World) -> None:
    live = world.site.live
    first = live.listen("u:a")
    next(first)
    second = live.listen("u:b", instead="u:a")
    assert list(first) == [] and live.listeners == 1
    live.listen("u:b")  # the same page, after its connection broke
    assert live.listeners == 1 and list(second) == []
    live.listen()
    with pytest.raises(TooMany):
        live.listen("", "")


def test_closing_ends_every_stream(world: World) -> None:
    live = world.site.live
    listener = live.listen()
    ended = threading.Thread(target=lambda: list(listener))
    ended.start()
    live.close()
    ended.join(timeout=120)
    assert not ended.is_alive()
    with pytest.raises(TooMany):
        live.listen()


def test_a_stop_signal_ends_streams_and_goes_on(world: World) -> None:
    heard: list[int] = []
    ended = threading.Event()
    listener = world.site.live.listen()
    next(listener)
    world.site.live._closing_first(lambda number, _frame: heard.append(number), ended.set)(15, None)
    assert heard == [15] and list(listener) == []
    until(ended.is_set, "what else is to be stopped has been told")


def test_the_watcher_rests_when_nobody_listens(world: World) -> None:
    listener = world.site.live.listen()
    listener.close()
    until(lambda: not any(thread.name == "annex-live" for thread in threading.enumerate()), "the watcher ends")


def test_the_stream_over_http(world: World) -> None:
    response = world.signed_in().get("/live", buffered=False)
    assert response.mimetype == "text/event-stream" and response.headers["Cache-Control"] == "no-store"
    assert b"event: changed" in next(response.response)
    response.close()
    assert world.site.live.listeners == 0
    assert world.signed_in().get("/live/version").json == {"version": "0-0-0-0"}


# --- health ---------------------------------------------------------------------------------------------------------


@pytest.mark.row("PL-12")
def test_health(tmp_path: Path) -> None:
    faults: list[str | None] = [None]
    world = make(tmp_path, ready=[lambda: faults[0]])
    client = world.anybody()
    assert client.get("/healthz").text == "ok\n"
    connections = {"planfix/main": {"up": True, "uncertain": 0}}
    assert client.get("/readyz").json == {"ready": True, "wrong": [], "connections": connections}
    faults[0] = "no worker was seen for 5 minutes"
    assert client.get("/readyz").status_code == 503
    assert client.get("/readyz").json["wrong"] == ["no worker was seen for 5 minutes"]
    with world.site.database.write() as tx:
        tx.run("DELETE FROM annex_migration WHERE room = 'kernel.web'")
    assert "migration kernel.web/0001_web is not applied" in client.get("/readyz").json["wrong"]
    with world.site.database.write() as tx:
        tx.run("DROP TABLE web_probe")
    assert client.get("/readyz").json["wrong"][0] == "the database cannot be written"


def waiting(world: World) -> None:
    with world.site.database.write() as tx:
        tx.run(
            "INSERT INTO inbox VALUES ('t1', 'planfix/main', 'deal.changed', 'deal', '15', 'Ігор', 'd1', :b, 1, 'failed', "
            "'<i>why</i>', NULL)",
            b=json.dumps({"x": "<script>"}),
        )
        tx.run(
            "INSERT INTO outgoing VALUES ('o1', 'planfix/main', 'out:planfix/main:deal:15', 1, 'update', '', '', "
            "'{\"values\": {}}', 'failed', 3, 'no right', '', 't1', 2, NULL)"
        )


@pytest.mark.row("PL-12")
def test_metrics_count_what_waits(world: World) -> None:
    waiting(world)
    text = world.anybody().get("/metrics").text
    assert 'annex_waiting{kind="inbox_failed"} 1.0' in text and 'annex_waiting{kind="outgoing_waiting"} 0.0' in text


# --- jobs -----------------------------------------------------------------------------------------------------------


def state(world: World, table: str) -> str:
    with world.site.database.read() as tx:
        return str(tx.value(f"SELECT state FROM {table}"))


@pytest.mark.row("PL-03")
def test_failed_work_is_retried_by_a_person(world: World) -> None:
    waiting(world)
    client = world.signed_in()
    page = client.get("/jobs").text
    assert "&lt;i&gt;why&lt;/i&gt;" in page and "no right" in page and "https://crm.example/deal/15" in page
    csrf = csrf_of(client)
    for kind in ("inbox", "outgoing"):
        one = "t1" if kind == "inbox" else "o1"
        assert client.post(f"/jobs/{kind}/{one}/retry").status_code == 403
        for _ in range(2):  # pressed twice, done once
            assert client.post(f"/jobs/{kind}/{one}/retry", data={"csrf": csrf}).status_code == 303
    assert (state(world, "inbox"), state(world, "outgoing")) == ("new", "waiting")
    assert [job.name for job in world.queue.jobs] == ["look", "call"]
    assert client.post("/jobs/inbox/none/retry", data={"csrf": csrf}).status_code == 404
    assert client.post("/jobs/web_link/t1/drop", data={"csrf": csrf}).status_code == 404


def test_failed_work_is_dropped_by_a_person(world: World) -> None:
    waiting(world)
    client = world.signed_in()
    for kind, one in (("inbox", "t1"), ("outgoing", "o1")):
        client.post(f"/jobs/{kind}/{one}/drop", data={"csrf": csrf_of(client)})
        assert state(world, kind) == "dropped"
    assert not world.queue.jobs


@pytest.mark.row("PL-12")
def test_one_id_is_followed_all_the_way(world: World) -> None:
    waiting(world)
    portal = world.site.portal
    with portal.unit(trace="t1", author="Ігор") as unit:
        portal.books.book("notes").record(unit.tx, [Draft("deal", "planfix/main/15", "k", 1, {}, trace="t1", author="Ігор")])
    page = world.signed_in().get("/trace/t1").text
    assert page.index("deal.changed") < page.index("out:planfix/main:deal:15") < page.index("planfix/main/15</bdi>", 1000)
    assert "&lt;script&gt;" in page
    assert world.signed_in().get("/trace/none").status_code == 404


STATES = ("new", "waiting", "sending", "done", "failed", "dropped", "uncertain", "superseded")


@pytest.mark.parametrize("chosen", ["uk", "ru", "en"])
def test_verbs_states_and_decisions_are_words_of_the_reader(world: World, chosen: str) -> None:
    waiting(world)
    client = world.signed_in()
    trace, queues = (client.get(f"{page}?language={chosen}").text for page in ("/trace/t1", "/jobs"))
    verb, failed = (translate(chosen, code) for code in ("web_verb_update", "web_state_failed"))
    assert html.escape(verb) in trace and trace.count(html.escape(failed)) == 2 and html.escape(verb) in queues
    if chosen != "en":
        assert not re.search(r"\b(update|failed|waiting)\b", re.sub(r"<[^>]*>", " ", trace + queues))
    for code in (*(f"verb_{one}" for one in CRM_VERBS), *(f"state_{one}" for one in STATES)):
        assert translate(chosen, f"web_{code}")


def test_a_word_that_no_catalog_has_stands_as_it_is(world: World) -> None:
    waiting(world)
    with world.site.database.write() as tx:
        tx.run("UPDATE outgoing SET verb = 'ring_up'")
    assert all("ring_up" in world.signed_in().get(page).text for page in ("/trace/t1", "/jobs"))


def test_further_blueprints_bring_their_own_proof(tmp_path: Path) -> None:
    hooks = Blueprint("hooks", __name__)

    @hooks.post("/hooks/x")
    def hook() -> str:
        return "taken"

    assert make(tmp_path, blueprints=[hooks]).anybody().post("/hooks/x").text == "taken"


def test_who_listens_to_a_topic_hears_of_it_alone(world: World) -> None:
    live, moved = world.site.live, {"toy": 1}
    live.add(lambda tx: str(moved["toy"]), "toy")
    everything, mine = live.listen(), live.listen(topic="toy")
    assert b"data: 1\n" in next(mine) and b"changed" in next(everything)
    moved["toy"] = 2
    assert b"data: 2\n" in until(lambda: (found := next(mine)).startswith(b"retry") and found, "it hears of its topic")
    assert next(everything) == b": still here\n\n"
    assert world.signed_in().get("/live/version?topic=toy").json == {"version": "2"}
