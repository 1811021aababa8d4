"""What a consumer gets: everything, then changes, each record once with its newest state."""

from __future__ import annotations

import gzip
import importlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from lxml import etree

from kernel.crm import Ref
from plugins.feeds import store
from plugins.feeds.rules import moment
from plugins.feeds.tests.feeds import NS, Consumer, Feeds, a_set, schema_of

pytestmark = pytest.mark.row("BR-12")


def test_everything_then_changes_then_deletions(both: Feeds) -> None:
    anna, boris = both.person(client_id="0017", name="Анна"), both.person(client_id="18", name="Борис")
    firm = both.person(entity="company", client_id="19", name="ООО «Ромашка»")
    consumer = Consumer(both, both.key())
    root = consumer.read()
    assert root.get("name") == "clients" and root.get("at").endswith("+03:00")
    assert consumer.state == {
        anna: {"clientId": "0017", "kind": "person", "status": "active", "statusName": "Действующий", "name": "Анна"},
        boris: {"clientId": "18", "kind": "person", "status": "active", "statusName": "Действующий", "name": "Борис"},
        f"company:{firm}": {
            "clientId": "19", "kind": "company", "status": "active", "statusName": "Действующий", "name": "ООО «Ромашка»",
        },
    }  # fmt: skip
    assert [etree.QName(one).localname for one in consumer.read()] == ["next"], "nothing new"
    both.change("contact", boris, name="Борис Б.")
    both.change("contact", boris, name="Борис Борисов")
    both.sync(anna, entity="contact")  # nothing in it changed
    [row, following] = consumer.read()
    assert (row.get("id"), row.get("seq")) == (boris, "4"), "once, with its newest state, higher than all before"
    assert following.get("more") == "false" and consumer.state[boris]["name"] == "Борис Борисов"
    both.crm.staff.delete("contact", anna)
    both.sync(anna, entity="contact")
    [gone, _] = consumer.read()
    assert gone.tag == f"{NS}deleted" and gone.get("id") == anna and len(gone) == 0
    assert set(consumer.state) == {boris, f"company:{firm}"}
    newcomer = Consumer(both, both.key("other"))
    newcomer.read()
    assert newcomer.state == consumer.state, "who begins now sees no deletions of before"


def test_pages_of_changes(world: Feeds) -> None:
    consumer = Consumer(world, world.key())
    consumer.read()
    people = [world.person(client_id=str(n)) for n in range(7)]
    first = consumer.read(limit=3)
    assert len(first) == 4 and first[-1].get("more") == "true"
    world.change("contact", people[0], name="А")  # comes once more, at the end
    world.change("contact", people[5], name="Б")  # not read yet: comes once
    consumer.catch_up(limit=3)
    assert len(consumer.seen) == 8 and consumer.seen == sorted(consumer.seen) and set(consumer.state) == set(people)


def test_a_key_without_personal_reads_nothing_personal(world: Feeds) -> None:
    one = world.person(client_id="1", name="Анна Тайная", born="07.03.1985")
    plain, full = Consumer(world, world.key(personal=False)), Consumer(world, world.key("full"))
    plain.read()
    full.read()
    assert full.state[one]["name"] == "Анна Тайная" and full.state[one]["born"] == "1985-03-07"
    assert plain.state == {one: {"clientId": "1", "kind": "person", "status": "active", "statusName": "Действующий"}}
    world.change("contact", one, client_id="2")
    assert "Тайная" not in etree.tostring(plain.read(), encoding="unicode")
    for key, cursor in ((plain.key, full.cursor), (full.key, plain.cursor)):
        answer = world.get(f"clients.xml?since={cursor}", key)
        assert answer.status_code == 400 and 'code="CURSOR_FOREIGN"' in answer.text


def test_who_no_longer_belongs_is_deleted_for_the_consumer(world: Feeds) -> None:
    consumer = Consumer(world, world.key())
    one = world.person("candidate", client_id="1", name="Анна")
    consumer.read()
    assert consumer.state == {}
    world.change("contact", one, status="active")
    consumer.read()
    assert list(consumer.state) == [one]
    world.change("contact", one, status="candidate")
    consumer.read()
    assert consumer.state == {}


