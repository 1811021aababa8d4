"""Opening an account: the request written once, its answer, and the two look-ups after an answer that got lost.

What the proposal's own schema covers is held to it both ways; another broker's namespace is only read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from lxml import etree

from connectors.backoffice import errors, limits, values, xml
from connectors.backoffice.client import Client, Received, element
from connectors.backoffice.reading import ENVELOPE, Faulted, error_of, fault_of, short
from connectors.backoffice.xml import Bad, Element
from kernel.datasets import Accepted, Accounts, FieldError, FoundClient, Opened, Refusal, Standing
from kernel.errors import BadInput, Misconfigured
from kernel.extension import Connection
from kernel.mapping import OpeningService, PushMap
from kernel.mapping.pushes import STATES
from kernel.mapping.wire import NAMESPACE, prefix_of

SCHEMA = Path(__file__).with_name("schema.xsd")
_STEP = re.compile(r"(?P<tag>[A-Za-z_][\w.-]*)(?:\[(?:\d+|@(?P<name>[\w.-]+)='(?P<value>[^']*)')\])?")
UTF_8 = "utf-8"
ANSWER_BYTES_MAX = limits.IN_MEMORY_BYTES


@cache
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(str(SCHEMA), etree.XMLParser(no_network=True, resolve_entities=False)))


def _problem() -> Any:
    """The first of what the last check found."""
    log: Any = schema().error_log
    return log[0]


class OpenedAccounts(Accounts):
    """`OpeningService` of one connection."""

    def __init__(self, connection: Connection, client: Callable[[], Client]) -> None:
        self._mapping, self._client = connection.mapping, client

    def push(self, name: str) -> PushMap:
        found = self._mapping.pushes.get(name)
        if found is None:
            raise Misconfigured(f"mapping set «{self._mapping.name}» has no push.{name}.toml")
        return found

    def compose(self, push: str, request_id: str, elements: Sequence[tuple[str, str]]) -> bytes:
        service = self.push(push).service
        prefix = prefix_of(service.namespace)
        spaces: Any = {None: service.namespace} if service.namespace else None
        root = etree.Element(prefix + (service.operation or service.word("OpenAccount")), nsmap=spaces)
        if named := service.word("RequestID"):
            _put(root, prefix, named, request_id)
        for path, text in elements:
            _put(root, prefix, path, text)
        if service.namespace == NAMESPACE and not schema().validate(root):
            problem = _problem()
            raise BadInput(
                f"the request does not keep to the schema: {_words(problem.message)}", field=_path_of(root, problem.path)
            )
        return bytes(etree.tostring(root, encoding="utf-8"))

    def open(self, push: str, request: bytes) -> Opened:
        declared = self.push(push)
        service = declared.service
        with self._asked(declared, service.operation, _leaving(request, service), maybe=True) as received:
            answer = self._read(received, service, _response(service, service.operation, "OpenAccount"), maybe=True)
            words = _Words(service)
            if words.text(answer, "RequestID") != words.text(etree.fromstring(request), "RequestID"):
                raise errors.bad("the answer is to another request", maybe=True)
            return words.opened(answer)

    def standing(self, push: str, request_id: str) -> Standing:
        declared = self.push(push)
        service = declared.service
        if not service.status:
            raise Misconfigured(f"push.{push}.toml names no service.status: requests cannot be looked up")
        with self._looked_up(declared, service.status, {"RequestID": request_id}) as received:
            answer, words = self._read(received, service, _response(service, service.status, "GetRequest")), _Words(service)
            if words.text(answer, "RequestID") != request_id:
                raise errors.bad("the answer is about another request")
            said = words.text(answer, "State")
            state = next((name for name in STATES if service.word(name) == said), "")
            inner = answer.find(words.tag(_response(service, service.operation, "OpenAccount")))
            if state in ("ACCEPTED", "REJECTED") and inner is None:
                raise errors.bad(f"a request that is {state}, and no answer to it")
            match state:
                case "ACCEPTED" | "REJECTED":
                    assert inner is not None
                    return Standing("accepted" if state == "ACCEPTED" else "rejected", words.opened(inner))
                case "UNKNOWN":
                    return Standing("unknown")
                case "IN_WORK":
                    return Standing("in_work")
            raise errors.bad("a state of a request that is none of those agreed")

    def find(self, push: str, *, inn: str = "", phone: str = "") -> list[FoundClient]:
        declared = self.push(push)
        service = declared.service
        if not service.find:
            raise Misconfigured(f"push.{push}.toml names no service.find: clients cannot be looked up")
        asked = {name: text for name, text in (("INN", inn), ("Phone", phone)) if text}
        if not asked:
            raise BadInput("neither ИНН nor phone to look a client up by")
        with self._looked_up(declared, service.find, asked) as received:
            answer, words = self._read(received, service, _response(service, service.find, "FindClient")), _Words(service)
            return [
                FoundClient(
                    words.text(one, "ClientID"), words.text(one, "Name"), words.text(one, "ContractNumber"),
                    words.day(one, "OpenDate"),
                )
                for one in answer.iterfind(words.tag("Client"))
            ]  # fmt: skip

    # -- the wire

    @contextmanager
    def _asked(self, declared: PushMap, operation: str, request: bytes, *, maybe: bool = False) -> Iterator[Received]:
        service, encoding = declared.service, declared.service.encoding or UTF_8
        where = self._place(declared, "path")
        if service.face == "soap":
            action = f"{service.namespace}/{operation}" if service.action is None else service.action
            with self._client().soap(service.path, action, request, where, maybe=maybe, encoding=encoding) as received:
                yield received
            return
        with self._client().plain(service.path, {}, where, body=request, maybe=maybe, encoding=encoding) as received:
            yield received

    def _place(self, declared: PushMap, key: str) -> str:
        """Where the set says it, for whoever has to change that."""
        said = getattr(declared.service, key)
        return f"{self._mapping.name}/push.{declared.name}.toml: service.{key} = «{said}»"

    @contextmanager
    def _looked_up(self, declared: PushMap, named: str, texts: dict[str, str]) -> Iterator[Received]:
        """`texts` by our names. `named` is the operation, or of plain XML the path."""
        service = declared.service
        if service.face == "soap":
            asked = {service.word(name): text for name, text in texts.items()}
            request = element(named, service.namespace, asked, service.encoding or UTF_8)
            with self._asked(declared, named, request) as received:
                yield received
            return
        words = {"RequestID": "request_id", "INN": "inn", "Phone": "phone"}
        query = {service.word(words[name]): text for name, text in texts.items()}
        where = self._place(declared, "status" if named == service.status else "find")
        with self._client().plain(named, query, where) as received:
            yield received

    def _read(self, received: Received, service: OpeningService, wanted: str, *, maybe: bool = False) -> Element:
        """The answer's element, held to the schema. Raises BadAnswer, and what a fault means."""
        head = received.head()
        try:
            found = _document(received, service)
            if found.tag != prefix_of(service.namespace) + wanted:
                raise Bad(f"it is no {wanted} of «{service.namespace}»")
            if service.namespace == NAMESPACE and not schema().validate(etree.fromstring(etree.tostring(found))):
                raise Bad(f"it does not keep to the schema: {_words(_problem().message)}")
        except Bad as exc:
            raise errors.bad(str(exc), head, maybe=maybe) from None
        except Faulted as fault:
            raise errors.ours(fault, maybe=maybe) from None
        return found


