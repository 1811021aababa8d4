"""What an outgoing call may do with a provider of texts. The payload holds `to`, `text` and perhaps `test`; the result is a
packed outcome (kernel.texting): what the provider said no to is an answer, not an error, since the plugin decides what
follows. Only where an answer got lost the call is `uncertain`, and never sent again by itself."""

from __future__ import annotations

from kernel.errors import Fault, Misconfigured, Rejected
from kernel.extension.connector import Connection, Verb
from kernel.jobs.outgoing import Call
from kernel.texting import Outcome, Refusal, Text, pack_outcome

SEND_TEXT = "send_text"


def _send(connection: Connection, call: Call, _maybe_done: bool) -> str:
    body = call.payload
    return pack_outcome(_outcome(connection, Text(str(body["to"]), str(body["text"]), bool(body.get("test")))))


def _outcome(connection: Connection, text: Text) -> Outcome:
    try:
        return connection.texting.send(text)
    except Misconfigured as exc:
        return Refusal("stopped", message=connection.in_words(str(exc)))
    except Rejected as exc:
        return Refusal("message", exc.vendor_code, connection.in_words(str(exc)))
    except Fault as exc:
        if exc.maybe_done:
            raise
        return Refusal("later", exc.vendor_code, connection.in_words(str(exc)))


TEXT_VERBS = {SEND_TEXT: Verb(_send, "never")}
