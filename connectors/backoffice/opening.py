"""Opening an account: the request written once, its answer, and the two look-ups after an answer that got lost.

What the proposal's own schema covers is held to it both ways; another broker's namespace is only read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from connectors.backoffice import errors, limits, values, xml
from connectors.backoffice.client import Client, Received, element
from connectors.backoffice.reading import ENVELOPE, ERRORS, Faulted, fault_of
from connectors.backoffice.xml import Bad, Element
from kernel.datasets import Accepted, Accounts, FieldError, FoundClient, Opened, Refusal, Standing
from kernel.errors import BadInput, Misconfigured
from kernel.extension import Connection
from kernel.mapping import OpeningService, PushMap
from kernel.mapping.sets import NAMESPACE

SCHEMA = Path(__file__).with_name("schema.xsd")
_STEP = re.compile(r"(?P<tag>[A-Za-z_][\w.-]*)(?:\[(?:\d+|@(?P<name>[\w.-]+)='(?P<value>[^']*)')\])?")
_STATES = {"UNKNOWN": "unknown", "IN_WORK": "in_work", "ACCEPTED": "accepted", "REJECTED": "rejected"}
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
        prefix = f"{{{service.namespace}}}"
        root = etree.Element(f"{prefix}{service.operation or 'OpenAccount'}", nsmap={None: service.namespace})  # type: ignore[dict-item]
        _put(root, prefix, "RequestID", request_id)
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
        with self._asked(declared, service.path, service.operation, request, maybe=True) as received:
            answer = self._read(received, service, f"{service.operation or 'OpenAccount'}Response", maybe=True)
            named = f"{{{service.namespace}}}RequestID"
            if answer.findtext(named) != etree.fromstring(request).findtext(named):
                raise errors.bad("the answer is to another request", maybe=True)
            return _opened(answer, f"{{{service.namespace}}}")

    def standing(self, push: str, request_id: str) -> Standing:
        declared = self.push(push)
        service = declared.service
        if not service.status:
            raise Misconfigured(f"push.{push}.toml names no service.status: requests cannot be looked up")
        prefix = f"{{{service.namespace}}}"
        with self._looked_up(declared, service.status, "GetRequest", {"RequestID": request_id}) as received:
            answer = self._read(received, service, _response(service, service.status, "GetRequest"))
            if answer.findtext(f"{prefix}RequestID") != request_id:
                raise errors.bad("the answer is about another request")
            state = _STATES.get((answer.findtext(f"{prefix}State") or "").strip())
            inner = answer.find(f"{prefix}OpenAccountResponse")
            if state in ("accepted", "rejected") and inner is None:
                raise errors.bad(f"a request that is {state}, and no answer to it")
            match state:
                case "accepted" | "rejected":
                    assert inner is not None
                    return Standing(state, _opened(inner, prefix))
                case "unknown" | "in_work":
                    return Standing(state)
            raise errors.bad("a state of a request that is none of those agreed")

    def find(self, push: str, *, inn: str = "", phone: str = "") -> list[FoundClient]:
        declared = self.push(push)
        service = declared.service
        if not service.find:
            raise Misconfigured(f"push.{push}.toml names no service.find: clients cannot be looked up")
        asked = {name: text for name, text in (("INN", inn), ("Phone", phone)) if text}
        if not asked:
            raise BadInput("neither ИНН nor phone to look a client up by")
        prefix = f"{{{service.namespace}}}"
        with self._looked_up(declared, service.find, "FindClient", asked) as received:
            answer = self._read(received, service, _response(service, service.find, "FindClient"))
            return [
                FoundClient(
                    _text(one, f"{prefix}ClientID"), _text(one, f"{prefix}Name"), _text(one, f"{prefix}ContractNumber"),
                    _day(_text(one, f"{prefix}OpenDate")),
                )
                for one in answer.iterfind(f"{prefix}Client")
            ]  # fmt: skip

    # -- the wire

    @contextmanager
    def _asked(
        self, declared: PushMap, path: str, operation: str, request: bytes, *, maybe: bool = False
    ) -> Iterator[Received]:
        service, where = declared.service, f"push.{declared.name}.toml: service.path = «{path}»"
        if service.face == "soap":
            action = f"{service.namespace}/{operation}"
            with self._client().soap(path, action, request, where, maybe=maybe) as received:
                yield received
            return
        with self._client().plain(path, {}, where, body=request, maybe=maybe) as received:
            yield received

    @contextmanager
    def _looked_up(self, declared: PushMap, named: str, operation: str, texts: dict[str, str]) -> Iterator[Received]:
        service = declared.service
        if service.face == "soap":
            with self._asked(declared, service.path, named, element(named, service.namespace, texts)) as received:
                yield received
            return
        words = {"RequestID": "request_id", "INN": "inn", "Phone": "phone"}
        where = f"push.{declared.name}.toml: service «{named}»"
        query = {words[name]: text for name, text in texts.items()}
        with self._client().plain(named, query, where) as received:
            yield received

    def _read(self, received: Received, service: OpeningService, wanted: str, *, maybe: bool = False) -> Element:
        """The answer's element, held to the schema. Raises BadAnswer, and what a fault means."""
        head = received.head()
        try:
            found = _document(received, service)
            if found.tag != f"{{{service.namespace}}}{wanted}":
                raise Bad(f"it is no {wanted} of {service.namespace}")
            if service.namespace == NAMESPACE and not schema().validate(etree.fromstring(etree.tostring(found))):
                raise Bad(f"it does not keep to the schema: {_words(_problem().message)}")
        except Bad as exc:
            raise errors.bad(str(exc), head, maybe=maybe) from None
        except Faulted as fault:
            raise errors.ours(fault, maybe=maybe) from None
        return found