def _response(service: OpeningService, named: str, ours: str) -> str:
    """The answer's element to that operation, without its namespace."""
    name = f"{ours}Response"
    if name in service.names:
        return service.word(name)
    return f"{named}Response" if service.face == "soap" else name


def _leaving(request: bytes, service: OpeningService) -> bytes:
    """The request as that back office reads it: the very same bytes each time."""
    if not service.encoding:
        return request
    declared = service.face == "xml"
    made: Any = etree.tostring(etree.fromstring(request), encoding=service.encoding, xml_declaration=declared)
    return bytes(made)


def _document(received: Received, service: OpeningService) -> Element:
    """A small document, as a whole."""
    content = received.file.read(ANSWER_BYTES_MAX + 1)
    if len(content) > ANSWER_BYTES_MAX:
        raise Bad(f"it is larger than {ANSWER_BYTES_MAX} bytes")
    xml.check_prolog(content)
    try:
        encoding: Any = {"encoding": service.encoding} if service.encoding else {}
        root = etree.fromstring(content, etree.XMLParser(**xml.SAFE, **encoding))
    except (etree.XMLSyntaxError, LookupError) as exc:
        raise Bad(f"it is not well-formed: {xml.plain(getattr(exc, 'msg', ''))}") from exc
    xml.check_tree(root)
    if service.face == "soap":
        body = root.find(f"{ENVELOPE}Body")
        if root.tag != f"{ENVELOPE}Envelope" or body is None or len(body) != 1:
            raise Bad("it is no envelope of SOAP 1.1 with one element in it")
        if body[0].tag == f"{ENVELOPE}Fault":
            raise fault_of(body[0], service)
        return body[0]
    if root.tag == "document":
        for block in root.iterfind("data"):
            if block.get("id") == service.word("errors"):
                raise next((error_of(row, service) for row in block.iterfind("rows/row")), Faulted("", "", "", "Client"))
    return root


