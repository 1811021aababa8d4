"""Started processes: bizproc.workflow.* (contract, section 9). Their tasks stand in process_tasks.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox.bitrix24 import documents
from sandbox.bitrix24.doors import BadRequest, door
from sandbox.bitrix24.formats import integer, mapping
from sandbox.bitrix24.process_model import MODULES, Process, Processes, Template, end, selected
from sandbox.bitrix24.process_tasks import ask, drop
from sandbox.bitrix24.registry import Call, Listed, RestError, method
from sandbox.bitrix24.robots import SCOPE, new_workflow_id
from sandbox.bitrix24.state import Portal

if TYPE_CHECKING:
    from sandbox.bitrix24.server import Sandbox


@method("bizproc.workflow.start", scope=SCOPE, admin=True)
def start(call: Call) -> str:
    number = integer(call.get("TEMPLATE_ID")) or 0
    if not number:
        raise RestError(400, "ERROR_WRONG_WORKFLOW_ID", "Empty TEMPLATE_ID")
    template = call.portal.area(Processes).templates.get(number)
    if template is None:
        raise RestError(400, "ERROR_WRONG_WORKFLOW_ID", "Template not found")
    path = documents.parts(call.get("DOCUMENT_ID"))
    if len(path) != 3 or not all(path):
        raise RestError(400, "", "Wrong DOCUMENT_ID!")
    _check_document(call.portal, template, path)
    return begin(call.portal, template, path, call.client.user_id, mapping(call.get("PARAMETERS"), "PARAMETERS")).id


def _check_document(portal: Portal, template: Template, path: list[str]) -> None:
    document = documents.parsed(path)
    if documents.is_crm(path):
        if document is None or documents.fields_of(portal, document) is None:
            raise RestError(400, "", "Wrong DOCUMENT_ID!")
    elif path[0] not in MODULES:
        raise RestError(400, "", "Incorrect document type!")
    if path[:2] != template.document_type[:2]:
        raise RestError(400, "", "Template type and DOCUMENT_ID mismatch!")


def begin(portal: Portal, template: Template, path: list[str], user: str, parameters: Mapping[str, Any]) -> Process:
    """Start a process. One whose script is not known just runs until somebody ends it."""
    now = portal.now().isoformat()
    made = Process(new_workflow_id(portal), template.id, path, user, now, now, dict(parameters))
    portal.area(Processes).running[made.id] = made
    if template.script:
        ask(portal, made, template.script)
    return made


def _instances(call: Call) -> Listed:
    alive = [process for process in call.portal.area(Processes).running.values() if process.ended_s is None]
    return selected(call, [_instance_row(item) for item in alive], ["ID", "MODIFIED", "OWNED_UNTIL"], {"MODIFIED": "desc"})


def _instance_row(item: Process) -> dict[str, Any]:
    return {
        "ID": item.id, "MODIFIED": item.modified, "OWNED_UNTIL": None, "MODULE_ID": item.document[0],
        "ENTITY": item.document[1], "DOCUMENT_ID": item.document[2], "STARTED": item.started,
        "STARTED_BY": item.started_by, "TEMPLATE_ID": str(item.template),
    }  # fmt: skip


@method("bizproc.workflow.instances", scope=SCOPE, admin=True)
def instances(call: Call) -> Listed:
    return _instances(call)


@method("bizproc.workflow.instance.list", scope=SCOPE, admin=True)
def instance_list(call: Call) -> Listed:
    return _instances(call)  # the older name of the same


def _alive(call: Call) -> Process:
    number = str(call.get("ID") or "")
    if not number:
        raise RestError(400, "ERROR_WRONG_WORKFLOW_ID", "Empty workflow instance ID")
    found = call.portal.area(Processes).running.get(number)
    if found is None or found.ended_s is not None:
        raise RestError(400, "ERROR_WRONG_WORKFLOW_ID", "Workflow instance not found")
    return found


@method("bizproc.workflow.terminate", scope=SCOPE, admin=True)
def terminate(call: Call) -> bool:
    end(call.portal, _alive(call), str(call.get("STATUS") or ""))
    return True


@method("bizproc.workflow.kill", scope=SCOPE, admin=True)
def kill(call: Call) -> bool:
    """As terminate, but nothing of the process stays."""
    found = _alive(call)
    drop(call.portal, found)
    del call.portal.area(Processes).running[found.id]
    return True


# -- doors


@door("POST", "/sandbox/workflow/start")
def started(sandbox: Sandbox, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """`{"template": 525, "deal": 5, "user": "7"}`: somebody starts a process in the card."""
    portal = sandbox.portal
    with portal.lock:
        template = portal.area(Processes).templates.get(integer(wanted.get("template")) or 0)
        document = documents.asked(wanted)
        if template is None or document is None:
            raise BadRequest("say which template, and for which lead, deal, contact or company")
        return vars(begin(portal, template, document.path, str(wanted.get("user") or "1"), {}))


@door("GET", "/sandbox/workflows")
def shown(sandbox: Sandbox, _asked: Mapping[str, Any]) -> dict[str, Any]:
    """All templates with the size of their files, and all processes, ended ones too."""
    with sandbox.portal.lock:
        area = sandbox.portal.area(Processes)
        return {
            "templates": [
                {"id": t.id, "name": t.name, "file": t.file_name, "bytes": len(t.file), "does": bool(t.script)}
                for t in area.templates.values()
            ],
            "processes": [vars(item) for item in area.running.values()],
        }  # fmt: skip
