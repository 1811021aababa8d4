"""The SOAP face: SOAP 1.1, document/literal, eight services below /bo/ (contract 6.3)."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from sandbox.backoffice import access, opening, reading, wsdl, xml_in, xml_out
from sandbox.backoffice.errors import Fault, NoSuchOperation
from sandbox.backoffice.faults import Troubles
from sandbox.backoffice.request import XML, Answer, Request
from sandbox.backoffice.state import Office
from sandbox.backoffice.tables import READERS, SERVICE_OPERATIONS, Reader
from sandbox.backoffice.xml_in import NAMESPACE, value
from sandbox.backoffice.xml_out import ENVELOPE, STYLES, Node, Prefixes

ROOT = f"{{{ENVELOPE}}}"
STREAM_PIECE = 65_536


class SoapFace:
    def __init__(self, office: Office, password: str) -> None:
        self._office, self._password = office, password

    def prefixes(self) -> Prefixes:
        if self._office.faults.word("prefixes") == "stay":
            return STYLES[0]
        return STYLES[self._office.number("answer") % len(STYLES)]

    def describe(self) -> Answer:
        base = self._office.faults.word("wsdl_address") or f"{self._office.address}/bo"
        return Answer(200, wsdl.document(base).encode(), XML)

    def answer(self, request: Request, service: str, troubles: Troubles, entry: dict[str, object]) -> Answer:
        """A call; whatever is wrong with it is a fault."""
        if request.verb != "POST":
            return Answer(405, b"POST only\n", "text/plain", {"Allow": "POST"}, outcome="no_post")
        if not request.kind.lower().startswith("text/xml"):
            return Answer(415, b"text/xml only\n", "text/plain", outcome="no_xml")
        try:
            return self._call(request, service, troubles, entry)
        except Fault as fault:
            return self.fault(fault)
        except NoSuchOperation:
            return self._failed("Client", "Server did not recognize the value of HTTP Header SOAPAction", "", "no_operation")
        except _OtherVersion:
            return self._failed("VersionMismatch", "SOAP 1.1 only", "", "version")

    def fault(self, fault: Fault) -> Answer:
        trace = f"bo-{self._office.number('trace'):04x}"
        detail = Node("ServiceFault", (
            Node("Code", fault.code), Node("Message", fault.message), Node("TraceID", trace),
        ))  # fmt: skip
        return self._failed("Server" if fault.server else "Client", fault.text, xml_out.write(detail), fault.code)

    def _failed(self, who: str, text: str, detail: str, outcome: str) -> Answer:
        prefixes = self.prefixes()
        s = prefixes.envelope
        inner = f"<{s}:Fault><faultcode>{s}:{who}</faultcode><faultstring>{xml_out.escape(text)}</faultstring>"
        inner += f"<detail>{detail}</detail></{s}:Fault>" if detail else f"</{s}:Fault>"
        body = "".join(xml_out.envelope(prefixes, [inner])).encode()
        return Answer(int(self._office.faults.word("fault_status")), body, XML, outcome=outcome)

    def _call(self, request: Request, service: str, troubles: Troubles, entry: dict[str, object]) -> Answer:
        head, element = _opened(request.raw)
        access.check(self._office, request, self._password, head, soap=True)
        operation = xml_in.name_of(element)
        action = request.headers.get("soapaction", "").strip().strip('"')
        if operation not in SERVICE_OPERATIONS[service] or action not in ("", f"{NAMESPACE}/{operation}"):
            raise NoSuchOperation
        xml_in.check(element)
        prefixes = self.prefixes()
        if operation in READERS:
            return self._read(READERS[operation], element, troubles, prefixes, entry)
        node, outcome = written(self._office, operation, element, entry)
        body = "".join(xml_out.envelope(prefixes, [xml_out.write(node, prefixes)])).encode()
        return Answer(200, body, XML, outcome=outcome)

    def _read(
        self, reader: Reader, element: etree._Element, troubles: Troubles, prefixes: Prefixes, entry: dict[str, object]
    ) -> Answer:
        office, token = self._office, value(element, "PageToken")
        asked = reading.Asked(
            value(element, "ClientID"), value(element, "From"), value(element, "Till"), 0,
            int(value(element, "PageSize") or 0),
        )  # fmt: skip
        entry |= {"client": asked.client, "page": token}
        found = reading.find(office, troubles, reader.tables, reading.as_soap_asks(reader, asked, token, office))
        entry["rows"] = found.total
        head = [Node("ClientID", found.client), Node("AsOf", office.now())]
        if found.more:
            size = len(list(found.rows))
            head.append(Node("NextPageToken", office.page_token(reader.operation, asked.client, found.start + size)))
        rows = xml_out.reader_answer(reader.operation, Node("Page", tuple(head)), found.rows, prefixes)
        return finished(xml_out.envelope(prefixes, rows), found, "utf-8")


class _OtherVersion(Exception):
    """The envelope is none of SOAP 1.1."""


def _opened(raw: bytes) -> tuple[etree._Element | None, etree._Element]:
    """Header and the one element in the body."""
    root = xml_in.parse(raw)
    if etree.QName(root).localname != "Envelope":
        raise Fault("SCHEMA", "an Envelope is needed")
    if etree.QName(root).namespace != ENVELOPE:
        raise _OtherVersion
    body = root.find(f"{ROOT}Body")
    elements = [] if body is None else [one for one in body if isinstance(one.tag, str)]
    if len(elements) != 1:
        raise Fault("SCHEMA", "one element in the Body is needed")
    return root.find(f"{ROOT}Header"), elements[0]


def written(office: Office, operation: str, element: etree._Element, entry: dict[str, object]) -> tuple[Node, str]:
    """The three operations of OpeningService, whatever face they came by."""
    if operation == "OpenAccount":
        entry["request_id"] = value(element, "RequestID")
        node, outcome = opening.open_account(office, element)
        if outcome != "rejected":
            entry["client"] = next(one.client for one in reversed(office.registrations) if one.answer is node)
        return node, outcome
    if operation == "GetRequest":
        entry["request_id"] = value(element, "RequestID")
        return opening.get_request(office, element), "ok"
    return opening.find_client(office, element), "ok"


def finished(pieces: Iterator[str], found: reading.Found, encoding: str) -> Answer:
    """Bytes at once, or a stream where rows are made up."""
    if isinstance(found.rows, list):
        return Answer(200, "".join(pieces).encode(encoding, "xmlcharrefreplace"), XML)
    return Answer(200, kind=XML, stream=_stream(pieces, found, encoding), outcome="huge")


def _stream(pieces: Iterator[str], found: reading.Found, encoding: str) -> Iterator[bytes]:
    """In pieces of 64 KB; counts what went out, which ends the rows when it is enough."""
    gathered: list[str] = []
    size = 0
    for piece in pieces:
        gathered.append(piece)
        size += len(piece)
        found.sent += len(piece)
        if size >= STREAM_PIECE:
            yield "".join(gathered).encode(encoding, "xmlcharrefreplace")
            gathered, size = [], 0
    yield "".join(gathered).encode(encoding, "xmlcharrefreplace")
