"""Templates of business processes: bizproc.workflow.template.* and the door that says what one does."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox.bitrix24 import documents
from sandbox.bitrix24.bindings import app_of
from sandbox.bitrix24.documents import Document
from sandbox.bitrix24.doors import BadRequest, door
from sandbox.bitrix24.formats import integer, items, mapping
from sandbox.bitrix24.process_model import MODULES, Processes, Script, Template, selected
from sandbox.bitrix24.registry import Call, Listed, RestError, method
from sandbox.bitrix24.robots import SCOPE
from sandbox.bitrix24.state import Portal

if TYPE_CHECKING:
    from sandbox.bitrix24.server import Sandbox

TEMPLATE_FIELDS = ("NAME", "DESCRIPTION", "TEMPLATE_DATA", "AUTO_EXECUTE")


def _invalid(text: str) -> RestError:
    return RestError(400, "ERROR_TEMPLATE_VALIDATION_FAILURE", text)


def _file(value: Any) -> tuple[str, bytes]:
    """Name and content, as files are sent: `[name, base64]`, or base64 alone."""
    sent = [str(part) for part in items(value)]
    name, text = (sent[0], sent[1]) if len(sent) == 2 else ("template.bpt", sent[0] if sent else "")
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if not content:
        raise _invalid("Incorrect field TEMPLATE_DATA!")
    return name, content


def _auto(value: Any) -> int:
    found = integer(value) if value not in (None, "") else 0
    if found not in (0, 1, 2, 3):
        raise _invalid("Incorrect field AUTO_EXECUTE!")
    return int(found)


@method("bizproc.workflow.template.add", scope=SCOPE, app="access_denied", admin=True)
def template_add(call: Call) -> int:
    kind = documents.parts(call.get("DOCUMENT_TYPE"))
    if len(kind) != 3 or kind[0] not in MODULES or not all(kind):
        raise _invalid("Incorrect field DOCUMENT_TYPE!")
    if not call.get("NAME"):
        raise _invalid("Empty template name!")
    auto, (name, content) = _auto(call.get("AUTO_EXECUTE")), _file(call.get("TEMPLATE_DATA"))
    made = _template(call.portal, str(call.get("NAME")), kind, call.client.user_id)
    made.client_id, made.description = app_of(call).client_id, str(call.get("DESCRIPTION") or "")
    made.auto_execute, made.file_name, made.file = auto, name, content
    return made.id


def _template(portal: Portal, name: str, kind: list[str], author: str) -> Template:
    made = Template(portal.next_id("template"), name, kind, author, changed=portal.now().isoformat())
    portal.area(Processes).templates[made.id] = made
    return made


def _owned(call: Call) -> Template:
    found = call.portal.area(Processes).templates.get(integer(call.get("ID")) or 0)
    if found is None:
        raise RestError(400, "ERROR_TEMPLATE_NOT_FOUND", "Workflow template not found.")
    if found.client_id != call.client.id:
        text = "You can update ONLY templates created by current application"
        raise RestError(400, "ERROR_TEMPLATE_NOT_OWNER", text)
    return found


@method("bizproc.workflow.template.update", scope=SCOPE, app="access_denied", admin=True)
def template_update(call: Call) -> int:
    found = _owned(call)
    fields = {key.upper(): value for key, value in mapping(call.get("FIELDS"), "FIELDS").items()}
    if not any(name in fields for name in TEMPLATE_FIELDS):
        raise _invalid("No fields to update.")
    if "NAME" in fields and not fields["NAME"]:
        raise _invalid("Empty template name!")
    auto = _auto(fields.get("AUTO_EXECUTE", found.auto_execute))
    if "TEMPLATE_DATA" in fields:
        found.file_name, found.file = _file(fields["TEMPLATE_DATA"])
    found.auto_execute, found.name = auto, str(fields.get("NAME", found.name))
    found.description = str(fields.get("DESCRIPTION", found.description) or "")
    found.changed = call.portal.now().isoformat()
    return found.id


@method("bizproc.workflow.template.delete", scope=SCOPE, app="access_denied", admin=True)
def template_delete(call: Call) -> None:
    del call.portal.area(Processes).templates[_owned(call).id]


@method("bizproc.workflow.template.list", scope=SCOPE, admin=True)
def template_list(call: Call) -> Listed:
    rows = [_template_row(call.portal, item) for item in call.portal.area(Processes).templates.values()]
    return selected(call, rows, ["ID"], {"ID": "asc"})


def _template_row(portal: Portal, item: Template) -> dict[str, Any]:
    app = portal.apps.get(item.client_id)
    return {
        "ID": str(item.id), "MODULE_ID": item.document_type[0], "ENTITY": item.document_type[1],
        "DOCUMENT_TYPE": item.document_type[2], "AUTO_EXECUTE": str(item.auto_execute), "NAME": item.name,
        "DESCRIPTION": item.description, "TEMPLATE": [], "PARAMETERS": [], "VARIABLES": [], "CONSTANTS": [],
        "MODIFIED": item.changed, "IS_MODIFIED": "N", "USER_ID": item.author,
        "SYSTEM_CODE": f"rest_app_{app.id}" if app else None,
    }  # fmt: skip


@door("POST", "/sandbox/workflow/template")
def designed(sandbox: Sandbox, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """`{"name", "title", "user", "fields": [{"Id", "Type", "Name", "Required"}], "write": {"Id": "UF_CRM_…"}}`.

    Somebody makes a template in the designer. With `template` (a number) it says what an uploaded one does.
    """
    portal = sandbox.portal
    with portal.lock:
        template = portal.area(Processes).templates.get(integer(wanted.get("template")) or 0)
        if wanted.get("template") and template is None:
            raise BadRequest(f"no template {wanted['template']!r}")
        if template is None:
            kind = str(wanted.get("kind") or "DEAL").upper()
            if kind not in documents.CLASSES:
                raise BadRequest(f"kind is one of {', '.join(documents.CLASSES)}")
            template = _template(portal, str(wanted.get("name") or "Process"), Document(kind, "0").type, "1")
        template.script = _script(wanted, template.name)
        return {"template": template.id, "document_type": template.document_type}


def _script(wanted: Mapping[str, Any], name: str) -> Script:
    made = Script(str(wanted.get("title") or name), str(wanted.get("user") or ""))
    made.activity = str(wanted.get("activity") or made.activity)
    made.comment_required = bool(wanted.get("comment_required"))
    made.days = float(wanted.get("days") or 0)
    made.write = {str(key): str(value) for key, value in (wanted.get("write") or {}).items()}
    for item in wanted.get("fields") or []:
        if "Id" not in item:
            raise BadRequest("every field needs an Id")
        made.fields.append({
            "Id": str(item["Id"]), "Type": str(item.get("Type", "string")), "Name": str(item.get("Name", item["Id"])),
            "Description": str(item.get("Description", "")), "Multiple": bool(item.get("Multiple", False)),
            "Required": bool(item.get("Required", False)), "Options": item.get("Options"), "Settings": None,
            "Default": item.get("Default"),
        })  # fmt: skip
    return made
