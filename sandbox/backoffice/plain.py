"""The plain-XML face: `GET /bo/<data set>.xml` and the writer (contract 6.5), and under /dealer/ the same book as another
broker would show it: other words and codes, windows-1251, decimal comma, Russian dates, one table more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from lxml import etree

from sandbox.backoffice import access, other_writer, reading, soap, xml_in, xml_out
from sandbox.backoffice.errors import Fault, NoSuchOperation
from sandbox.backoffice.faults import Faults, Troubles
from sandbox.backoffice.request import XML, Answer, Request
from sandbox.backoffice.state import Office
from sandbox.backoffice.tables import OTHER, PARTS, SETS, TABLES, Column, Row, Table, part_of
from sandbox.backoffice.values import NUMBER, russian_date

LIMIT = 100
SET_OF = {"position_cash": "position", "position_securities": "position"}
LOOKUPS = {
    "request.xml": ("GetRequest", {"request_id": "RequestID"}),
    "clients.xml": ("FindClient", {"inn": "INN", "phone": "Phone"}),
}
TYPES = {"money": "double", "decimal": "double", "count": "int32", "date": "date", "datetime": "datetime"}


class Manner(NamedTuple):
    """How one of the two brokers writes."""

    encoding: str
    comma: bool
    russian: bool
    client_block: bool
    client_id: str = "client_id"  # the query's words
    start: str = "start"
    limit: str = "limit"
    errors: tuple[str, ...] = ("errors", "CODE", "FIELD", "MESSAGE", "TRACE_ID")  # the block and its row
    cursor: tuple[str, ...] = ("cursor", "INDEX", "TOTAL", "PAGESIZE")
    other: bool = False

    def attribute(self, column: Column) -> str:
        return column.other if self.other else column.xml

    def cell(self, column: Column, value: str) -> str:
        if self.comma and column.kind in ("money", "decimal") and NUMBER.fullmatch(value):
            return value.replace(".", ",")
        return russian_date(value) if self.russian and column.kind == "date" else value


DEALER = Manner(
    "windows-1251", True, True, True, "kod", "s", "skolko", ("oshibki", "KOD", "POLE", "TEKST", "SLED"),
    ("stranitsa", "NACHALO", "VSEGO", "STROK"), other=True,
)  # fmt: skip


def manner(faults: Faults) -> Manner:
    return Manner(
        faults.word("xml_encoding"), faults.word("xml_decimal") == "comma", faults.word("xml_dates") == "ru",
        faults.on("xml_client"),
    )  # fmt: skip


def set_of(path: str) -> str:
    """What the switches call the set at an address; "" where there is none."""
    place, _, name = path.strip("/").partition("/")
    name = name.removesuffix(".xml")
    if place == "dealer":
        if name == "otkryt":
            return "open"
        if f"{name}.xml" in other_writer.LOOKUPS:
            return {"zayavka": "request", "kto": "clients"}[name]
        name = OTHER[name].name if name in OTHER else ""
    elif name == "margin":
        return ""
    return name if name in SETS else SET_OF.get(name, name if name in TABLES else "")


class PlainFace:
    def __init__(self, office: Office, password: str) -> None:
        self._office, self._password = office, password

    def answer(self, request: Request, troubles: Troubles, entry: dict[str, object]) -> Answer:
        """Errors come with 200, in a data block of their own."""
        file = request.path.rpartition("/")[2]
        how = self.manner_of(request)
        try:
            access.check(self._office, request, self._password, None, soap=False)
            if file == (other_writer.OPEN if how.other else "open.xml"):
                read = other_writer.read if how.other else xml_in.parse
                return self._write(request, "OpenAccount", read, how, entry)
            lookups = other_writer.LOOKUPS if how.other else LOOKUPS
            if file in lookups:
                operation, words = lookups[file]
                return self._write(request, operation, lambda _: _asked(operation, words, request.query), how, entry)
            if request.verb != "GET":
                return Answer(405, b"GET only\n", "text/plain", {"Allow": "GET"}, outcome="no_get")
            table = (OTHER if how.other else TABLES)[file.removesuffix(".xml")]
            return self._read(request, table, how, troubles, entry)
        except Fault as fault:
            return self.fault(fault, how)
        except NoSuchOperation:
            return Answer(404, b"not found\n", "text/plain", outcome="no_operation")

    def fault(self, fault: Fault, how: Manner | None = None) -> Answer:
        how = how or manner(self._office.faults)
        field = fault.field or (how.client_id if fault.code == "CLIENT_NOT_FOUND" else "")
        trace = f"bo-{self._office.number('trace'):04x}"
        block, *names = how.errors
        code = other_writer.FAULTS.get(fault.code, fault.code) if how.other else fault.code
        row = _row(dict(zip(names, (code, field, fault.message, trace), strict=True)))
        body = "".join(_document(how, [f'<data id="{block}"><rows>{row}</rows></data>']))
        return Answer(200, _encoded(body, how), _type(how), outcome=fault.code)

    def manner_of(self, request: Request) -> Manner:
        return DEALER if request.path.startswith("/dealer/") else manner(self._office.faults)

    def _write(
        self,
        request: Request,
        operation: str,
        read: Callable[[bytes], etree._Element],
        how: Manner,
        entry: dict[str, object],
    ) -> Answer:
        if operation == "OpenAccount" and request.verb != "POST":
            return Answer(405, b"POST only\n", "text/plain", {"Allow": "POST"}, outcome="no_post")
        element = read(request.raw)
        if xml_in.name_of(element) != operation:
            raise Fault("SCHEMA", f"{operation} is needed")
        xml_in.check(element)
        node, outcome = soap.written(self._office, operation, element, entry)
        if how.other:
            text = f'<?xml version="1.0" encoding="{how.encoding}"?>\n{other_writer.write(node)}'
            return Answer(200, _encoded(text, how), _type(how), outcome=outcome)
        return Answer(200, (xml_out.DECLARATION + xml_out.write(node)).encode(), XML, outcome=outcome)

    def _read(self, request: Request, table: Table, how: Manner, troubles: Troubles, entry: dict[str, object]) -> Answer:
        query = request.query
        start, limit = _number(query.get(how.start, "0"), how.start), _number(query.get(how.limit, str(LIMIT)), how.limit)
        asked = reading.Asked(query.get(how.client_id, ""), start=start, limit=limit or LIMIT)
        entry |= {"client": asked.client, "page": str(start)}
        found = reading.find(self._office, troubles, (table,), asked)
        entry["rows"] = found.total
        total = found.total + (start // asked.limit if troubles.on("total_changes") else 0)
        block, *names = how.cursor
        cursor = _row(dict(zip(names, (str(start), str(total), str(asked.limit)), strict=True)))
        blocks = _blocks(table, found.rows, how)
        if how.client_block:
            who = _row({"CLIENT_ID": found.client, "AS_OF": self._office.now()})
            blocks = _chained([f'<data id="client"><rows>{who}</rows></data>'], blocks)
        blocks = _chained(blocks, [f'<data id="{block}"><rows>{cursor}</rows></data>'])
        answer = soap.finished(iter(_document(how, blocks)), found, how.encoding.removesuffix("-bom"))
        if how.encoding.endswith("-bom") and answer.stream is None:
            answer.body = b"\xef\xbb\xbf" + answer.body
        answer.kind = _type(how)
        return answer


def _asked(operation: str, words: dict[str, str], query: dict[str, str]) -> etree._Element:
    """The query as the element that SOAP would bring."""
    element = etree.Element(xml_in.tagged(operation))
    for word, tag in words.items():
        if query.get(word):
            etree.SubElement(element, xml_in.tagged(tag)).text = query[word]
    return element


def _document(how: Manner, blocks: Iterable[str]) -> Iterator[str]:
    yield f'<?xml version="1.0" encoding="{how.encoding.removesuffix("-bom")}"?>\n<document>'
    yield from blocks
    yield "</document>"


def _blocks(table: Table, rows: Iterable[tuple[Table, Row]], how: Manner) -> Iterator[str]:
    """The rows with their metadata; every attribute in every row, empty where there is no value."""
    rows = iter(rows)
    first = next(rows, None)
    shown = first[0] if first else table
    columns = [one for one in shown.columns if how.attribute(one)]
    parts = any(one.part for one in columns)
    told = "".join(f'<column name="{how.attribute(one)}" type="{TYPES.get(one.kind, "string")}"/>' for one in columns)
    told += f'<column name="{"TIP" if how.other else "KIND"}" type="string"/>' if parts else ""
    yield f'<data id="{table.other if how.other else table.name}"><metadata><columns>{told}</columns></metadata><rows>'
    for _, row in _chained([first] if first else [], rows):
        cells = {how.attribute(one): how.cell(one, row.get(one.name, "")) for one in columns}
        if parts:
            cells["TIP" if how.other else "KIND"] = PARTS.get(part_of(table, row), "")
        yield _row(cells)
    yield "</rows></data>"


def _chained(*parts: Iterable[object]) -> Iterator:  # type: ignore[type-arg]
    for part in parts:
        yield from part


def _row(cells: dict[str, str]) -> str:
    return "<row " + " ".join(f'{name}="{xml_out.escape(text)}"' for name, text in cells.items()) + "/>"


def _encoded(text: str, how: Manner) -> bytes:
    mark = b"\xef\xbb\xbf" if how.encoding.endswith("-bom") else b""
    return mark + text.encode(how.encoding.removesuffix("-bom"), "xmlcharrefreplace")


def _type(how: Manner) -> str:
    return f"text/xml; charset={how.encoding.removesuffix('-bom')}"


def _number(text: str, name: str) -> int:
    if not text.isdecimal():
        raise Fault("SCHEMA", f"{name} is no number", name)
    return int(text)
