"""Its door: is it really SMS.RU, and what became of our texts.

The proof is `hash`: sha256 of the key and all elements as they came, in their order (contracts/channels.md 2.3). A multipart
body may turn line feeds into pairs, so that form is tried second. The answer is `100` and nothing else: with any other the
same batch comes again, for days.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl

from connectors.sms_ru import codes, limits, settings
from connectors.sms_ru.client import whole
from connectors.sms_ru.texting import ID, whole_time
from kernel.conversations import Incoming
from kernel.extension import Connection, Delivery, NotProven, Received, Reply
from kernel.telemetry import log

HEARD = Reply(b"100")
DATA = re.compile(r"data\[[0-9]{0,4}\]\Z", re.ASCII)
STATUS = "sms_status"


def receive(delivery: Delivery, connection: Connection) -> Received:
    """Raises NotProven. Whatever is proven is answered well, what we cannot use in it left out."""
    read = settings.read(connection.settings)
    pairs = _fields(delivery)
    elements = [value for name, value in pairs if DATA.match(name)]
    given = next((value for name, value in pairs if name == "hash"), "")
    if not _proven(read.api_id, elements, given):
        raise NotProven("the hash is missing" if not given else "the hash is wrong")
    return Received(messages=tuple(_statuses(elements, connection)), reply=HEARD)


def _proven(api_id: str, elements: list[str], given: str) -> bool:
    forms = ("".join(elements), "".join(one.replace("\r\n", "\n") for one in elements))
    told = given.strip().lower().encode("utf-8", "replace")
    # Both are always reckoned: how long it takes says nothing.
    found = [hmac.compare_digest(told, signature(api_id, form).encode()) for form in forms]
    return any(found)


def signature(api_id: str, text: str) -> str:
    return hashlib.sha256((api_id + text).encode("utf-8", "surrogateescape")).hexdigest()


def _statuses(elements: Iterable[str], connection: Connection) -> Iterable[Incoming]:
    """One message per status; a repeat is known by id, code and time."""
    strange = 0
    for element in list(elements)[: limits.CALLBACK_LINES_MAX]:
        lines = [line.strip() for line in element.replace("\r\n", "\n").split("\n")]
        code = whole(lines[2]) if len(lines) >= 4 else None
        if lines[0] != STATUS or code is None or not ID.match(lines[1]):
            strange += 1  # a check by call, or something new: proven, and nothing of ours
            continue
        state = codes.state_of(code)
        yield Incoming(
            vendor_id=f"{lines[1]}:{code}:{lines[3][:20]}", address=lines[1], kind="status", at=whole_time(lines[3]),
            details={"code": str(code), **({"state": state} if state else {})},
        )  # fmt: skip
    if strange:
        log.info("sms_ru.left_out", connection=connection.full_name, elements=strange)


def _fields(delivery: Delivery) -> list[tuple[str, str]]:
    """Names and values in their order, as they came. Empty where nobody can read it: the missing proof says it all."""
    kind = delivery.headers.get("content-type", "")
    text = delivery.body.decode("utf-8", "surrogateescape")
    if "multipart/form-data" in kind.lower():
        return list(_parts(text, kind))
    try:
        return parse_qsl(
            text, keep_blank_values=True, max_num_fields=limits.CALLBACK_LINES_MAX + 10, errors="surrogateescape"
        )
    except ValueError:
        return []


def _parts(text: str, kind: str) -> Iterable[tuple[str, str]]:
    border = re.search(r"boundary=\"?([^\";,\s]{1,200})", kind)
    if border is None:
        return
    for piece in f"\r\n{text}".split(f"\r\n--{border[1]}")[1 : limits.CALLBACK_LINES_MAX + 11]:
        head, blank, content = piece.partition("\r\n\r\n")
        name = re.search(r"(?i)[;\s]name=\"([^\"\r\n]{1,40})\"", head)
        if blank and name is not None:
            yield name[1], content