def test_what_is_removed_or_merged_leaves_nothing_of_the_person(world: Feeds) -> None:
    one, other = world.person(name="Анна Тайная"), world.person(name="Анна Явная")
    world.change("contact", one, status="closed")
    world.crm.staff.merge(other, one)
    world.sync(one, entity="contact")
    held = [row["body"] for row in world.rows("SELECT body FROM feeds_entry WHERE record_id = :r", r=one)]
    assert held and set(held) == {""}, "neither the card nor the changes of its status"
    consumer = Consumer(world, world.key())
    consumer.read()
    assert list(consumer.state) == [other]


def test_a_deletion_that_nobody_reported_is_found_by_the_sweep(world: Feeds) -> None:
    [keeps] = [one for one in world.plugins[0].keeps if one.entity == "contact"]
    people = [world.person() for _ in range(3)]
    with world.tx() as tx:
        assert keeps.ids(tx, world.portal.name, "", 2) == people[:2] and keeps.ids(tx, "", people[1], 2) == people[2:]


def test_a_deal_with_typed_values(world: Feeds) -> None:
    who = world.person(name="Анна")
    deal = world.crm.staff.new("deal", name="Счёт", client=Ref(who, "Анна"), sum=Decimal("1234.50"), margin="yes")
    world.sync(deal)
    deals, terms = Consumer(world, world.key(), "deals"), Consumer(world, world.key("t"), "terms")
    deals.read()
    terms.read()
    assert deals.state[deal] == {
        "title": "Счёт", "client": who, "stage": "new", "sum": "1234.50", "made": "2026-11-23T13:00:00+03:00",
    }  # fmt: skip
    assert terms.state == {deal: {"margin": "true"}}
    world.change("deal", deal, sum="сто", margin=None)
    deals.read()
    terms.read()
    assert deals.state[deal]["sum"] is None, "it stands there and cannot be read: neither absent nor guessed"
    assert terms.state == {}, "not answered"
    world.crm.staff.move(deal, "HR: Успех")
    world.sync(deal)
    deals.read()
    assert deals.state == {}, "it left the pipelines of the set"


HOSTILE = [
    "<script>alert(1)</script>", "]]>&lt;!ENTITY x>", "&amp;&#0;", "a\x0b\x1b[2J\ufffe\x7f", "\u202eсправа",
    "строка\r\nдругая\t", "'\" onload=", "😀 " * 2000, "<!--", "</feed>", "  ",
]  # fmt: skip


def test_hostile_values_stay_text(world: Feeds) -> None:
    people = {world.person(client_id="1", name=text): text for text in HOSTILE}
    consumer = Consumer(world, world.key())
    consumer.read()
    for number, text in people.items():
        found = consumer.state[number].get("name", "")
        wanted = text.strip().replace("\r\n", "\n")
        assert found == "".join("\ufffd" if one in "\x0b\x1b\ufffe" else one for one in wanted)
    world.change("contact", next(iter(people)), born="01.02.0001")
    consumer.read()


def test_a_day_long_ago_is_a_valid_moment(world: Feeds) -> None:
    assert moment(datetime(1850, 1, 1, tzinfo=UTC), world.portal.zone) == "1850-01-01T00:00:00+00:00"


def test_nothing_new_is_said_without_reading_rows(world: Feeds, monkeypatch: pytest.MonkeyPatch) -> None:
    one, key = world.person(name="Анна"), world.key()
    answer = world.get("clients.xml", key)
    etag = answer.headers["ETag"]
    assert etag.startswith('W/"') and answer.headers["Vary"] == "Accept-Encoding, Authorization"
    assert answer.headers["Cache-Control"] == "private, no-cache" and answer.headers["Content-Type"].startswith(
        "application/xml"
    )
    with monkeypatch.context() as patch:
        patch.setattr("plugins.feeds.store.entries", None)
        again = world.get("clients.xml", key, headers={"If-None-Match": etag})
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", etag)
        assert again.headers["Vary"] and again.headers["Cache-Control"]
    others = world.get("clients.xml", world.key("plain", personal=False))
    assert others.headers["ETag"] != etag, "another scope"
    world.change("contact", one, name="Анна А.")
    fresh = world.get("clients.xml", key, headers={"If-None-Match": etag})
    assert fresh.status_code == 200 and fresh.headers["ETag"] != etag
    empty = world.app.test_client().head("/feeds/clients.xml", headers={"Authorization": f"Bearer {key}"})
    assert empty.status_code == 200 and empty.data == b"" and empty.headers["ETag"] == fresh.headers["ETag"]


