"""The other broker's writer: the same three operations in other words, read into ours and written back."""

from __future__ import annotations

import re

from lxml import etree

from sandbox.backoffice import xml_in, xml_out
from sandbox.backoffice.errors import Fault
from sandbox.backoffice.values import iso_date, russian_date
from sandbox.backoffice.xml_out import Node

OPEN = "otkryt.xml"
#: File -> our operation, and the query's words.
LOOKUPS = {
    "zayavka.xml": ("GetRequest", {"nomer": "RequestID"}),
    "kto.xml": ("FindClient", {"inn": "INN", "telefon": "Phone"}),
}
#: What comes in, by its path: a word may mean different things at different places.
ASKED = {
    "Zayavka": "OpenAccount", "Zayavka/Nomer": "RequestID", "Zayavka/Klient": "Person", "Zayavka/Firma": "Company",
    "Zayavka/Usloviya": "Terms", "Klient/Familiya": "LastName", "Klient/Imya": "FirstName", "Klient/Otchestvo": "MiddleName",
    "Klient/Rodilsya": "BirthDate", "Klient/INN": "INN", "Klient/Telefon": "Phone", "Klient/Pochta": "Email",
    "Firma/Nazvanie": "FullName", "Firma/Kratko": "ShortName", "Firma/INN": "INN", "Firma/KPP": "KPP", "Firma/OGRN": "OGRN",
    "Firma/Telefon": "Phone", "Firma/Pochta": "Email", "Firma/Podpisant": "Signer", "Usloviya/Tarif": "TariffCode",
    "Usloviya/Rynok": "Market", "Usloviya/IIS": "IIS", "Usloviya/Vybor": "Option",
}  # fmt: skip
TOLD = {
    "OpenAccountResponse": "Otvet", "RequestID": "Nomer", "Accepted": "Prinyato", "ClientID": "KodKlienta",
    "ContractNumber": "NomerDogovora", "AccountOpenDate": "DataOtkrytiya", "Rejected": "Otkaz", "Error": "Oshibka",
    "Code": "Kod", "Field": "Pole", "Message": "Tekst", "GetRequestResponse": "OZayavke", "State": "Sostoyanie",
    "FindClientResponse": "Naydeno", "Client": "Klient", "Name": "Imya", "OpenDate": "DataOtkrytiya",
}  # fmt: skip
WORDS = {
    "UNKNOWN": "NEIZVESTNA", "IN_WORK": "V_RABOTE", "ACCEPTED": "PRINYATA", "REJECTED": "OTKAZANA",
    "DUPLICATE_PERSON": "DUBL", "INN_CHECKSUM": "INN_NEVEREN",
}  # fmt: skip
FAULTS = {
    "CLIENT_NOT_FOUND": "NET_KLIENTA", "AUTH": "NET_DOSTUPA", "BUSY": "ZANYATO", "INTERNAL": "SBOY",
    "MAINTENANCE": "REGLAMENT", "REQUEST_ID_REUSED": "NOMER_ZANYAT",
}  # fmt: skip
YES_NO = {"D": "true", "N": "false"}
DATES = ("BirthDate", "AccountOpenDate", "OpenDate")
PATHS = {ours: theirs.rpartition("/")[2] for theirs, ours in ASKED.items() if theirs.startswith("Zayavka/")}


def read(raw: bytes) -> etree._Element:
    """`<Zayavka>` as the element that SOAP would bring. Raises a fault SCHEMA naming a word that is none."""
    return _read(xml_in.parse(raw), "Zayavka")


def _read(theirs: etree._Element, path: str) -> etree._Element:
    if path not in ASKED or theirs.tag != path.rpartition("/")[2]:
        raise Fault("SCHEMA", f"{path} is not known here")
    made = etree.Element(xml_in.tagged(ASKED[path]))
    if ASKED[path] == "Option":
        made.set("code", theirs.get("kod", ""))
    for one in theirs:
        made.append(_read(one, f"{theirs.tag}/{one.tag}"))
    if not len(theirs):
        text = (theirs.text or "").strip()
        if ASKED[path] in ("Option", "IIS"):
            if text not in YES_NO:
                raise Fault("SCHEMA", f"{path} is D or N")
            text = YES_NO[text]
        made.text = iso_date(text) if ASKED[path] in DATES else text
    return made


def write(node: Node) -> str:
    """An answer of ours in those words, without a namespace."""
    name, content = node
    if isinstance(content, tuple):
        inner = "".join(map(write, content))
    elif name == "Field":
        inner = xml_out.escape(_path(content))
    else:
        inner = xml_out.escape(russian_date(content) if name in DATES else WORDS.get(content, content))
    return f"<{TOLD[name]}>{inner}</{TOLD[name]}>"


def _path(ours: str) -> str:
    """`Terms/Market[2]` → `Usloviya/Rynok[2]`."""
    part, _, rest = ours.partition("/")
    above = PATHS.get(part, part)
    below = {name: theirs.rpartition("/")[2] for theirs, name in ASKED.items() if theirs.startswith(f"{above}/")}
    found = re.sub(r"^\w+", lambda tag: below.get(tag[0], tag[0]), rest).replace("@code", "@kod")
    return f"{above}/{found}" if rest else above