def _response(service: OpeningService, named: str, operation: str) -> str:
    return f"{named if service.face == 'soap' else operation}Response"


def _document(received: Received, service: OpeningService) -> Element:
    """A small document, as a whole."""
    content = received.file.read(ANSWER_BYTES_MAX + 1)
    if len(content) > ANSWER_BYTES_MAX:
        raise Bad(f"it is larger than {ANSWER_BYTES_MAX} bytes")
    xml.check_prolog(content)
    try:
        root = etree.fromstring(content, etree.XMLParser(**xml.SAFE))
    except (etree.XMLSyntaxError, LookupError) as exc:
        raise Bad(f"it is not well-formed: {xml.plain(getattr(exc, 'msg', ''))}") from exc
    xml.check_tree(root)
    if service.face == "soap":
        body = root.find(f"{ENVELOPE}Body")
        if root.tag != f"{ENVELOPE}Envelope" or body is None or len(body) != 1:
            raise Bad("it is no envelope of SOAP 1.1 with one element in it")
        if body[0].tag == f"{ENVELOPE}Fault":
            raise fault_of(body[0])
        return body[0]
    if root.tag == "document":
        for row in root.iterfind(f"data[@id='{ERRORS}']/rows/row"):
            raise Faulted(row.get("CODE") or "", row.get("MESSAGE") or "", row.get("TRACE_ID") or "", "Client")
    return root


def _opened(answer: Element, prefix: str) -> Opened:
    accepted = answer.find(f"{prefix}Accepted")
    if accepted is not None:
        day = _day(_text(accepted, f"{prefix}AccountOpenDate"))
        client, contract = _text(accepted, f"{prefix}ClientID"), _text(accepted, f"{prefix}ContractNumber")
        if not client:
            raise errors.bad("accepted, and no ClientID", maybe=True)
        return Accepted(client, contract, day)
    found = tuple(
        FieldError(
            _text(one, f"{prefix}Code"), _text(one, f"{prefix}Field"),
            _text(one, f"{prefix}Message")[: limits.FAULT_CHARACTERS_MAX],
        )
        for one in answer.iterfind(f"{prefix}Rejected/{prefix}Error")
    )  # fmt: skip
    if not found:
        raise errors.bad("neither accepted nor rejected", maybe=True)
    return Refusal(found)


def _text(element: Element, name: str) -> str:
    return (element.findtext(name) or "").strip()


def _day(text: str) -> date | None:
    try:
        return values.day(text)
    except ValueError:
        return None


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
