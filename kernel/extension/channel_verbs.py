"""What an outgoing call may do on a channel: the verb that every connector of a channel declares."""

from __future__ import annotations

from typing import Literal

from kernel.conversations import EarlierTry, Outgoing
from kernel.conversations.sending import AFRESH, AFTER, ARRIVED, CHANGES, KNOWN, LOST
from kernel.errors import Rejected, Undecided
from kernel.extension.connector import Connection, Verb
from kernel.jobs.outgoing import Call

SEND = "send"


def _send(connection: Connection, call: Call, maybe_done: bool) -> str:
    if call.payload.get(CHANGES) and not call.payload.get("edits"):  # sent all the same, it might be there twice
        raise Rejected("nobody knows whether the message that this changes arrived: decide that first, then try this again")
    earlier = None
    maybe_done = maybe_done and call.attempts > call.payload.get(AFRESH, 0)
    if maybe_done and call.payload.get(ARRIVED):
        return str(call.payload[ARRIVED])
    if maybe_done and call.payload.get(LOST):
        raise Undecided("the room got another address after the first try: nobody can look for the message at the old one")
    if maybe_done:
        earlier = EarlierTry(int(call.payload.get(AFTER) or 0), frozenset(call.payload.get(KNOWN, ())))
    return connection.channel.send(Outgoing.of(call.payload), key=call.key, earlier=earlier)


def sends(repeat: Literal["safe", "lookup", "never"]) -> dict[str, Verb]:
    """The verbs of a channel, and whether a message whose answer was lost may be sent again: see `Verb.repeat`."""
    return {SEND: Verb(_send, repeat)}
