"""Reading XML from somebody else: what a document may be before it is parsed, and the tree while it is.

`Reader` is lxml's incremental parser, the one below `iterparse`, fed piece by piece: between two pieces everything that was
read, or that no row needs, is taken out of the tree. So neither many rows nor a heap of unknown elements fills memory, and
depth and attributes are judged by libxml2 at its own speed, not by an event per element.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, cast

from lxml import etree

from connectors.backoffice import limits
from kernel.xml import DEPTH_MAX, MARK, SAFE, Bad, Element, check_prolog, check_tree, plain

INCLUDE = "{http://www.w3.org/2001/XInclude}include"
_SIZE = etree.XPath("count(.//*)")

__all__ = ["MARK", "SAFE", "Bad", "Element", "Reader", "check_prolog", "check_tree", "plain"]


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
        for _ in range(DEPTH_MAX + 1):
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
