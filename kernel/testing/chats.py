"""What must hold of messages at rest: each one meant is in its chat once, each one heard in the CRM once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kernel.storage import Tx


@dataclass(frozen=True)
class Shown:
    """One message as people see it in a chat. `vendor_id` ends with the vendor's running number."""

    vendor_id: str
    ours: bool
    text: str

    @property
    def number(self) -> int:
        return int(self.vendor_id.rpartition(":")[2])


def faults_of_sending(tx: Tx, shown: Sequence[Shown]) -> Iterator[str]:
    """Every fault of what was meant for the chats, as a sentence."""
    calls = tx.all("SELECT * FROM outgoing WHERE verb = 'send' ORDER BY lane, number")
    there = {one.vendor_id: one for one in shown if one.ours}
    names: dict[str, list[str]] = {}
    for row in tx.all("SELECT message, vendor_id FROM message_name ORDER BY number, vendor_id"):
        names.setdefault(row["message"], []).append(row["vendor_id"])
    spoken: Counter[str] = Counter()
    last: dict[tuple[str, str], int] = {}
    late = {row["call_id"] for row in tx.all("SELECT call_id FROM call_decision WHERE decision = 'again'")}
    doubtful: Counter[str] = Counter()
    for call in calls:
        payload = json.loads(call["payload"])
        about = f"message «{payload['text'][:40]}» ({call['key']})"
        doubtful[payload["text"]] += call["attempts"] > 0 and call["state"] in ("uncertain", "failed", "dropped")
        yield from _ended(tx, call, about)
        if payload.get("changes") or call["state"] != "done" or "thread" not in payload:
            continue
        mine = names.get(payload["message"], [])
        if not mine:
            yield f"{about} is done, and nobody knows which message of the chat it is"
        spoken.update(mine)
        yield from (f"{about} is {one}, which the chat does not show" for one in mine if one not in there)
        if call["id"] not in late:  # what a person sends again comes behind those that did not wait for them
            yield from _in_order(call, about, mine, last)
    yield from (f"{one} is said to be {times} messages" for one, times in spoken.items() if times > 1)
    strangers = Counter(one.text for one in there.values() if one.vendor_id not in spoken)
    if strangers - doubtful:
        yield f"the chat shows messages of ours that nobody meant, or one too many: {dict(strangers - doubtful)}"
    yield from _as_meant(tx, there, names)


def _ended(tx: Tx, call: Mapping[str, Any], about: str) -> Iterator[str]:
    payload = json.loads(call["payload"])
    if call["state"] in ("waiting", "sending"):
        closed = tx.value("SELECT closed_at FROM thread WHERE id = :t", t=payload.get("thread", ""))
        if closed is None:
            yield f"{about} still is {call['state']}: {call['reason']}"
    elif call["state"] == "uncertain" and payload.get("done"):
        asked = f"partners:uncertain:{payload['message']}:{payload['key']}"
        again = f"{payload['key']}:again"
        if not tx.value("SELECT COUNT(*) FROM outgoing WHERE key IN (:a, :b)", a=asked, b=again):
            yield f"{about} is uncertain, and nobody was told"


def _in_order(call: Mapping[str, Any], about: str, names: Sequence[str], last: dict[tuple[str, str], int]) -> Iterator[str]:
    """Messages of one thread stand in the order they were meant, as far as their address stayed the same."""
    for name in names:
        address, _, number = name.rpartition(":")
        before = last.get((call["lane"], address), 0)
        if int(number) <= before:
            yield f"{about} stands before one that was meant earlier: {number} after {before}"
        last[call["lane"], address] = max(before, int(number))


def _as_meant(tx: Tx, there: Mapping[str, Shown], names: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What a message says by now is what it is to say, unless its last change came to nothing or waits."""
    for row in tx.all(
        "SELECT message.id AS id, message.text AS text FROM message LEFT JOIN outgoing ON outgoing.id = message.edit_call "
        "WHERE message.direction = 'out' AND (message.edit_call = '' OR outgoing.state = 'done')"
    ):
        first = next(iter(names.get(row["id"], ())), "")
        if first in there and there[first].text != row["text"]:
            yield f"{first} says «{there[first].text}», and is to say «{row['text']}»"


def faults_of_hearing(written: Mapping[str, str], comments: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """`written`: by a word that no other message holds, the record («deal:7») a partner's message belongs to. `comments`:
    the texts of the comments of each record."""
    for word, place in written.items():
        found = Counter({record: sum(word in text for text in texts) for record, texts in comments.items()})
        if +found != Counter({place: 1}):
            yield f"«{word}» of a partner stands in {dict(+found) or 'no comment'}, not once in {place}"


def undecided_messages(tx: Tx) -> list[str]:
    """The payloads of those that a person has to decide on."""
    rows = tx.all("SELECT payload FROM outgoing WHERE verb = 'send' AND state IN ('uncertain', 'failed') ORDER BY id")
    return [str(row["payload"]) for row in rows]


def messages_sent_again(tx: Tx) -> list[str]:
    """The payloads of those that a person sent once more: they come behind what did not wait for them."""
    rows = tx.all(
        "SELECT payload FROM outgoing WHERE id IN (SELECT call_id FROM call_decision WHERE decision = 'again') ORDER BY id"
    )
    return [str(row["payload"]) for row in rows]


def comments_written(tx: Tx, start: str) -> list[str]:
    """The keys of comments that somebody wanted written, of those that begin so."""
    rows = tx.all("SELECT key FROM outgoing WHERE verb = 'write_comment' ORDER BY id")
    return [row["key"] for row in rows if row["key"].startswith(start)]
