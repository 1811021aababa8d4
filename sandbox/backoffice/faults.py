"""Every switch: what may break, and what a broker's back office may do in ways that nobody has confirmed."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from sandbox.backoffice.tables import SETS
from sandbox.common.switches import ONOFF, Switch, Switches

HOSTILE = (
    "off", "external", "parameter", "xinclude", "deep", "attributes", "long_text", "wrong_root",
    "wrong_namespace", "wrong_encoding", "utf7", "utf16", "gzip_bomb",
)  # fmt: skip
FAULT_CODES = ("AUTH", "CLIENT_NOT_FOUND", "PAGE_EXPIRED", "REQUEST_ID_REUSED", "BUSY", "INTERNAL", "MAINTENANCE")
FIELD_CODES = (
    "REQUIRED", "FORMAT", "INN_CHECKSUM", "AGE", "DUPLICATE_PERSON", "UNKNOWN_TARIFF", "MARKET_CLOSED", "IIS_EXISTS",
    "SANCTIONS_CHECK",
)  # fmt: skip

#: What may go wrong with any request; `only` and `times` are about these.
TROUBLES: dict[str, Switch] = {
    "slow_s": Switch(0.0, "sandbox seconds before a request is handled"),
    "slow_after_s": Switch(0.0, "sandbox seconds between the work and the answer"),
    "drip_s": Switch(0.0, "sandbox seconds before each piece of 200 bytes of an answer"),
    "hang": Switch(
        "off",
        "no answer at all until switched off, then cut; on: nothing is done; after: it is done",
        ("off", "on", "after"),
    ),
    "down": Switch("off", "on: 503 without a word of when; closed: connections are cut", ("off", "on", "closed")),
    "busy": Switch("off", "429 or 503 with Retry-After", ("off", "429", "503")),
    "fault": Switch("off", "every request gets this fault", ("off", *FAULT_CODES)),
    "expired": Switch("off", "the access has ended: fault AUTH, or a status without a word", ("off", "fault", "401", "403")),
    "html_502": Switch("off", "a well-formed HTML page with 502", ONOFF),
    "html_200": Switch("off", "a well-formed HTML page with 200: somebody's sign-in page", ONOFF),
    "empty": Switch("off", "no body at all, with this status", ("off", "200", "202", "500")),
    "garbage": Switch("off", "bytes that are no XML", ONOFF),
    "half": Switch("off", "cut: the connection ends in the middle; short: the document does", ("off", "cut", "short")),
    "redirect": Switch("off", "answers point to redirect_to", ("off", "301", "302", "303", "307", "308")),
    "doctype": Switch("off", "the answer has a DOCTYPE; the rest is as it should be", ONOFF),
    "bomb": Switch("off", "entities that grow", ONOFF),
    "hostile": Switch("off", "other answers that a reader must refuse", HOSTILE),
    "foreign_client": Switch("off", "the answer is another client's, with their number", ONOFF),
    "bad_cells": Switch(0.0, "share of rows, 0 to 1, with a cell that cannot be read"),
    "odd_rows": Switch(
        "off",
        "the first number column missing in all rows; an unknown column; the last row twice; a row without its key",
        ("off", "missing_column", "unknown_column", "double", "no_key"),
    ),
    "shrink": Switch("off", "only every twentieth row is there", ONOFF),
    "total_changes": Switch("off", "TOTAL of plain XML is another one on each page", ONOFF),
    "huge_rows": Switch(0, "so many rows, made up, streamed"),
    "huge_mb": Switch(0, "at least so many megabytes of rows, made up, streamed"),
}
SWITCHES: dict[str, Switch] = {
    **TROUBLES,
    "only": Switch("", f"troubles for these only, comma separated: {', '.join(SETS)}; empty: all"),
    "times": Switch("", "so many next requests get the troubles, then none does; empty: without end"),
    # registering a client (contract 6.3, 6.4; UNCONFIRMED what a real one promises)
    "promise": Switch(
        "request_id",
        "request_id: the same RequestID is done once; lookup: only GetRequest and FindClient tell; none: neither",
        ("request_id", "lookup", "none"),
    ),
    "doubles": Switch("refuse", "a person who is a client already: DUPLICATE_PERSON, or once more", ("refuse", "accept")),
    "cut_before_commit_next": Switch(0, "so many next OpenAccount are cut before anything is done"),
    "lose_answer_next": Switch(0, "so many next OpenAccount are done, but the connection is cut before the answer"),
    "field_errors_next": Switch(
        "",
        "the next OpenAccount is refused with these, comma separated: INN_CHECKSUM:Person/INN,MARKET_CLOSED:Terms/Market[2]",
    ),
    "faults_next": Switch("", "faults that the next requests get, comma separated: BUSY,INTERNAL"),
    "in_work_s": Switch(0.0, "sandbox seconds that GetRequest says IN_WORK of what is done"),
    "lookup_delay_s": Switch(0.0, "sandbox seconds until a look-up knows of a request at all"),
    # how it speaks
    "retry_after_s": Switch(7, "what Retry-After of busy says"),
    "auth": Switch("none", "what a request must prove itself by", ("none", "basic", "wsse", "header")),
    "fault_status": Switch("500", "HTTP status of a SOAP fault", ("500", "200")),
    "prefixes": Switch("change", "namespace prefixes differ from answer to answer, or stay", ("change", "stay")),
    "gzip": Switch("off", "answers are compressed for whoever takes that", ONOFF),
    "page_rows": Switch(1000, "rows of a page at most, whatever is asked for"),
    "xml_encoding": Switch("utf-8", "of plain XML; utf-8-bom has a byte order mark", ("utf-8", "utf-8-bom", "windows-1251")),
    "xml_decimal": Switch("dot", "decimal mark of plain XML", ("dot", "comma")),
    "xml_dates": Switch("iso", "dates of plain XML: 2026-11-21 or 21.11.2026", ("iso", "ru")),
    "xml_client": Switch("on", "plain XML says in a data block «client» whose rows these are", ONOFF),
    "redirect_to": Switch("http://moved.broker.invalid/bo", "where redirects point to, with the rest of the path"),
    "wsdl_address": Switch("", "base address inside the WSDL, like http://bo.inside.invalid; empty: the true one"),
}


class FieldError(NamedTuple):
    code: str
    field: str
    message: str


class Troubles:
    """The switches that hold for one request, as they were when it came in."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def on(self, name: str) -> bool:
        return bool(self._values[name] == "on")

    def word(self, name: str) -> str:
        """The chosen word; "" for off."""
        value = str(self._values[name])
        return "" if value == "off" else value

    def number(self, name: str) -> float:
        return float(self._values[name])

    def count(self, name: str) -> int:
        return int(self._values[name])


