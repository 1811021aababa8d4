"""Its door, `/hooks/state/<portal>`: is it the broker's adapter, and who applied for what.

The document is parsed as hostile, held to the schema that we publish, and read by the one form of the set that names this
connection: what that does not name (SNILS, say) is not kept.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, cast

from lxml import etree

from connectors.state import settings
from kernel.errors import BadInput, Misconfigured
from kernel.extension import Connection, Delivery, Received, Reply
from kernel.extension.arrivals import Turns, submission
from kernel.extension.signed import check
from kernel.mapping import FormMap
from kernel.texts import translate
from kernel.xml import Bad, Element, parse

SCHEMA = Path(__file__).with_name("application.xsd")
NAMESPACE = "urn:annex:application:v1"
TYPE = "application/xml; charset=utf-8"
ROOT, PERSON, MESSAGE_ID, SENT_AT, CONFIRMED = "Application", "Person", "MessageID", "SentAt", "confirmed"
OF_ROOT = ("MessageID", "Channel", "SentAt", "ServiceCode", "Comment")
OF_PERSON = ("LastName", "FirstName", "MiddleName", "BirthDate", "INN", "SNILS", "Phone", "Email", CONFIRMED)
XML, STRUCTURE, VALUE = "XML", "STRUCTURE", "VALUE"
_VALUES = ("SCHEMAV_CVC_", "SCHEMAV_ATTR")  #: of libxml2's error types: what stands there has another shape


class Rejected(Exception):
    """The application cannot be taken: code and element, and what is wrong in words."""

    def __init__(self, code: str, element: str, text: str) -> None:
        super().__init__(text)
        self.code, self.element, self.text = code, element, text


def receive(delivery: Delivery, connection: Connection) -> Received:
    read = settings.read(connection.settings)
    check(delivery, read.keys, connection.clock.now())
    form = form_of(connection)
    connection.memory.setdefault("turns", Turns()).take("all", read.per_minute, connection.clock.now())
    language = connection.mapping.portal.language
    try:
        root = _checked(delivery.body, language)
        sent = _texts(root)
        values, sent_at = _read(form, sent, language), _moment(sent[SENT_AT], language)
    except Rejected as exc:
        answer = _answer("Rejected")
        answer.set("code", exc.code)
        answer.set("element", exc.element)
        answer.text = exc.text
        return Received(reply=_xml(answer, 422))
    number = sent[MESSAGE_ID]
    message = submission(form, values, once=number, named=True, at=sent_at)
    answer = _answer("Accepted")
    etree.SubElement(answer, f"{{{NAMESPACE}}}{MESSAGE_ID}").text = number
    return Received(messages=(message,), reply=_xml(answer, 200))


def schema() -> Reply:
    return Reply(SCHEMA.read_bytes(), 200, TYPE)


def form_of(connection: Connection) -> FormMap:
    """The one that says where its values go. Raises Misconfigured."""
    found = [one for one in connection.mapping.forms.values() if one.connection == connection.name]
    if len(found) != 1:
        raise Misconfigured(
            f"connection «{connection.name}» needs one form.*.toml that names it, and there are {len(found)}"
        )
    return found[0]


def _answer(name: str) -> Any:
    nothing: Any = None
    return etree.Element(f"{{{NAMESPACE}}}{name}", nsmap={nothing: NAMESPACE})


def _xml(answer: Any, status: int) -> Reply:
    return Reply(etree.tostring(answer, xml_declaration=True, encoding="utf-8"), status, TYPE)


def _checked(body: bytes, language: str) -> Element:
    """Raises Rejected."""
    try:
        root = parse(body)
    except Bad as exc:
        raise Rejected(XML, ROOT, translate(language, "state_not_xml", reason=str(exc))) from exc
    if root.tag != f"{{{NAMESPACE}}}{ROOT}":  # the answers stand in the schema as well
        raise Rejected(STRUCTURE, ROOT, translate(language, "state_structure", element=ROOT))
    rules = _rules()
    if rules.validate(root):
        return root
    errors: Any = rules.error_log
    first = errors[0]
    element = _place(root, first.path)
    if first.type_name.startswith(_VALUES) and "ELEMENT" not in first.type_name:
        raise Rejected(VALUE, element, translate(language, "state_value", element=element))
    raise Rejected(STRUCTURE, element, translate(language, "state_structure", element=element))


def _rules() -> etree.XMLSchema:
    """Made anew for each: one that several threads share would mix up what they are told."""
    return etree.XMLSchema(etree.parse(str(SCHEMA), etree.XMLParser(no_network=True, resolve_entities=False)))


def _place(root: Element, path: str | None) -> str:
    """Where an error stands, by names of our schema alone: Person/Phone."""
    steps = []
    element: Any = _found(root, path or "")
    while element is not None:
        name = etree.QName(element).localname
        steps.append(name if name in (*OF_ROOT, *OF_PERSON, PERSON) else "?")
        element = element.getparent()
    return "/".join(reversed(steps[:-1])) or ROOT


def _found(root: Element, path: str) -> Element:
    """What libxml2 names by a prefix of the document's own is unknown to us: then what it stands in."""
    while path.startswith("/"):
        try:
            found: Any = root.xpath(path)
        except etree.XPathError:
            found = None
        if found:
            return cast("Element", found[0])
        path = path.rpartition("/")[0]
    return root


def _texts(root: Element) -> dict[str, str]:
    """Each value by its element's name, and `confirmed`."""
    found = {name: root.findtext(f"{{{NAMESPACE}}}{name}", "") for name in OF_ROOT}
    person = root.find(f"{{{NAMESPACE}}}{PERSON}")
    assert person is not None
    found |= {name: person.findtext(f"{{{NAMESPACE}}}{name}", "") for name in OF_PERSON}
    found[CONFIRMED] = "yes" if (person.get(CONFIRMED) or "").strip() in ("true", "1") else "no"
    return {name: " ".join(text.split()) if name != "Comment" else text for name, text in found.items()}


def _moment(text: str, language: str) -> datetime:
    """XML Schema knows moments that no clock of ours shows: the year 10000, 24:00."""
    try:
        return datetime.fromisoformat(text)
    except ValueError as exc:
        raise Rejected(VALUE, SENT_AT, translate(language, "state_value", element=SENT_AT)) from exc


def _read(form: FormMap, sent: dict[str, str], language: str) -> dict[str, str]:
    """Raises Rejected naming the element."""
    try:
        return form.read(sent)
    except BadInput as exc:
        element = f"{PERSON}/{exc.field}" if exc.field in OF_PERSON else exc.field
        raise Rejected(VALUE, element, exc.message(language)) from exc
