"""XML that goes out, written by hand: a faulty office must be able to write what no proper writer would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sandbox.backoffice.tables import Column, Row, Table, part_of
from sandbox.backoffice.xml_in import NAMESPACE

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'


class Node(NamedTuple):
    """An element: its text, or the elements in it."""

    name: str
    content: str | tuple[Node, ...]


class Prefixes(NamedTuple):
    """What an answer calls the two namespaces; "" is the default one."""

    envelope: str
    body: str

    def tag(self, name: str) -> str:
        return f"{self.body}:{name}" if self.body else name

    @property
    def declared(self) -> str:
        return f'xmlns{":" if self.body else ""}{self.body}="{NAMESPACE}"'


STYLES = (Prefixes("s", ""), Prefixes("soap", "t"), Prefixes("SOAP-ENV", "ns1"), Prefixes("soapenv", "bo"))
BARE = Prefixes("", "")


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def write(node: Node, prefixes: Prefixes = BARE, root: bool = True) -> str:
    """The node as text; the root says the namespace."""
    tag = prefixes.tag(node.name)
    start = f"{tag} {prefixes.declared}" if root else tag
    inner = node.content if isinstance(node.content, tuple) else escape(node.content)
    if isinstance(inner, tuple):
        inner = "".join(write(one, prefixes, root=False) for one in inner)
    return f"<{start}>{inner}</{tag}>"


def envelope(prefixes: Prefixes, inner: Iterable[str]) -> Iterator[str]:
    s = prefixes.envelope
    yield f'{DECLARATION}<{s}:Envelope xmlns:{s}="{ENVELOPE}"><{s}:Body>'
    yield from inner
    yield f"</{s}:Body></{s}:Envelope>"


def row_element(table: Table, row: Row, prefixes: Prefixes) -> str:
    """A row as the schema has it: parts nested, lists repeated, nil where it is said so."""
    pieces: list[str] = []
    chosen = part_of(table, row)
    for part, columns in table.parts:
        if part and part != chosen:
            continue
        inner = "".join(_cell(column, row.get(column.name, ""), prefixes) for column in columns)
        pieces.append(f"<{prefixes.tag(part)}>{inner}</{prefixes.tag(part)}>" if part else inner)
    tag = prefixes.tag(table.element)
    return f"<{tag}>{''.join(pieces)}</{tag}>"


def _cell(column: Column, value: str, prefixes: Prefixes) -> str:
    if not value and not column.required and not column.nil:
        return ""
    tag = prefixes.tag(column.soap)
    if not value and column.nil:
        return f'<{tag} xmlns:xsi="{XSI}" xsi:nil="true"/>'
    values = value.split(", ") if column.kind == "list" else [value]
    return "".join(f"<{tag}>{escape(one)}</{tag}>" for one in values)


def reader_answer(operation: str, head: Node, rows: Iterable[tuple[Table, Row]], prefixes: Prefixes) -> Iterator[str]:
    """`Get…Response`, piece by piece: rows may be more than memory holds. Those of a position stand in their accounts."""
    root = prefixes.tag(f"{operation}Response")
    yield f"<{root} {prefixes.declared}>{write(head, prefixes, root=False)}"
    account, tag = "", prefixes.tag("Account")
    for table, row in rows:
        if "market" in table.key and "contract" in table.key:
            wanted = f'<{tag} contract="{escape(row["contract"])}" market="{escape(row["market"])}">'
            if wanted != account:
                yield f"</{tag}>{wanted}" if account else wanted
                account = wanted
        yield row_element(table, row, prefixes)
    yield f"</{tag}></{root}>" if account else f"</{root}>"
