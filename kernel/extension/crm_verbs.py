"""What an outgoing call may do in a CRM: the verbs that every connector of a CRM declares."""

from __future__ import annotations

from collections.abc import Mapping

from kernel.crm.codec import unpack_values
from kernel.errors import Misconfigured
from kernel.extension.connector import Connection, Verb
from kernel.jobs.outgoing import Call


def _update(connection: Connection, call: Call, _maybe_done: bool) -> str:
    body = call.payload
    connection.crm.update(body["entity"], body["id"], unpack_values(body["values"]), stage=body.get("stage"))
    return ""


def _comment(connection: Connection, call: Call, maybe_done: bool) -> str:
    body = call.payload
    return connection.crm.comment(
        body["entity"], body["id"], body["text"], to=body["to"], key=call.key, maybe_done=maybe_done
    )


def _update_row(connection: Connection, call: Call, _maybe_done: bool) -> str:
    body = call.payload
    connection.crm.update_row(body["entity"], body["id"], body["table"], body["row_key"], unpack_values(body["values"]))
    return ""


def _put_row(connection: Connection, call: Call, maybe_done: bool) -> str:
    """Add the row the first time; afterwards change the one that the first time made."""
    body, values = call.payload, unpack_values(call.payload["values"])
    if call.row_made:
        connection.crm.update_row(body["entity"], body["id"], body["table"], call.row_made, values)
        return call.row_made
    return connection.crm.add_row(
        body["entity"], body["id"], body["table"], values, key=call.target, maybe_done=maybe_done or call.row_tried
    )


def _create(connection: Connection, call: Call, maybe_done: bool) -> str:
    body = call.payload
    return connection.crm.create(body["entity"], unpack_values(body["values"]), key=call.key, maybe_done=maybe_done)


def _restore(connection: Connection, call: Call, _maybe_done: bool) -> str:
    crm, body = connection.crm, call.payload
    if crm.bin is None:
        raise Misconfigured(f"{crm.name} has no recycle bin that we could reach")
    crm.bin.restore(body["entity"], body["id"])
    return ""


RESTORE = "restore"
CRM_VERBS: Mapping[str, Verb] = {
    "update": Verb(_update, "safe"),
    "comment": Verb(_comment, "lookup"),
    "update_row": Verb(_update_row, "safe"),
    "put_row": Verb(_put_row, "lookup"),
    "create": Verb(_create, "lookup"),
    RESTORE: Verb(_restore, "safe"),
}
