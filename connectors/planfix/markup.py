"""A comment's HTML as plain text: line ends where people see them, addresses in sight, our mark taken off."""

from __future__ import annotations

import re
from html.parser import HTMLParser

BLOCKS = frozenset({"p", "div", "li", "tr", "ul", "ol", "table", "blockquote", "pre", *(f"h{n}" for n in range(1, 7))})
SILENT = frozenset({"script", "style", "head", "title"})
SCHEMES = ("mailto:", "tel:", "http://", "https://")
MARK = re.compile(r"\s*№\s*([0-9a-f]{12})\Z")


def shown(markup: str) -> tuple[str, str]:
    """What a comment says, and the mark at its end if it is one of ours (else empty)."""
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    text = reader.text()
    found = MARK.search(text)
    return (text[: found.start()].rstrip(), found[1]) if found else (text, "")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._links: list[tuple[str, int]] = []  #: address, and where among the parts its words begin
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in SILENT:
            self._silent += 1
        elif tag == "br":
            self._parts.append("\n")
        elif tag in BLOCKS:
            self._end_line()
            if tag == "li":
                self._parts.append("• ")
        elif tag == "a":
            self._links.append((given.get("href", ""), len(self._parts)))
        elif tag == "img" and given.get("src", "").startswith(SCHEMES):
            self._parts.append(f" {given['src']} ")

    def handle_endtag(self, tag: str) -> None:
        if tag in SILENT:
            self._silent = max(self._silent - 1, 0)
        elif tag in BLOCKS:
            self._end_line()
        elif tag == "a" and self._links:
            address, start = self._links.pop()
            words = "".join(self._parts[start:]).strip()
            if address.startswith(SCHEMES) and _bare(address) != _bare(words):
                self._parts.append(f" ({address})" if words else address)

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._parts.append(re.sub(r"[ \t\r\n\f\xa0]+", " ", data))

    def text(self) -> str:
        lines = "".join(self._parts).split("\n")
        return "\n".join(" ".join(line.split()) for line in lines).strip()

    def _end_line(self) -> None:
        if self._parts and not self._parts[-1].endswith("\n"):
            self._parts.append("\n")


def _bare(address: str) -> str:
    """An address as people write it."""
    for scheme in SCHEMES:
        address = address.removeprefix(scheme)
    return address.strip().rstrip("/").casefold()
