"""Changes an administrator makes in the interface: nothing of this is possible by REST (contract 3.5).

So that a program that checks a portal can be tried against one that does not have something.
"""

from __future__ import annotations

from typing import Any

from sandbox.planfix.model import Script
from sandbox.planfix.state import Portal

KINDS = ("task", "contact", "datatag", "directory")


def _field_kind(portal: Portal, number: int) -> str:
    for kind in KINDS:
        if number in portal.fields.get(kind, {}):
            return kind
    raise ValueError(f"no field {number}")


def _script(portal: Portal, name: str) -> Script:
    found = next((script for script in portal.scripts if script.name == name), None)
    if found is None:
        raise ValueError(f"no script {name!r}")
    return found


def remove(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """Remove `field`, `status`, `tag`, `object`, `template`, `group` (numbers) or `script` (name)."""
    for what, value in data.items():
        if what == "field":
            del portal.fields[_field_kind(portal, int(value))][int(value)]
        elif what == "status":
            del portal.statuses[int(value)]
            for definition in portal.objects.values():
                definition.statuses = [n for n in definition.statuses if n != int(value)]
        elif what in ("tag", "datatag"):
            del portal.tags[int(value)]
        elif what == "object":
            del portal.objects[int(value)]
        elif what == "template":
            del portal.templates[int(value)]
        elif what == "group":
            del portal.contact_groups[int(value)]
        elif what == "script":
            portal.scripts.remove(_script(portal, str(value)))
        else:
            raise ValueError(f"cannot remove {what!r}")
    return data


def rename(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """Give `field`, `status`, `tag`, `object`, `template`, `group` or `script` the name in `name`."""
    name = str(data["name"])
    kinds: dict[str, dict[int, Any]] = {
        "status": portal.statuses, "tag": portal.tags, "datatag": portal.tags, "object": portal.objects,
        "template": portal.templates, "group": portal.contact_groups,
    }  # fmt: skip
    for what, value in data.items():
        if what == "field":
            portal.fields[_field_kind(portal, int(value))][int(value)].name = name
        elif what == "script":
            _script(portal, str(value)).name = name
        elif what in kinds:
            kinds[what][int(value)].name = name
        elif what != "name":
            raise ValueError(f"cannot rename {what!r}")
    return data


def detach(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """Take `field` off `object` (or contact `template`): it exists, but writes to it are swallowed."""
    definition: Any = portal.objects[int(data["object"])] if "object" in data else portal.templates[int(data["template"])]
    definition.fields = [number for number in definition.fields if number != int(data["field"])]
    return data


def attach(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """Put `field` onto `object` (or contact `template`)."""
    definition: Any = portal.objects[int(data["object"])] if "object" in data else portal.templates[int(data["template"])]
    _field_kind(portal, int(data["field"]))
    if int(data["field"]) not in definition.fields:
        definition.fields.append(int(data["field"]))
    return data


def user(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """Change `sees` (all|own), `active`, `role`, `zone`, `groups`, `position`, `email` or `telegram_id` of `user`."""
    found = portal.users[str(data["user"])]
    for key in ("sees", "active", "role", "zone", "groups", "position", "email", "telegram_id"):
        if key in data:
            setattr(found, key, data[key])
    return data


def script(portal: Portal, data: dict[str, Any]) -> dict[str, Any]:
    """Switch `script` on or off with `enabled`, or add one given whole under `add` (as in the portal's TOML)."""
    if "add" in data:
        item = dict(data["add"])
        item["steps"] = item.pop("step", item.get("steps", []))
        portal.scripts.append(Script(**{"object": 0, **item}))
        return {"added": item["name"]}
    _script(portal, str(data["script"])).enabled = bool(data["enabled"])
    return data
