"""Keys: shown once, kept as a hash, bound to feeds, place and time; and every refusal in words."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from lxml import etree

from kernel.errors import BadInput, Closed
from kernel.storage import Tx
from kernel.values import to_micros
from plugins.feeds import commands, keys
from plugins.feeds.settings import FeedsSettings
from plugins.feeds.tests.feeds import Consumer, Feeds, schema_of

pytestmark = pytest.mark.row("BR-12")


def annex(world: Feeds, *arguments: str) -> int:
    parser = argparse.ArgumentParser()
    commands.arguments(parser)
    return commands.run(world.portal, parser.parse_args(arguments))


def shown(capsys: pytest.CaptureFixture[str]) -> str:
    """The key: the last line on standard output, after what the log says there in a test."""
    return capsys.readouterr().out.split()[-1]


def refused(world: Feeds, answer: object, status: int, code: str) -> None:
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/xml; charset=utf-8")  # type: ignore[attr-defined]
    root = etree.fromstring(answer.data)  # type: ignore[attr-defined]
    schema_of(world.mapping.feeds["clients"]).assertValid(root)
    assert root.get("code") == code and root.text


def test_a_key_is_shown_once_and_kept_as_a_hash(world: Feeds, capsys: pytest.CaptureFixture[str]) -> None:
    annex(world, "key", "add", "bo", "--feeds", "clients,deals", "--from", "192.0.2.0/24", "--days", "30")
    out, err = capsys.readouterr()
    key = out.split()[-1]
    [row] = world.rows("SELECT * FROM feeds_key")
    secret = key.split("-", 3)[3]
    assert row["digest"] == hashlib.sha256(secret.encode()).hexdigest() and "один раз" in err
    assert secret not in str(dict(row))
    found = Consumer(world, key, "clients")
    assert world.get("clients.xml", key).status_code == 401, "not from here"
    here = {"environ_base": {"REMOTE_ADDR": "192.0.2.9"}}
    assert world.get("clients.xml", found.key, **here).status_code == 200
    assert world.get("terms.xml", key, **here).status_code == 403
    annex(world, "key", "list")
    line = capsys.readouterr().out
    assert "bo" in line and "clients,deals" in line and "без личных" in line and "2026-11-23T13:00:00+03:00" in line
    assert secret not in line
    world.advance(days=31)
    assert world.get("clients.xml", key, **here).status_code == 401
    annex(world, "key", "list")
    assert "не действует" in capsys.readouterr().out


def test_a_key_is_rotated_while_somebody_reads(world: Feeds, capsys: pytest.CaptureFixture[str]) -> None:
    people = [world.person(client_id=str(n)) for n in range(4)]
    annex(world, "key", "add", "bo", "--feeds", "clients", "--personal")
    old = shown(capsys)
    consumer = Consumer(world, old)
    consumer.read()
    world.advance(minutes=1)
    until = world.clock.now() + timedelta(days=7)
    annex(world, "key", "rotate", "bo", "--overlap", "7")
    fresh = shown(capsys)
    world.change("contact", people[0], name="А")
    consumer.read()
    world.advance(days=6)
    consumer.key = fresh  # its cursor goes on: the scope is the same
    world.change("contact", people[1], name="Б")
    consumer.read()
    assert len(consumer.seen) == 6 and consumer.state[people[1]]["name"] == "Б"
    with world.tx() as tx:
        first, second = keys.all_keys(tx)
    assert first.ends_at == until and second.ends_at > until
    world.advance(days=2)
    assert world.get("clients.xml", old).status_code == 401
    consumer.read()
    annex(world, "key", "revoke", "bo")
    refused(world, world.get("clients.xml", fresh), 401, "KEY")


def test_what_cannot_be_a_key_is_refused(world: Feeds) -> None:
    add = ("key", "add")
    for arguments, words in (
        ((*add, "b o", "--feeds", "clients"), "name"), ((*add, "bo", "--feeds", "klients"), "klients"),
        ((*add, "bo", "--feeds", "clients", "--from", "300.1.1.1/8"), "300"),
        ((*add, "bo", "--feeds", "deals", "--days", "0"), "days"),
        (("key", "rotate", "nobody"), "nobody"), (("key", "revoke", "nobody"), "nobody"), (("schema", "x"), "x"),
    ):  # fmt: skip
        with pytest.raises(BadInput, match=words):
            annex(world, *arguments)
    annex(world, "key", "add", "bo", "--feeds", "clients")
    with pytest.raises(BadInput, match="already"):
        annex(world, "key", "add", "bo", "--feeds", "clients")


def test_without_a_good_key_nothing_is_told(world: Feeds) -> None:
    world.person(name="Анна")
    key = world.key()
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    answers = [
        world.get("clients.xml"), world.get("nothing.xml"), world.get("clients.xml", wrong), world.get("clients.xsd", wrong),
        world.get("clients.xml", "annex-feed-000000000000-" + "A" * 43), world.get(f"clients.xml?key={key}"),
        world.get("clients.xml", headers={"Authorization": f"Basic {key}"}),
        world.get("clients.xml", "ключ".encode().decode("latin-1")),
        world.client().get("/feeds/clients.xml"),  # a session of the owner opens nothing here
    ]  # fmt: skip
    for answer in answers:
        refused(world, answer, 401, "KEY")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert len({answer.data for answer in answers}) == 1
    assert world.get("clients.xml", key).status_code == 200


def test_a_key_is_compared_in_constant_time(world: Feeds, monkeypatch: pytest.MonkeyPatch) -> None:
    """With something, whatever came: a hash against a hash."""
    compared: list[tuple[str, str]] = []

    def compare(one: str, other: str) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr("plugins.feeds.keys.hmac.compare_digest", compare)
    key = world.key()
    for one in (key, "", "annex-feed-000000000000-" + "A" * 43, "x" * 5000):
        with world.tx() as tx:
            assert (keys.find(tx, one, world.clock.now()) is not None) == (one == key)
    assert [(len(one), len(other)) for one, other in compared] == [(64, 64)] * 4


def test_every_refusal_is_xml_with_a_code(world: Feeds) -> None:
    key = world.key()
    cursor = Consumer(world, key, "deals")
    cursor.read()
    for path, status, code in (
        ("nothing.xml", 404, "NOT_FOUND"), ("clients.json", 404, "NOT_FOUND"), ("clients", 404, "NOT_FOUND"),
        ("a/b.xml", 404, "NOT_FOUND"),
        ("clients.xml?since=%D0%B6", 400, "CURSOR_BAD"), ("clients.xml?since=djE6MTIwMg", 400, "CURSOR_BAD"),
        ("clients.xml?since=" + "A" * 4000, 400, "CURSOR_BAD"),
        (f"clients.xml?since={cursor.cursor}", 400, "CURSOR_FOREIGN"),
        ("clients.xml?limit=0", 400, "LIMIT_BAD"), ("clients.xml?limit=10001", 400, "LIMIT_BAD"),
        ("clients.xml?limit=-1", 400, "LIMIT_BAD"),
        ("clients.xml?limit=%D9%A3", 400, "LIMIT_BAD"), ("clients.xml?limit=1e3", 400, "LIMIT_BAD"),
    ):  # fmt: skip
        refused(world, world.get(path, key), status, code)
    refused(world, world.get("terms.xml", world.key("few", ["clients"])), 403, "SCOPE")
    refused(world, world.get("clients.xml", key, headers={"Accept": "application/json"}), 406, "NOT_ACCEPTABLE")
    for good in ("*/*", "text/xml", "application/json, application/xml;q=0.2", "text/*"):
        assert world.get("clients.xml?limit=10000", key, headers={"Accept": good}).status_code == 200
    assert world.app.test_client().post("/feeds/clients.xml", headers={"Authorization": f"Bearer {key}"}).status_code in (
        401,
        405,
    )


def test_too_many_reads_wait_for_the_next_minute(both: Feeds) -> None:
    world = both
    world.configure("feeds", {"per_minute": 3})
    key, other = world.key(), world.key("other")
    world.clock.advance(seconds=15)
    for _ in range(3):
        assert world.get("clients.xml", key).status_code == 200
    answer = world.get("clients.xml", key)
    refused(world, answer, 429, "TOO_OFTEN")
    assert answer.headers["Retry-After"] == "45" and world.get("clients.xml", other).status_code == 200
    world.clock.advance(seconds=45)
    assert world.get("clients.xml", key).status_code == 200


def test_a_database_that_is_away_is_said(world: Feeds, monkeypatch: pytest.MonkeyPatch) -> None:
    key = world.key()

    @contextmanager
    def closed() -> Iterator[Tx]:
        raise Closed("it has moved")
        yield

    monkeypatch.setattr(world.database, "write", closed)
    answer = world.get("clients.xml", key)
    refused(world, answer, 503, "UNAVAILABLE")
    assert answer.headers["Retry-After"] == "30"


def test_a_proxy_of_ours_is_believed_and_nobody_else(world: Feeds) -> None:
    key = world.key(networks=["192.0.2.0/24", "2001:db8::/32"])

    def status(remote: str, forwarded: str) -> int:
        return int(
            world.get(
                "clients.xml", key, environ_base={"REMOTE_ADDR": remote}, headers={"X-Forwarded-For": forwarded}
            ).status_code
        )

    assert status("127.0.0.1", "192.0.2.5") == 401, "no proxy is declared"
    world.configure("feeds", FeedsSettings(proxies=["127.0.0.1/32", "10.0.0.0/8"]))
    assert status("127.0.0.1", "192.0.2.5") == 200 and status("127.0.0.1", "192.0.2.5, 10.1.1.1") == 200
    assert status("127.0.0.1", "192.0.2.5, 198.51.100.7") == 401, "what the caller wrote before our proxy counts for nothing"
    assert status("198.51.100.7", "192.0.2.5") == 401 and status("127.0.0.1", "") == 401 and status("127.0.0.1", "x") == 401
    assert status("192.0.2.7", "") == 200 and status("::ffff:192.0.2.7", "") == 200 and status("2001:db8::1", "") == 200
    with pytest.raises(ValueError, match="network"):
        FeedsSettings(proxies=["127.0.0.1/8x"])


def test_old_deletions_go_and_cursors_from_before_them_begin_anew(both: Feeds) -> None:
    world = both
    people = [world.person(client_id=str(n)) for n in range(3)]
    early, late = Consumer(world, world.key()), Consumer(world, world.key("late"))
    early.read()
    world.crm.staff.delete("contact", people[0])
    world.sync(people[0], entity="contact")
    late.read()
    world.advance(days=89)
    world.work("feeds.tidy")
    assert len(world.rows("SELECT * FROM feeds_entry WHERE feed = 'clients' AND body = ''")) == 1
    world.advance(days=2)
    world.work("feeds.tidy")
    assert world.rows("SELECT * FROM feeds_entry WHERE body = ''") == []
    refused(world, world.get(f"clients.xml?since={early.cursor}", early.key), 410, "CURSOR_GONE")
    late.read()  # it has read the deletion
    early.cursor = ""
    early.read()
    assert early.state == late.state == {one: early.state[one] for one in people[1:]}
    with world.database.write() as tx:  # restored from a copy that knows less
        tx.run("UPDATE feeds_head SET head = 1 WHERE feed = 'clients'")
    refused(world, world.get(f"clients.xml?since={late.cursor}", late.key), 410, "CURSOR_GONE")
    annex(world, "restart")
    refused(world, world.get(f"clients.xml?since={late.cursor}", late.key), 410, "CURSOR_GONE")


def test_the_last_use_is_kept_and_feeds_are_counted(world: Feeds, capsys: pytest.CaptureFixture[str]) -> None:
    world.person()
    world.get("clients.xml", world.key())
    [row] = world.rows("SELECT * FROM feeds_key")
    assert row["used_at"] == to_micros(world.clock.now())
    annex(world, "show")
    assert "clients: записей 1" in capsys.readouterr().out
    annex(world, "schema", "clients")
    assert "urn:annex:feeds:v1" in capsys.readouterr().out
