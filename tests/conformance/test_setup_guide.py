"""The set-up guide against the emulated portal (set up as the guide asks) and the mapping set: labels, types, words."""

from __future__ import annotations

import re
import tomllib

import pytest

from connectors.planfix.field_types import TITLES
from connectors.planfix.missing import PROBES, WRITABLE
from kernel.mapping import load_set
from tests.conformance.checkout import ROOT

GUIDE = (ROOT / "docs/setup-planfix.md").read_text(encoding="utf-8")
PORTAL = tomllib.loads((ROOT / "sandbox/planfix/portals/exchange_desk.toml").read_text(encoding="utf-8"))
SET = load_set(ROOT / "mappings/exchange-desk-planfix")
SCRIPTS = PORTAL["script"]
TAGS = {tag["id"]: tag["name"] for tag in PORTAL["tag"]}
# In the sandbox to try things out; no part of what a desk needs.
NOT_NEEDED = {"Стара примітка", "На зберіганні, USD", "Код", "Знаків після коми"}
FIELDS = [field for field in PORTAL["field"] if field["name"] not in NOT_NEEDED]
SECTIONS = dict(re.findall(r"^### (.+?)\n(.*?)(?=^##)", GUIDE, re.MULTILINE | re.DOTALL))


def section(field) -> str:
    words = {"task": "Fields of the object «Заявка»", "contact": "Fields of the contact templates"}
    wanted = words.get(field["kind"]) or f"Data tag «{TAGS[field['owner']]}»"
    return next(text for heading, text in SECTIONS.items() if heading.startswith(wanted))


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: f"{field['kind']}-{field['name']}")
def test_every_field_of_the_portal_stands_with_its_type(field):
    line = next((line for line in section(field).splitlines() if line.startswith(f"| «{field['name']}» |")), "")
    assert line.split("|")[2].strip() == TITLES[field["type"]], f"«{field['name']}»: {line or 'is missing'}"
    for option in field.get("options", ()):
        assert f"«{option}»" in GUIDE


@pytest.mark.parametrize("entity", SET.entities.values(), ids=lambda entity: entity.entity)
def test_everything_of_the_set_stands_in_the_guide(entity):
    labels = [entity.object, *(stage.label for stage in entity.stage.values())]
    labels += [label for stage in entity.stage.values() for label in stage.also]
    fields = [*entity.field.values(), *(field for table in entity.table.values() for field in table.field.values())]
    labels += [field.label for field in fields if field.label]
    labels += [label for field in fields for label in field.values.values()]
    labels += [table.label for table in entity.table.values()]
    assert [label for label in labels if f"«{label}»" not in GUIDE] == []


def test_the_portal_has_a_type_that_the_set_can_use():
    """The guide's types come from the portal; `annex doctor` asks by the set. They must not contradict each other."""
    for entity in SET.entities.values():
        if entity.kind or entity.entity == "journal":
            continue
        of = "contact" if entity.entity == "contact" else "task"
        groups = [(of, None, entity.field), *(("datatag", table.label, table.field) for table in entity.table.values())]
        for kind, tag, mapped in groups:
            types = {f["name"]: f["type"] for f in FIELDS if f["kind"] == kind and (not tag or TAGS[f["owner"]] == tag)}
            for field in mapped.values():
                assert not field.label or types[field.label] in WRITABLE[field.type], field.label


@pytest.mark.parametrize("status", PORTAL["status"], ids=lambda status: status["name"])
def test_every_status_stands_with_what_it_leads_to(status):
    if status["id"] < 200:
        return  # of «Завдання», which is there in every account
    names = {one["id"]: one["name"] for one in PORTAL["status"]}
    line = next(line for line in GUIDE.splitlines() if line.startswith(f"| «{status['name']}» |"))
    assert ("yes" if status["active"] else "no") == line.split("|")[2].strip()
    our = next(name for name, stage in SET.entity("deal").stage.items() if status["name"] in (stage.label, *stage.also))
    assert f"`{our}`" in line
    reported = set(re.findall(r"«([^»]+)»", line.split("|")[4]))
    assert reported <= {names[number] for number in status["next"]}, "the guide must not allow what the portal does not"
    assert {
        SET.entity("deal").stage[name].label for name in SET.entity("deal").stage[our].next
    } <= reported or our == "closed"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script["name"])
def test_every_automation_stands_word_for_word(script):
    line = next((line for line in GUIDE.splitlines() if line.startswith(f"| `{script['name']}` |")), "")
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    wanted = [
        "author of change is not the robot" if c["what"] == "author" else f"status is «{c['is']}»"
        for c in script["conditions"]
    ]
    request = script["step"][0]
    assert cells == [
        f"`{script['name']}`", script["trigger"], "; ".join(wanted) or "none", f"`{request['url']}`", f"`{script['event']}`"
    ]  # fmt: skip
    assert f"**{script['trigger']}**" in GUIDE
    assert request["method"] == "POST"
    assert request["format"] == "form"
    for name, value in request["parameters"].items():
        if name == "sig":
            assert re.search(rf"^{re.escape(script['event'])} +{re.escape(value)}$", GUIDE, re.MULTILINE), value
        else:
            assert f"| `{name}` | `{value}` |" in GUIDE or (name == "event" and value == script["event"]), name
    for value in request["variables"].values():
        assert f"`{value}`" in GUIDE
    for parse in request.get("parse", ()):
        assert f"`{parse['name']}`" in GUIDE
        assert f"`{parse['path']}`" in GUIDE
    for step in script["step"][1:]:
        said = f"a comment says it: `{step['text']}`" if step["do"] == "comment" else ""
        assert (said or f"«{step['field']}» = `{step['value']}`") in GUIDE


def test_every_right_that_is_tried_is_asked_for():
    assert [right for right in PROBES if f"`{right}`" not in GUIDE] == []


def test_every_contact_template_stands_in_the_guide():
    assert [one["name"] for one in PORTAL["contact_template"] if f"«{one['name']}»" not in GUIDE] == []
