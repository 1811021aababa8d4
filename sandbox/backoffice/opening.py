"""Registering a client: what is checked, what a repeat gets, what the look-ups tell (contract 6.3, 6.4; BR-20)."""

from __future__ import annotations

import re
from datetime import date

from lxml import etree

from sandbox.backoffice import xml_in
from sandbox.backoffice.errors import Fault, NoSuchOperation
from sandbox.backoffice.faults import FieldError
from sandbox.backoffice.state import Client, Office, Registration, person_key
from sandbox.backoffice.tables import CASH, CONTRACTS
from sandbox.backoffice.xml_in import value
from sandbox.backoffice.xml_out import Node

PERSON = {
    "LastName": "last_name", "FirstName": "first_name", "MiddleName": "middle_name", "BirthDate": "birth_date",
    "INN": "inn", "Phone": "phone", "Email": "email",
}  # fmt: skip
COMPANY = {
    "FullName": "full_name", "ShortName": "short_name", "INN": "inn", "KPP": "kpp", "OGRN": "ogrn", "Phone": "phone",
    "Email": "email", "Signer": "signer",
}  # fmt: skip
NEEDED = ("LastName", "FirstName", "BirthDate", "Phone", "FullName", "INN", "OGRN", "Signer")
FORMS = {
    "Phone": r"\+?\d{10,15}", "Email": r"[^@\s]+@[^@\s]+\.[^@\s]+", "KPP": r"\d{4}[\dA-Z]{2}\d{3}", "OGRN": r"\d{13}",
}  # fmt: skip
ADULT_YEARS = 18
ACCEPTED, REJECTED = "Accepted", "Rejected"


def open_account(office: Office, element: etree._Element) -> tuple[Node, str]:
    """The response, and the outcome for the log: accepted, rejected, repeated."""
    request_id, content = value(element, "RequestID"), xml_in.canonical(element)
    if office.faults.word("promise") == "request_id":
        known = next((one for one in office.registrations if one.request_id == request_id), None)
        if known is not None:
            if known.content != content:
                raise Fault("REQUEST_ID_REUSED", request_id)
            known.repeats += 1
            office.counters["repeated"] += 1
            return known.answer, "repeated"
    kind, details = _read(element)
    terms = _terms(element)
    errors = office.faults.next_field_errors() or _wrong(office, kind, details, terms)
    if errors:
        refused = tuple(
            Node("Error", (Node("Code", one.code), Node("Field", one.field), Node("Message", one.message))) for one in errors
        )
        office.counters["rejected"] += 1
        office.counters["doubles_refused"] += any(one.code == "DUPLICATE_PERSON" for one in errors)
        decided, ident = Node(REJECTED, refused), ""
    else:
        client = _register(office, kind, details, terms, request_id)
        contract = client.tables["contracts"][0]
        decided, ident = Node(ACCEPTED, (
            Node("ClientID", client.id), Node("ContractNumber", contract["number"]),
            Node("AccountOpenDate", contract["opened"]),
        )), client.id  # fmt: skip
        office.counters["registered"] += 1
    reasons = ", ".join(f"{one.code} {one.field}" for one in errors)
    answer = Node("OpenAccountResponse", (Node("RequestID", request_id), decided))
    office.registrations.append(
        Registration(request_id, content, answer, ident, office.now(), office.clock.ticks(), reasons)
    )
    office.wake()
    return answer, decided.name.lower()


def get_request(office: Office, element: etree._Element) -> Node:
    """UNKNOWN, IN_WORK, or how it was decided, with the response."""
    _look_ups_are_there(office)
    request_id = value(element, "RequestID")
    found = [one for one in office.registrations if one.request_id == request_id]
    opening = next((one for one in found if one.client), found[-1] if found else None)
    since = office.clock.ticks() - opening.done if opening else 0.0
    delay = office.faults.number("lookup_delay_s")
    state = "UNKNOWN"
    more: tuple[Node, ...] = ()
    if opening is not None and since >= delay:
        if since < delay + office.faults.number("in_work_s"):
            state = "IN_WORK"
        else:
            state, more = ("ACCEPTED" if opening.client else "REJECTED"), (opening.answer,)
    return Node("GetRequestResponse", (Node("RequestID", request_id), Node("State", state), *more))


def find_client(office: Office, element: etree._Element) -> Node:
    """Who has that INN or that phone."""
    _look_ups_are_there(office)
    inn, phone = value(element, "INN"), digits(value(element, "Phone"))
    if not inn and not phone:
        raise Fault("SCHEMA", "INN or Phone is needed")
    now, delay = office.clock.ticks(), office.faults.number("lookup_delay_s")
    found = [
        one for one in office.clients.values()
        if (not inn or one.details.get("inn") == inn) and (not phone or digits(one.details.get("phone", "")) == phone)
        and not (one.by_request and now - one.registered < delay)
    ]  # fmt: skip
    return Node("FindClientResponse", tuple(_found(one) for one in found))


def _found(client: Client) -> Node:
    told = [Node("ClientID", client.id), Node("Name", client.name)]
    contracts = client.tables["contracts"]
    if contracts:
        told += [Node("ContractNumber", contracts[0]["number"]), Node("OpenDate", contracts[0]["opened"])]
    return Node("Client", tuple(told))


def _look_ups_are_there(office: Office) -> None:
    if office.faults.word("promise") == "none":
        raise NoSuchOperation


def digits(phone: str) -> str:
    """Only digits, Russian numbers with 7: 8 (900) 111-22-33 and +79001112233 are one number."""
    found = re.sub(r"\D", "", phone)
    return f"7{found[1:]}" if len(found) == 11 and found[0] == "8" else found


