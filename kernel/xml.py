"""Reading XML from somebody else: what a document may be before it is parsed, and how deep and wide its tree may be.

Whoever reads a document of many rows feeds lxml piece by piece (connectors.backoffice); a short one is read by `parse`.
"""

from __future__ import annotations

import re
from typing import Any, cast

from lxml import etree

Element = etree._Element
ENCODINGS = ("utf-8", "windows-1251", "us-ascii", "iso-8859-1", "iso-8859-5", "koi8-r", "cp866")
"""Those that read ASCII as ASCII: what stands before the root can be looked at before anything is parsed."""
DEPTH_MAX = 64
ATTRIBUTES_MAX = 100
SAFE: dict[str, Any] = {
    "resolve_entities": False, "no_network": True, "load_dtd": False, "dtd_validation": False, "huge_tree": False,
    "recover": False, "remove_comments": True, "remove_pis": True,
}  # fmt: skip
MARK = b"\xef\xbb\xbf"
_DECLARATION = re.compile(rb"<\?xml\s[^>]{0,200}\?>")
_ENCODING = re.compile(rb"encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_SAME = {"utf8": "utf-8", "cp1251": "windows-1251", "ascii": "us-ascii", "latin1": "iso-8859-1", "ibm866": "cp866"}
_DEEP = etree.XPath("boolean(/" + "/".join(["*"] * (DEPTH_MAX + 1)) + ")")
_MANY = etree.XPath(f"boolean(//@*[{ATTRIBUTES_MAX + 1}])")


class Bad(ValueError):
    """The document is none that we take."""


def check_prolog(head: bytes) -> None:
    """Look at what stands before the root: its encoding reads ASCII as ASCII, and there is no document type. Raises Bad.

    Entities of a document's own are how XML is used to fill memory and to read files; they begin with a document type.
    """
    if b"\x00" in head[:200] or head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Bad("an encoding that is not taken")
    rest = head.removeprefix(MARK)
    found = _DECLARATION.match(rest)
    if found is None and rest[:5].lower() == b"<?xml" and not rest[5:6].isalnum():
        raise Bad("its declaration is none that is taken")  # however long: it may name an encoding that hides what follows
    if found:
        named = _ENCODING.search(found[0])
        encoding = named[1].decode().lower() if named else "utf-8"
        if _SAME.get(encoding, encoding) not in ENCODINGS:
            raise Bad(f"the encoding {encoding} is not taken")
        rest = rest[found.end() :]
    place = 0
    while True:
        while rest[place : place + 1].isspace():
            place += 1
        if rest.startswith(b"<!--", place):
            end = rest.find(b"-->", place + 4)
        elif rest.startswith(b"<?", place):
            end = rest.find(b"?>", place + 2) - 1
        elif rest.startswith(b"<!", place):
            raise Bad("it has a document type")
        elif rest.startswith(b"<", place):
            return
        else:
            raise Bad("it is no XML")
        if end < place:
            raise Bad("nothing but comments stands at its beginning")
        place = end + 3


def check_tree(root: Element) -> None:
    """Raises Bad where it is deeper, or an element has more attributes, than any honest answer."""
    if _DEEP(root):
        raise Bad(f"it is deeper than {DEPTH_MAX} elements")
    if _MANY(root):
        raise Bad(f"an element has more than {ATTRIBUTES_MAX} attributes")


def parse(content: bytes) -> Element:
    """The root of a short document. Raises Bad."""
    check_prolog(content)
    try:
        root = etree.fromstring(content, etree.XMLParser(**SAFE))
    except etree.XMLSyntaxError as exc:
        raise Bad(f"it is not well-formed: {plain(exc.msg)}") from exc
    except (LookupError, ValueError) as exc:
        raise Bad("it cannot be parsed") from exc
    if cast("Any", root.getroottree().docinfo).doctype:
        raise Bad("it has a document type")
    check_tree(root)
    return root


def plain(text: str | None) -> str:
    """Without anything of the document's own content: libxml2 quotes names of elements."""
    return re.sub(r"[^A-Za-z0-9 ,.:;'()-]", "?", text or "")[:120]