class Faults(Switches):
    """The switches of this office."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(SWITCHES, seed)

    def set(self, name: str, value: Any) -> None:
        if name == "only":
            _known(name, value, SETS)
        if name == "faults_next":
            _known(name, value, FAULT_CODES)
        if name == "field_errors_next":
            _known(name, ",".join(pair.partition(":")[0] for pair in str(value).split(",")), FIELD_CODES)
        if name == "times" and not re.fullmatch(r"\d*", str(value)):
            raise ValueError(f"times takes a whole number or nothing, not {value!r}")
        if name == "bad_cells" and float(value) > 1:
            raise ValueError(f"bad_cells must not be {value}")
        super().set(name, value)

    def clear(self) -> None:
        """Every switch back to its default."""
        self.set_all({name: switch.default for name, switch in SWITCHES.items()})

    def for_request(self, what: str) -> Troubles:
        """The troubles of a request for that set; uses up one of `times` if there is any."""
        quiet = {name: switch.default for name, switch in TROUBLES.items()}
        meant = _words(self.word("only"))
        times = self.word("times")
        if (meant and what not in meant) or times == "0":
            return Troubles(quiet)
        values = {name: self.get(name) for name in TROUBLES}
        if times and values != quiet:
            self.set("times", str(int(times) - 1))
        return Troubles(values)

    def next_fault(self, what: str) -> str:
        """Use up the first of `faults_next`."""
        meant, words = _words(self.word("only")), _words(self.word("faults_next"))
        if not words or (meant and what not in meant):
            return ""
        self.set("faults_next", ",".join(words[1:]))
        return words[0]

    def next_field_errors(self) -> list[FieldError]:
        """Use up `field_errors_next`, all of them for one request."""
        pairs = [pair.partition(":") for pair in _words(self.word("field_errors_next"))]
        self.set("field_errors_next", "")
        return [FieldError(code, field or "Person", f"{code} on demand") for code, _, field in pairs]


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _known(name: str, value: Any, known: tuple[str, ...]) -> None:
    unknown = [word for word in _words(str(value)) if word not in known]
    if unknown:
        raise ValueError(f"{name} knows {', '.join(known)}, not {', '.join(unknown)}")
