"""What may happen to a request before it is understood, and to an answer before it arrives."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from urllib.parse import urlencode

from sandbox.backoffice.faults import Troubles
from sandbox.backoffice.request import HUNG_UP, XML, Answer, Request
from sandbox.backoffice.state import Office
from sandbox.backoffice.xml_in import NAMESPACE

HANG_SECONDS_MAX = 600
DRIP_BYTES = 200
HTML = b"<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>\n"
GARBAGE = b"\x00\x01<<<\xff\xfe ORA-00600: internal error code &&& </s:Envelope"
DEPTH, ATTRIBUTES, LONG_TEXT, BOMB_MEGABYTES = 5_000, 10_000, 11_000_000, 128
LOCAL_FILE = '<!ENTITY e SYSTEM "file:///etc/passwd">'
XINCLUDE = "http://www.w3.org/2001/XInclude"
BOMB = "".join(f'<!ENTITY b{n} "{f"&b{n - 1};" * 10}">' for n in range(1, 10))


def before(office: Office, troubles: Troubles, request: Request) -> Answer | None:
    """The trouble that comes in the place of an answer; None if the request is to be done. Takes no lock."""
    down, busy, expired = troubles.word("down"), troubles.word("busy"), troubles.word("expired")
    if down == "closed":
        return HUNG_UP
    if down:
        return Answer(503, b"Service Unavailable\n", "text/plain", outcome="down")
    if busy:
        return Answer(
            int(busy),
            b"later\n",
            "text/plain",
            {"Retry-After": str(int(office.faults.number("retry_after_s")))},
            outcome="busy",
        )
    if troubles.word("redirect"):
        return _moved(office, troubles, request)
    if expired in ("401", "403"):
        return unproven(int(expired))
    if troubles.word("hang") == "on":
        return hang(office)
    office.clock.sleep(troubles.number("slow_s"))
    return None


def unproven(status: int) -> Answer:
    headers = {"WWW-Authenticate": 'Basic realm="back office"'} if status == 401 else {}
    return Answer(status, b"access denied\n", "text/plain", headers, outcome="unproven")


def hang(office: Office) -> Answer:
    """Wait until the switch is off again; whoever is still there then is hung up on."""
    with office.changed:
        office.changed.wait_for(lambda: office.closing or office.faults.word("hang") == "off", HANG_SECONDS_MAX)
    return HUNG_UP


def _moved(office: Office, troubles: Troubles, request: Request) -> Answer:
    place = office.faults.word("redirect_to") + request.path.removeprefix("/bo").removeprefix("/dealer")
    query = f"?{urlencode(request.query)}" if request.query else ""
    return Answer(int(troubles.word("redirect")), b"", "text/plain", {"Location": place + query}, outcome="moved")


def after(office: Office, troubles: Troubles, request: Request, answer: Answer) -> Answer:
    """The answer as it goes out."""
    if answer.end == "nothing":
        return answer
    if troubles.word("hang") == "after":
        return hang(office)
    office.clock.sleep(troubles.number("slow_after_s"))
    made = _spoiled(office, troubles, answer)
    if troubles.word("hostile") == "gzip_bomb" and made.stream is None:
        return _bombed(made)
    if troubles.number("drip_s") and made.stream is None and made.end == "whole":
        return Answer(made.status, b"", made.kind, made.headers, _dripped(office, troubles, made.body), outcome="drip")
    takes = "gzip" in request.headers.get("accept-encoding", "")
    if office.faults.on("gzip") and takes and made.stream is None and made.end == "whole":
        made.body = gzip.compress(made.body, 6)
        made.headers = {**made.headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return made


def _spoiled(office: Office, troubles: Troubles, answer: Answer) -> Answer:
    empty, half, hostile = troubles.word("empty"), troubles.word("half"), troubles.word("hostile")
    if troubles.on("html_502") or troubles.on("html_200"):
        return Answer(502 if troubles.on("html_502") else 200, HTML, "text/html", outcome="html")
    if empty:
        return Answer(int(empty), b"", XML, outcome="empty")
    if troubles.on("garbage"):
        return Answer(200, GARBAGE, XML, outcome="garbage")
    if answer.stream is not None or not answer.kind.startswith("text/xml"):
        return answer
    if half == "cut":
        answer.end, answer.outcome = "half", "half"
    elif half == "short":
        answer.body, answer.outcome = answer.body[: len(answer.body) // 2], "short"
    for name in ("doctype", "bomb"):
        if troubles.on(name):
            hostile = name
    if hostile and hostile != "gzip_bomb":
        answer.body, answer.outcome = poisoned(hostile, answer.body, f"{office.address}/sandbox/called"), hostile
    return answer


def _dripped(office: Office, troubles: Troubles, body: bytes) -> Iterator[bytes]:
    """Always a little, never long nothing: whoever only bounds the wait for the next byte waits for ever."""
    for place in range(0, len(body), DRIP_BYTES):
        office.clock.sleep(troubles.number("drip_s"))
        yield body[place : place + DRIP_BYTES]


def _bombed(answer: Answer) -> Answer:
    """The whole answer, and behind it so many megabytes of spaces that compress to next to nothing."""

    def pieces() -> Iterator[bytes]:
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        yield packer.compress(answer.body)
        spaces = b" " * 1_000_000
        for _ in range(BOMB_MEGABYTES):
            yield packer.compress(spaces)
        yield packer.flush()

    headers = {**answer.headers, "Content-Encoding": "gzip"}
    return Answer(answer.status, b"", answer.kind, headers, (one for one in pieces() if one), outcome="gzip_bomb")


def poisoned(how: str, body: bytes, called: str) -> bytes:
    """The document with something in it that a careful reader refuses; `called` is an address nobody may ask."""
    text = body.decode("windows-1251" if b"windows-1251" in body[:60] else "utf-8").lstrip("\ufeff")
    declaration, _, rest = text.partition("?>")
    rest, place = rest.lstrip(), rest.lstrip().rindex("</")
    stuffed = {
        "bomb": ("<!DOCTYPE x [<!ENTITY b0 \"ha\">" + BOMB + "]>", "&b9;"),
        "doctype": ("<!DOCTYPE x>", ""),
        "external": (f'<!DOCTYPE x [{LOCAL_FILE}<!ENTITY f SYSTEM "{called}?by=entity">]>', "&e;&f;"),
        "parameter": (f'<!DOCTYPE x [<!ENTITY % p SYSTEM "{called}?by=parameter">%p;]>', ""),
        "xinclude": ("", f'<xi:include xmlns:xi="{XINCLUDE}" href="{called}?by=xinclude" parse="text"/>'),
        "deep": ("", "<d>" * DEPTH + "</d>" * DEPTH),
        "attributes": ("", "<d " + " ".join(f'a{n}=""' for n in range(ATTRIBUTES)) + "/>"),
        "long_text": ("", "<d>" + "x" * LONG_TEXT + "</d>"),
    }  # fmt: skip
    head, inside = stuffed.get(how, ("", ""))
    if how == "wrong_root":
        rest, place = "<nothing/>", 0
    if how == "wrong_namespace":
        rest = rest.replace(NAMESPACE, f"{NAMESPACE}:other").replace("<document>", '<document xmlns="urn:other">')
        place = rest.rindex("</")
    made = head + rest[:place] + inside + rest[place:]
    if how == "wrong_encoding":
        return b'<?xml version="1.0" encoding="utf-8"?>\n<!-- ' + "Семёнов".encode("windows-1251") + b" -->" + made.encode()
    if how == "utf7":
        return b'<?xml version="1.0" encoding="utf-7"?>\n' + made.encode("utf-7")
    if how == "utf16":  # with a DOCTYPE that no search for its bytes finds
        return ('<?xml version="1.0" encoding="utf-16"?>\n<!DOCTYPE x [<!ENTITY e "ha">]>' + made).encode("utf-16")
    encoding = "windows-1251" if "windows-1251" in declaration else "utf-8"
    return (declaration + "?>\n" + made).encode(encoding, "xmlcharrefreplace")
