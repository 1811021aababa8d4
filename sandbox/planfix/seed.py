"""Fill a portal from portals/*.toml: definitions, first records, scripts and buttons are data."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from sandbox.planfix.model import (
    Contact,
    ContactTemplate,
    DataTag,
    Directory,
    Entry,
    Field,
    Group,
    ObjectDef,
    Project,
    Script,
    Status,
    User,
)  # fmt: skip
from sandbox.planfix.state import Portal

PORTALS = Path(__file__).parent / "portals"
FIRST_IDS = {
    "task": 15000,
    "contact": 820,
    "comment": 47856000,
    "row": 9100,
    "entry": 20,
    "file": 70200,
    "field": 12000,
    "field_set": 1,
    "project": 300,
    "position": 10,
}


def portal_names() -> list[str]:
    """Names that --portal takes."""
    return sorted(path.stem.replace("_", "-") for path in PORTALS.glob("*.toml"))


def load(portal: Portal, name: str, token: str, hook_secret: str) -> None:
    """Seed `portal` from the file of that name."""
    text = (PORTALS / f"{name.replace('-', '_')}.toml").read_text(encoding="utf-8")
    data = tomllib.loads(text.replace("{post-to}", portal.post_to).replace("{hook-secret}", hook_secret))
    portal.name = data["title"]
    portal.next_ids.update(FIRST_IDS)
    for user in data["user"]:
        secret = token if user["role"] == "Robot" else "staff-" + user["id"].partition(":")[2]
        portal.users[user["id"]] = User(token=secret, **{"zone": "Europe/Kyiv", **user})
    portal.user_groups = {g["id"]: Group(**g) for g in data.get("user_group", [])}
    portal.positions = {p["id"]: Group(**p) for p in data.get("position", [])}
    portal.field_sets = {kind: {1: Group(1, "Annex")} for kind in ("task", "contact", "project", "user", "main")}
    portal.projects.groups = {g["id"]: Group(**g) for g in data.get("project_group", [])}
    for item in data.get("project_template", []):
        made = Project(item["id"], item["name"], portal.clock.now(), portal.robot().id, is_template=True)
        portal.projects.rows[made.id] = made
    portal.statuses = {s["id"]: Status(**s) for s in data.get("status", [])}
    portal.objects = {o["id"]: ObjectDef(**o) for o in data.get("object", [])}
    portal.tags = {t["id"]: DataTag(**t) for t in data.get("tag", [])}
    portal.directories = {d["id"]: Directory(**d) for d in data.get("directory", [])}
    portal.contact_groups = {g["id"]: Group(**g) for g in data.get("contact_group", [])}
    portal.templates = {t["id"]: ContactTemplate(**t) for t in data.get("contact_template", [])}
    for item in data.get("field", []):
        total = item.pop("total_of", None)
        field = Field(**item, total_of=(total["tag"], total["field"]) if total else None)
        portal.fields.setdefault(field.kind, {})[field.id] = field
    for item in data.get("contact", []):
        _contact(portal, item)
    for item in data.get("entry", []):
        values = {int(number): value for number, value in item.pop("values", {}).items()}
        portal.entries[item["key"]] = Entry(values=values, **item)
    portal.scripts = [_script(item) for item in data.get("script", [])]
    portal.incoming = {item["code"]: item for item in data.get("incoming", [])}
    portal.chat = data.get("chat", {})
    portal.reports = {item["id"]: item for item in data.get("report", [])}


def _contact(portal: Portal, item: dict[str, Any]) -> None:
    own = {"id", "template", "group", "name", "lastname", "company"}
    phones = [{"number": number.lstrip("+"), "type": 1} for number in item.pop("phones", [])]
    plain = {key: value for key, value in item.items() if key not in own}
    known = {key: value for key, value in item.items() if key in own}
    author = portal.robot().id
    contact = Contact(created=portal.clock.now(), added_by=author, phones=phones, plain=plain, **known)
    portal.contacts[contact.id] = contact


def _script(item: dict[str, Any]) -> Script:
    return Script(
        name=item["name"], event=item["event"], object=item.get("object", 0), trigger=item["trigger"],
        conditions=item.get("conditions", []), steps=item.get("step", []), users=item.get("users", []),
        run_as=item.get("run_as", ""), delay_s=float(item.get("delay_s", 0)), enabled_by=item.get("enabled_by", ""),
        template=item.get("template", 0),
    )  # fmt: skip
