"""Feeds: each mistake of a declaration is named with file, key and line before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernel.errors import Misconfigured
from kernel.mapping import load_set

CONTACT = """entity = "contact"
[field.name]
system = "name"
[field.client_id]
label = "ClientID"
[field.born]
label = "Рождён"
type = "date"
[field.status]
label = "Статус"
type = "choice"
values = { active = "Действующий" }
"""
FEED = """name = "clients"
row  = "client"
of   = ["contact"]
when = { status = ["active"] }
filled = ["client_id"]
elements = [
  { element = "clientId", from = "client_id" },
  { element = "born",     from = "born", type = "date", personal = true },
  { element = "status",   from = "status.name" },
  { element = "kind",     from = "@entity", words = { contact = "person" } },
]
"""
CHANGES = """name = "changes"
row  = "change"
of   = ["contact"]
changes = { contact = "status" }
elements = [ { element = "to", from = "@to" }, { element = "when", from = "@when", type = "datetime" } ]
"""


def folder(tmp_path: Path, text: str = FEED, changes: str = CHANGES) -> Path:
    home = tmp_path / "broker"
    home.mkdir()
    (home / "portal.toml").write_text('connector = "x"\n')
    (home / "contact.toml").write_text(CONTACT)
    (home / "feed.clients.toml").write_text(text)
    (home / "feed.changes.toml").write_text(changes)
    return home


def test_feeds_are_read(tmp_path: Path) -> None:
    found = load_set(folder(tmp_path))
    assert set(found.feeds) == {"clients", "changes"} and set(found.entities) == {"contact"}
    clients = found.feeds["clients"]
    assert [one.element for one in clients.elements if one.personal] == ["born"] and clients.elements[2].field == "status"
    assert found.feeds["changes"].changes == {"contact": "status"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('name = "clients"', 'name = "client"', r"line 1: name: «client» belongs into feed\.client\.toml"),
        ('row  = "client"', 'row  = "feed"', r"row: «feed»"),
        ('of   = ["contact"]', 'of   = ["deal"]', r"line 3: of: «deal» is no entity of this set"),
        ('of   = ["contact"]', 'of   = ["lead"]', r"of: «lead» is none of"),
        ('of   = ["contact"]', 'of   = ["contact", "contact"]', r"of names an entity twice"),
        ('row  = "client"', 'raw  = "client"', r"line 2: raw: unknown key"),
        ('["active"]', '["activ"]', r"line 4: when\.status: «activ» is no value"),
        ("when = { status", "when = { born", r"line 4: when\.born: «born» is no field of type choice"),
        ("when = { status", "when = { stat", r"line 4: when\.stat: contact: there is no field «stat»"),
        ('filled = ["client_id"]', 'filled = ["id"]', r"line 5: filled: contact: there is no field «id»"),
        ('from = "client_id"', 'from = "klient"', r"line 7: elements\.0: from: contact: there is no field «klient»"),
        ('element = "clientId"', 'element = "born"', r"two elements are called «born»"),
        ('element = "clientId"', 'element = "1d"', r"line 7: elements\.0: «1d» is no name"),
        ('element = "clientId"', 'element = "xmlId"', r"«xmlId» is no name"),
        ('element = "clientId"', 'element = "a>b"', r"«a>b» is no name"),
        ('type = "date"', 'type = "decimal"', r"line 8: elements\.1: type: «born» is date, the element «born» decimal"),
        ('type = "date"', 'type = "day"', r"line 8: elements\.1\.type"),
        ('from = "born", type = "date"', 'from = "status", type = "boolean"', r"line 8: .*not yes and no"),
        ('from = "status.name"', 'from = "born.name"', r"line 9: .*«born» is date and has no name"),
        ('from = "@entity"', 'from = "@to"', r"line 10: elements\.3: from: there is no «@to» here"),
        ('from = "@entity"', 'from = "@created"', r"line 10: elements\.3: «@created» is a datetime"),
        ('words = {', 'type = "date", words = {', r"only a text has words"),
    ],
)  # fmt: skip
def test_a_mistake_names_file_key_and_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in FEED
    with pytest.raises(Misconfigured, match=words) as raised:
        load_set(folder(tmp_path, FEED.replace(old, new, 1)))
    assert "broker/feed.clients.toml, line " in str(raised.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('changes = { contact = "status" }', 'changes = { deal = "@stage" }', "says for each entity"),
        ('"status" }', '"born" }', r"line 4: changes\.contact: «born» is no field of type choice"),
        ('from = "@to"', 'from = "client_id"', "a change has no field «client_id»"),
        ("changes = {", 'filled = ["born"]\nchanges = {', "neither when nor filled"),
    ],
)
def test_a_mistake_of_a_feed_of_changes_too(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(Misconfigured, match=words) as raised:
        load_set(folder(tmp_path, changes=CHANGES.replace(old, new, 1)))
    assert "broker/feed.changes.toml, line " in str(raised.value)