def test_packed_it_is_the_same(world: Feeds) -> None:
    for n in range(30):
        world.person(client_id=str(n), name="Анна")
    consumer, packed = Consumer(world, world.key()), Consumer(world, world.key("packed"))
    consumer.read()
    packed.read(zipped=True)
    assert packed.state == consumer.state and len(packed.state) == 30
    answer = world.get("clients.xml", packed.key, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip" and "Content-Length" not in answer.headers
    assert "Content-Encoding" not in world.get("clients.xml", packed.key, headers={"Accept-Encoding": "gzip;q=0"}).headers


@pytest.mark.parametrize("packed", [False, True])
def test_what_breaks_half_way_never_looks_whole(world: Feeds, monkeypatch: pytest.MonkeyPatch, packed: bool) -> None:
    monkeypatch.setattr("plugins.feeds.reading.AT_ONCE", 5)
    for n in range(12):
        world.person(client_id=str(n), name=f"Анна {n}" * 50)
    key, entries, left = world.key(), store.entries, [2]

    def breaking(*args: object, **more: bool) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise OSError("the disk is gone")
        return entries(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "entries", breaking)
    headers = {"Accept-Encoding": "gzip"} if packed else {}
    answer = world.get("clients.xml", key, headers=headers, buffered=False)
    pieces: list[bytes] = []
    with pytest.raises(OSError, match="disk"):
        pieces.extend(answer.response)  # what came before the end of it stays in the list
    got = b"".join(pieces)
    if packed:
        with pytest.raises(EOFError):
            gzip.decompress(got)
    else:
        assert b"<client " in got and b"</feed>" not in got
        with pytest.raises(etree.XMLSyntaxError):
            etree.fromstring(got)
    left[0] = 0
    assert world.get("clients.xml", key).status_code == 500, "what breaks before the first row is said in words"


def test_each_read_is_logged(world: Feeds, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[dict[str, Any]] = []
    told = SimpleNamespace(info=lambda event, **values: lines.append({"event": event, **values}))
    monkeypatch.setattr(importlib.import_module("plugins.feeds.pages"), "log", told)
    world.person(name="Анна")
    consumer = Consumer(world, world.key())
    consumer.read()
    used = consumer.cursor
    consumer.read()
    first, second = lines
    assert {**first, "bytes": 0} == {
        "event": "feeds.read", "consumer": "bo", "feed": "clients", "cursor": "", "status": 200, "rows": 1, "bytes": 0,
        "whole": True,
    }  # fmt: skip
    assert second["cursor"] == used and second["rows"] == 0 and first["bytes"] > 200
    assert consumer.key not in str(lines)


def test_the_schema_is_published_and_refuses_what_it_should(world: Feeds) -> None:
    key = world.key()
    for name, feed in world.mapping.feeds.items():
        answer = world.get(f"{name}.xsd", key)
        etree.XMLSchema(etree.fromstring(answer.data))
        assert schema_of(feed).validate(etree.fromstring(world.get(f"{name}.xml", key).data))
    assert (
        world.get("clients.xsd", key, headers={"If-None-Match": world.get("clients.xsd", key).headers["ETag"]}).status_code
        == 304
    )
    wrong = b'<feed xmlns="urn:annex:feeds:v1" name="clients" at="now"><next cursor="" more="false"/></feed>'
    assert not schema_of(world.mapping.feeds["clients"]).validate(etree.fromstring(wrong))


def test_a_set_without_feeds_notices_nothing(world_of: Callable[..., Feeds]) -> None:
    world = world_of(replace(a_set(), feeds={}))
    world.person(name="Анна")
    world.work()
    assert world.rows("SELECT * FROM feeds_entry") == [] == world.rows("SELECT * FROM feeds_head")
    assert world.get("clients.xml", world.key()).status_code == 404
