"""Reading XML from somebody else: what a document may be before it is parsed, and the tree while it is.

`Reader` is lxml's incremental parser, the one below `iterparse`, fed piece by piece: between two pieces everything that was
read, or that no row needs, is taken out of the tree. So neither many rows nor a heap of unknown elements fills memory, and
depth and attributes are judged by libxml2 at its own speed, not by an event per element.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, cast

from lxml import etree

from connectors.backoffice import limits
from kernel.mapping.wire import ENCODINGS

Element = etree._Element
SAFE: dict[str, Any] = {
    "resolve_entities": False, "no_network": True, "load_dtd": False, "dtd_validation": False, "huge_tree": False,
    "recover": False, "remove_comments": True, "remove_pis": True,
}  # fmt: skip
MARK = b"\xef\xbb\xbf"
_DECLARATION = re.compile(rb"<\?xml\s[^>]{0,200}\?>")
_ENCODING = re.compile(rb"encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_SAME = {"utf8": "utf-8", "cp1251": "windows-1251", "ascii": "us-ascii", "latin1": "iso-8859-1", "ibm866": "cp866"}
_DEEP = etree.XPath("boolean(/" + "/".join(["*"] * (limits.DEPTH_MAX + 1)) + ")")
INCLUDE = "{http://www.w3.org/2001/XInclude}include"
_SIZE = etree.XPath("count(.//*)")
_MANY = etree.XPath(f"boolean(//@*[{limits.ATTRIBUTES_MAX + 1}])")


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
        raise Bad(f"it is deeper than {limits.DEPTH_MAX} elements")
    if _MANY(root):
        raise Bad(f"an element has more than {limits.ATTRIBUTES_MAX} attributes")


class Reader:
    """One document. `found` is called with each element of these names when it is complete; its parents are there then."""

    def __init__(
        self, tags: Iterable[str], found: Callable[[Element], None], *, also: Iterable[str] = (), encoding: str = ""
    ) -> None:
        """Of `also` only the start tag is needed: what stands in them goes as it comes."""
        options = SAFE | ({"encoding": encoding} if encoding else {})
        self._tags = frozenset(tags)
        self._parser = etree.XMLPullParser(events=("end",), tag=[*self._tags, *also, INCLUDE], **options)
        self._found = found
        self._root: Element | None = None
        self._fed = 0

    def read(self, file: IO[bytes]) -> Element:
        """The root, from which most of what was read is gone. Raises Bad, and whatever `found` raises."""
        head = file.read(limits.PIECE_BYTES)
        check_prolog(head)
        try:
            for piece in _pieces(head, file):
                self._parser.feed(piece)
                self._take()
            root = self._parser.close()
        except etree.XMLSyntaxError as exc:
            raise Bad(f"it is not well-formed: {plain(exc.msg)}") from exc
        except (LookupError, AssertionError) as exc:
            raise Bad("it cannot be parsed") from exc
        self._root = root
        self._take()
        if root.getroottree().docinfo.doctype:  # type: ignore[attr-defined]
            raise Bad("it has a document type")
        return root

    def _take(self) -> None:
        """What is complete goes out; then the tree is judged and lightened."""
        self._fed += 1
        found = self._found
        events: Any = self._parser.read_events()
        for _, element in events:
            if self._root is None:
                self._root = element.getroottree().getroot()
            if element.tag == INCLUDE:
                raise Bad("it wants another document included")
            found(element)
        if self._root is None:
            if self._fed > limits.PIECES_WITHOUT_ANY_MAX:
                raise Bad("nothing that is known stands at its beginning")
            return
        check_tree(self._root)
        self._lighten(self._root)

    def _lighten(self, element: Element) -> None:
        """What may still grow is the last child of the last child …: everything before it is read. An element that is
        wanted stays whole until it is complete."""
        for _ in range(limits.DEPTH_MAX + 1):
            if element.tag in self._tags:
                if cast("float", _SIZE(element)) > limits.ELEMENTS_OF_ONE_MAX:
                    raise Bad(f"an element holds more than {limits.ELEMENTS_OF_ONE_MAX} others")
                return
            if not len(element):
                return
            del element[:-1]
            element = element[-1]


def _pieces(head: bytes, file: IO[bytes]) -> Iterator[bytes]:
    yield head
    while piece := file.read(limits.PIECE_BYTES):
        yield piece


def plain(text: str | None) -> str:
    """Without anything of the document's own content: libxml2 quotes names of elements."""
    return re.sub(r"[^A-Za-z0-9 ,.:;'()-]", "?", text or "")[:120]