# -- what came in


def _read(element: etree._Element) -> tuple[str, dict[str, str]]:
    if element.find(xml_in.tagged("Company")) is not None:
        return "company", {name: value(element, f"Company/{tag}") for tag, name in COMPANY.items()}
    return "person", {name: value(element, f"Person/{tag}") for tag, name in PERSON.items()}


def _terms(element: etree._Element) -> dict[str, object]:
    place = element.find(xml_in.tagged("Terms"))
    assert place is not None
    options = {
        str(one.get("code")): (one.text or "").strip() in ("1", "true") for one in place.findall(xml_in.tagged("Option"))
    }  # fmt: skip
    return {
        "tariff": value(place, "TariffCode"), "iis": value(place, "IIS") in ("1", "true"), "options": options,
        "markets": [(one.text or "").strip() for one in place.findall(xml_in.tagged("Market"))],
    }  # fmt: skip


def _wrong(office: Office, kind: str, details: dict[str, str], terms: dict[str, object]) -> list[FieldError]:
    """Every mistake at once, in the order of the form; the person as a whole last."""
    part, names = ("Company", COMPANY) if kind == "company" else ("Person", PERSON)
    errors: list[FieldError] = []
    for tag, name in names.items():
        given, field = details[name], f"{part}/{tag}"
        if not given and tag in NEEDED and not (tag == "INN" and kind == "person"):
            errors.append(FieldError("REQUIRED", field, "Нужно заполнить"))
        elif given and tag in FORMS and not re.fullmatch(FORMS[tag], given):
            errors.append(FieldError("FORMAT", field, "Не тот вид"))
        elif given and tag == "INN":
            errors += _inn(given, field, 10 if kind == "company" else 12)
        elif given and tag == "OGRN" and int(given[:12]) % 11 % 10 != int(given[12]):
            errors.append(FieldError("FORMAT", field, "Контрольная цифра не сходится"))
        elif given and tag == "BirthDate" and _years(given, office.today()) < ADULT_YEARS:
            errors.append(FieldError("AGE", field, "Нет 18 лет"))
    errors += _wrong_terms(office, details, terms)
    if details["inn"] in office.sanctioned:
        errors.append(FieldError("SANCTIONS_CHECK", part, "Проверка по перечням не пройдена"))
    if office.faults.word("doubles") == "refuse" and _known(office, kind, details):
        errors.append(FieldError("DUPLICATE_PERSON", part, "Такой клиент уже есть"))
    return errors


def _wrong_terms(office: Office, details: dict[str, str], terms: dict[str, object]) -> list[FieldError]:
    tariff, markets = str(terms["tariff"]), terms["markets"]
    assert isinstance(markets, list)
    if tariff not in office.tariffs:
        return [FieldError("UNKNOWN_TARIFF", "Terms/TariffCode", "Такого тарифа нет")]
    errors = [
        FieldError("MARKET_CLOSED", f"Terms/Market[{place}]", "Не открывается на этом тарифе")
        for place, market in enumerate(markets, 1) if market not in office.tariffs[tariff]
    ]  # fmt: skip
    if terms["iis"] and details["inn"] in office.iis_elsewhere:
        errors.append(FieldError("IIS_EXISTS", "Terms/IIS", "ИИС уже открыт у другого брокера"))
    return errors


def _inn(given: str, field: str, length: int) -> list[FieldError]:
    if not re.fullmatch(rf"\d{{{length}}}", given):
        return [FieldError("FORMAT", field, f"Нужно {length} цифр")]
    if inn_tail(given[: -1 if length == 10 else -2]) != given[-1 if length == 10 else -2 :]:
        return [FieldError("INN_CHECKSUM", field, "Контрольные цифры не сходятся")]
    return []


def inn_tail(head: str) -> str:
    """The check digits that belong behind the first nine (company) or ten (person) digits."""

    def digit(text: str, weights: tuple[int, ...]) -> str:
        return str(sum(int(one) * weight for one, weight in zip(text, weights, strict=True)) % 11 % 10)

    if len(head) == 9:
        return digit(head, (2, 4, 10, 3, 5, 9, 4, 6, 8))
    first = digit(head, (7, 2, 4, 10, 3, 5, 9, 4, 6, 8))
    return first + digit(head + first, (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8))


def _years(born: str, today: str) -> int:
    then, now = date.fromisoformat(born[:10]), date.fromisoformat(today)
    return now.year - then.year - ((now.month, now.day) < (then.month, then.day))


def _known(office: Office, kind: str, details: dict[str, str]) -> bool:
    """The same INN, or the same name and day of birth."""
    return any(
        one.kind == kind
        and ((details["inn"] and one.details.get("inn") == details["inn"]) or person_key(one.details) == person_key(details))
        for one in office.clients.values()
    )


def _register(office: Office, kind: str, details: dict[str, str], terms: dict[str, object], request_id: str) -> Client:
    client = office.add_client(office.new_id(), kind, {name: text for name, text in details.items() if text})
    client.by_request, client.terms = request_id, dict(terms)
    today, markets = office.today(), terms["markets"]
    assert isinstance(markets, list)
    number = f"B-{today[:4]}/{client.id[-4:]}"
    office.put(client, CONTRACTS, {
        "number": number, "kind": "IIS" if terms["iis"] else "BROKERAGE", "opened": today, "closed": "",
        "tariff": str(terms["tariff"]), "markets": ", ".join(markets), "state": "OPEN",
    })  # fmt: skip
    for market in markets:
        office.put(client, CASH, {"contract": number, "market": market, "currency": "RUB", "balance": "0.00",
                                  "available": "0.00", "blocked": "0.00"})  # fmt: skip
    return client