class _Words:
    """Reads an answer by the names that its back office uses."""

    def __init__(self, service: OpeningService) -> None:
        self._service, self._prefix = service, prefix_of(service.namespace)
        self._day = values.russian_day if service.dates == "ru" else values.day

    def tag(self, ours: str) -> str:
        return self._prefix + self._service.word(ours)

    def text(self, element: Element, ours: str) -> str:
        """What the child says; "" where it is not there, or that back office has none of that name."""
        name = self._service.word(ours)
        return (element.findtext(self._prefix + name) or "").strip() if name else ""

    def day(self, element: Element, ours: str) -> date | None:
        try:
            return self._day(self.text(element, ours))
        except ValueError:
            return None

    def opened(self, answer: Element) -> Opened:
        accepted = answer.find(self.tag("Accepted"))
        if accepted is not None:
            client, contract = self.text(accepted, "ClientID"), self.text(accepted, "ContractNumber")
            if not client:
                raise errors.bad("accepted, and no ClientID", maybe=True)
            if len(client) > limits.CLIENT_ID_CHARACTERS_MAX or not client.isprintable():
                raise errors.bad("accepted, and its ClientID is no short text", maybe=True)
            contract = short(contract, limits.CONTRACT_CHARACTERS_MAX)
            return Accepted(client, contract, self.day(accepted, "AccountOpenDate"))
        rejected = answer.iterfind(f"{self.tag('Rejected')}/{self.tag('Error')}")
        found = tuple(map(self._error, islice(rejected, limits.FIELD_ERRORS_MAX)))
        if not found:
            raise errors.bad("neither accepted nor rejected", maybe=True)
        return Refusal(found)

    def _error(self, element: Element) -> FieldError:
        return FieldError(
            short(self._service.code(self.text(element, "Code")), limits.CODE_CHARACTERS_MAX),
            short(self.text(element, "Field"), limits.FIELD_CHARACTERS_MAX),
            short(self.text(element, "Message"), limits.FAULT_CHARACTERS_MAX),
        )


def _put(root: Element, prefix: str, path: str, text: str) -> None:
    """The element at that path below the root; parts that stand there already are gone into, the last step is always new."""
    here, steps = root, path.split("/")
    for place, step in enumerate(steps):
        found = _STEP.fullmatch(step)
        if found is None:
            raise BadInput(f"«{path}» is no path of elements", field=path)
        tag = prefix + found["tag"]
        if place < len(steps) - 1 and len(here) and here[-1].tag == tag:
            here = here[-1]
            continue
        here = etree.SubElement(here, tag)
        if found["name"]:
            here.set(found["name"], found["value"])
    try:
        here.text = text
    except ValueError as exc:
        raise BadInput(f"{path} holds characters that XML does not have", field=path) from exc


def _words(message: str) -> str:
    """What the schema's check says, without any value: that may be somebody's. Names of elements are none."""
    named = re.match(r"Element '(?:\{[^}]*\})?([\w.-]+)'", message)
    about = named[1] if named else "an element"
    if "not expected" in message or "Missing child" in message:
        wanted = re.findall(r"\{[^}]*\}([\w.-]+)", message.partition("Expected is")[2])
        return f"{about} is not expected there" + (f", but {' or '.join(wanted[:5])}" if wanted else "")
    return f"{about} has a value that is none of its kind"


def _path_of(root: Element, path: str | None) -> str:
    """«Person/BirthDate», where the check counts."""
    found = root.getroottree().xpath(path) if path else []
    names: list[str] = []
    here = found[0] if isinstance(found, list) and found else None
    while isinstance(here, etree._Element) and here is not root:
        names.insert(0, etree.QName(here).localname)
        here = here.getparent()
    return "/".join(names)
