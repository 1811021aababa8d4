"""What a request may carry besides JSON: forms, multipart with files that are not held in memory, XML, and plain bytes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode
from xml.etree import ElementTree
from xml.etree.ElementTree import Element
from xml.parsers import expat

PIECE_BYTES = 64 * 1024


class Body(Protocol):
    """A request's body: its type, and its bytes at once or piece by piece."""

    @property
    def content_type(self) -> str: ...

    def encoded(self) -> bytes | Stream: ...


class Stream:
    """Bytes of a known length, read piece by piece. What is sent twice is made twice: it is read only once."""

    def __init__(self, parts: Sequence[bytes | Path]) -> None:
        self._parts = parts
        self._length = sum(part.stat().st_size if isinstance(part, Path) else len(part) for part in parts)
        self._pieces = self._read()
        self._rest = b""

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read(PIECE_BYTES):
            yield piece

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._rest) < size:
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._rest += piece
        size = len(self._rest) if size < 0 else size
        found, self._rest = self._rest[:size], self._rest[size:]
        return found

    def _read(self) -> Iterator[bytes]:
        for part in self._parts:
            with part.open("rb") if isinstance(part, Path) else BytesIO(part) as file:
                while piece := file.read(PIECE_BYTES):
                    yield piece


@dataclass(frozen=True)
class Form:
    """A form as browsers send it; the same name may come several times."""

    fields: Mapping[str, str] | Sequence[tuple[str, str]]
    content_type: str = "application/x-www-form-urlencoded"

    def encoded(self) -> bytes:
        pairs = self.fields.items() if isinstance(self.fields, Mapping) else self.fields
        return urlencode(list(pairs)).encode()


@dataclass(frozen=True)
class Upload:
    """A file of a multipart body: its content, or where it lies."""

    name: str
    content: bytes | Path
    media_type: str = "application/octet-stream"


class Multipart:
    """A form with files. Files given by their path are read while they are sent."""

    def __init__(self, fields: Mapping[str, str], files: Mapping[str, Upload]) -> None:
        self._fields, self._files = fields, files
        self._boundary = secrets.token_hex(16)

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self._boundary}"

    def encoded(self) -> Stream:
        parts: list[bytes | Path] = []
        for name, value in self._fields.items():
            parts.append(self._head(f'form-data; name="{_quoted(name)}"', ""))
            parts += [value.encode(), b"\r\n"]
        for name, file in self._files.items():
            disposition = f'form-data; name="{_quoted(name)}"; filename="{_quoted(file.name)}"'
            parts += [self._head(disposition, _plain(file.media_type)), file.content, b"\r\n"]
        parts.append(f"--{self._boundary}--\r\n".encode())
        return Stream(parts)

    def _head(self, disposition: str, media_type: str) -> bytes:
        kind = f"Content-Type: {media_type}\r\n" if media_type else ""
        return f"--{self._boundary}\r\nContent-Disposition: {disposition}\r\n{kind}\r\n".encode()


@dataclass(frozen=True)
class Xml:
    """An XML document; also SOAP 1.2 with its media type."""

    element: Element
    content_type: str = "application/xml; charset=utf-8"

    def encoded(self) -> bytes:
        return bytes(ElementTree.tostring(self.element, encoding="utf-8", xml_declaration=True))


@dataclass(frozen=True)
class Raw:
    """Bytes as they are, or a file read while it is sent."""

    content: bytes | Path
    content_type: str = "application/octet-stream"

    def encoded(self) -> bytes | Stream:
        return self.content if isinstance(self.content, bytes) else Stream([self.content])


def parse_xml(body: bytes) -> Element:
    """A document without any document type: entities of its own are how XML is used to fill memory and to read files.

    Raises ValueError.
    """
    builder, parser = ElementTree.TreeBuilder(), expat.ParserCreate(namespace_separator="}")

    def refuse(*_: object) -> None:
        raise ValueError("XML with a document type is not taken")

    def named(name: str) -> str:
        return f"{{{name}" if "}" in name else name

    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = lambda name, given: builder.start(named(name), {named(k): v for k, v in given.items()})
    parser.EndElementHandler = lambda name: builder.end(named(name))
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(body, True)
    except expat.ExpatError as exc:
        raise ValueError(f"not XML: {exc}") from exc
    return builder.close()


def _quoted(text: str) -> str:
    """As browsers write names into headers: no quote and no line end gets through."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _plain(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise ValueError("a media type is plain text")
    return text


__all__ = ["Body", "Element", "Form", "Multipart", "Raw", "Stream", "Upload", "Xml", "parse_xml"]
