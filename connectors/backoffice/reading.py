"""One page of an answer, in plain values: the declared tables are looked for in the document, and everything else is not.

A page is judged as it is read: its root, whose rows these are, and whether it is an answer at all or a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import IO, Any

from connectors.backoffice import limits, values, xml
from connectors.backoffice.xml import Bad, Element
from kernel.datasets import Cell, Row, Unread
from kernel.mapping import OpeningService, ServiceMap, SetColumn, SetTable
from kernel.mapping.wire import prefix_of

ENVELOPE = "{http://schemas.xmlsoap.org/soap/envelope/}"


class Faulted(Exception):
    """The answer is a fault."""

    def __init__(self, code: str, message: str, trace: str, who: str = "") -> None:
        super().__init__(code)
        self.code, self.trace = short(code, limits.CODE_CHARACTERS_MAX), short(trace, limits.TRACE_CHARACTERS_MAX)
        self.message = short(message, limits.FAULT_CHARACTERS_MAX)
        self.who = who  #: of SOAP: Client or Server


def short(text: str, most: int) -> str:
    """Somebody else's words as people and terminals may read them."""
    return "".join(one if one.isprintable() else " " for one in text[:most])


@dataclass
class Page:
    """What one answer said beside its rows."""

    client_id: str = ""
    as_of: datetime | None = None
    token: str = ""
    rows: int = 0
    index: int | None = None  #: of plain XML: where it begins, and how many rows there are
    total: int | None = None

    def names(self, client_id: str) -> None:
        """Whose rows these are. Raises Bad where it was somebody else's a moment ago."""
        if self.client_id and client_id and client_id != self.client_id:
            raise Bad("it names two clients")
        self.client_id = client_id or self.client_id


@dataclass
class TableReader:
    """Gathers the rows of one table over all pages of an answer."""

    name: str
    table: SetTable
    service: ServiceMap
    cells: list[tuple[Cell, ...]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    bad_cells: int = 0
    bad_rows: int = 0
    keyless: int = 0
    doubled: int = 0

    def __post_init__(self) -> None:
        soap = self.service.face == "soap"
        prefix = prefix_of(self.service.namespace) if soap else ""
        self.tag = prefix + self.table.row_path.steps[-1] if soap else "row"
        self.parents = [prefix + one for one in reversed(self.table.row_path.steps[:-1])]
        self._child = prefix + self.table.row_path.child if self.table.row_path.child else ""
        self._absent = self.table.row_path.absent
        self._where = [
            (name, (wanted,) if isinstance(wanted, str) else tuple(wanted)) for name, wanted in self.table.where.items()
        ]
        self._unread: values.Note = []
        self._cells = [
            (_simple(column, prefix, soap), _texts(column, prefix, soap), values.reader(column, self.service, self._unread))
            for column in self.table.columns
        ]
        self.known = {one for column in self.table.columns for one in _names(column, prefix, soap)}
        self.known |= {name for name, _ in self._where} | ({self._child} if self._child else set())
        self._keys = [(self.table.places[name], self._column(name).required) for name in self.table.key]
        self._key_of = _picking([place for place, _ in self._keys])
        self._seen: dict[str, int] = {}
        self._rows: list[Row] = []
        self._needed = {place: column for place, column in enumerate(self.table.columns) if column.required}

    @property
    def rows(self) -> list[Row]:
        """Made only when they are asked for: tuples of plain values cost the garbage collector nothing while one reads."""
        ready = len(self._rows)
        new = zip(self.cells[ready:], self.keys[ready:], strict=True)
        self._rows += [new_row(Row, (cells, key, ())) for cells, key in new]
        return self._rows

    def cut(self, most: int) -> None:
        del self.cells[most:], self.keys[most:], self._rows[most:]

    def _column(self, name: str) -> SetColumn:
        return self.table.columns[self.table.places[name]]

    def take(self, element: Element, texts: Mapping[str, str | None], above: Mapping[str, str]) -> None:
        """A row, unless it is another table's."""
        if self._child and (self._child in texts) == self._absent:
            return
        for name, wanted in self._where:
            if (texts.get(name) or "") not in wanted:
                return
        name_of = texts.get
        cells = tuple(
            [
                read(name_of(simple) if simple else find(element, texts, above))
                for simple, find, read in self._cells
            ]
        )  # fmt: skip
        bad = bool(self._unread)
        if bad:
            self.bad_cells += len(self._unread)
            self._unread.clear()
        if self._needed:
            self._needed = {place: one for place, one in self._needed.items() if cells[place] is None}
        key = self._key(cells)
        if not key and self._keys:
            self.keyless += 1
            bad = True
        self.bad_rows += bad
        self.cells.append(cells)
        self.keys.append(key)

    def _key(self, cells: tuple[Cell, ...]) -> str:
        try:
            key = "\x1f".join(self._key_of(cells))
        except TypeError:  # not all of them are texts
            key = self._put_together(cells)
        if not key or self.table.fold:
            return key
        number = self._seen.get(key, 0) + 1
        self._seen[key] = number
        if number == 1:
            return key
        self.doubled += 1
        return f"{key}#{number}"

    def _put_together(self, cells: tuple[Cell, ...]) -> str:
        parts = []
        for place, required in self._keys:
            cell = cells[place]
            if required and (cell is None or cell.__class__ is Unread):
                return ""
            parts.append("" if cell is None else cell.text if isinstance(cell, Unread) else str(cell))
        return "\x1f".join(parts) if any(parts) else ""

    def check(self) -> None:
        """Whether these are rows of the declared shape. Raises Bad."""
        if self.cells and self._needed:
            names = ", ".join(f"«{one.name}» ({one.source})" for one in self._needed.values())
            raise Bad(f"table {self.name}: no row has {names}")
        if self.bad_rows > limits.BAD_ROWS_SHARE * len(self.cells):
            raise Bad(f"table {self.name}: {self.bad_rows} of {len(self.cells)} rows cannot be read, or have no key")


Find = Callable[[Element, Mapping[str, str | None], Mapping[str, str]], str | None]
new_row = tuple.__new__  #: as `Row(…)`, without the call in between: there may be fifty thousand of them


def _picking(places: list[int]) -> Callable[[tuple[Cell, ...]], Any]:
    """These cells of a row."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda cells: [cells[place] for place in places]


def _simple(column: SetColumn, prefix: str, soap: bool) -> str:
    """The child, or the attribute, whose text the column is; "" where it takes more than that."""
    source = column.source
    if "|" in source or source.startswith("../") or (soap and ("/" in source or "@" in source or column.join is not None)):
        return ""
    return prefix + source if soap else source.removeprefix("@")


def _texts(column: SetColumn, prefix: str, soap: bool) -> Find:
    """How that column's text is found in a row: the first source that is present."""
    finds = [_one(source, prefix, soap, column.join) for source in column.sources]
    if len(finds) == 1:
        return finds[0]

    def first(element: Element, texts: Mapping[str, str | None], above: Mapping[str, str]) -> str | None:
        for find in finds:
            if text := find(element, texts, above):
                return text
        return None

    return first


def _one(source: str, prefix: str, soap: bool, join: str | None) -> Find:
    name = source.removeprefix("../")
    attribute = name.removeprefix("@")
    if source != name:  # ../@X
        return lambda element, texts, above: above.get(attribute)
    if not soap:
        return lambda element, texts, above: texts.get(attribute)
    if join is not None:
        path = "/".join(prefix + step for step in name.split("/"))
        return lambda element, texts, above: join.join(one.text for one in element.iterfind(path) if one.text)
    if "/" not in name and not name.startswith("@"):
        tag = prefix + name
        return lambda element, texts, above: texts.get(tag)
    *steps, last = name.split("/")
    path = "/".join(prefix + step for step in steps)

    def deeper(element: Element, texts: Mapping[str, str | None], above: Mapping[str, str]) -> str | None:
        if path and prefix + steps[0] not in texts:
            return None
        found = element.find(path) if path else element
        if found is None:
            return None
        return found.get(last[1:]) if last.startswith("@") else found.findtext(prefix + last)

    return deeper


def _names(column: SetColumn, prefix: str, soap: bool) -> Iterable[str]:
    """Names of a row's own children, or attributes, that the column uses."""
    for source in column.sources:
        name = source.split("/")[0]
        if soap and name != ".." and not name.startswith("@"):
            yield prefix + name
        elif not soap:
            yield name.removeprefix("@")


class PageReader:
    """Reads the pages of one service into its tables."""

    def __init__(self, service: ServiceMap, tables: Iterable[tuple[str, SetTable]]) -> None:
        self.service = service
        self.tables = [TableReader(name, table, service) for name, table in tables]
        self.unknown: dict[str, None] = {}
        self._page = Page()

    def read(self, file: IO[bytes]) -> Page:
        """Raises Bad, or Faulted."""
        self._page = Page()
        return self._soap(file) if self.service.face == "soap" else self._plain(file)

    def check(self) -> None:
        for one in self.tables:
            one.check()

    # -- SOAP

    def _soap(self, file: IO[bytes]) -> Page:
        prefix = prefix_of(self.service.namespace)
        root_tag = prefix + self.service.answer_tag
        by_tag: dict[str, list[TableReader]] = {}
        for one in self.tables:
            by_tag.setdefault(one.tag, []).append(one)
        places = {"token": self.service.next_page, "client_id": self.service.client_at, "as_of": self.service.as_of_at}
        heads = {prefix + one.split("/")[0] for one in places.values() if one and not one.startswith("@")}
        fault = f"{ENVELOPE}Fault"
        page, known = self._page, {tag: set().union(*(one.known for one in some)) for tag, some in by_tag.items()}
        last_parent: Element | None = None
        fitting: list[TableReader] = []
        above: Mapping[str, str] = {}

        def found(element: Element) -> None:
            nonlocal last_parent, fitting, above
            tag, parent = element.tag, element.getparent()
            if tag not in by_tag:
                if tag == fault:
                    raise fault_of(element, self.service)
                if tag in heads and parent is not None and parent.tag == root_tag:
                    _head(page, element, prefix, places)
                return
            if parent is not last_parent or not fitting or fitting[0].tag != tag:
                last_parent = parent
                fitting = [one for one in by_tag[str(tag)] if _stands(parent, one.parents, root_tag)]
                above = {str(name): str(text) for name, text in parent.attrib.items()} if parent is not None else {}
            if not fitting:
                return
            page.rows += 1
            texts = {child.tag: child.text for child in element}
            if not texts.keys() <= known[tag]:
                self._note(name for name in texts if name not in known[tag])
            for one in fitting:
                one.take(element, texts, above)

        root = xml.Reader([*by_tag, *heads, fault], found, encoding=self.service.encoding).read(file)
        body = root.find(f"{ENVELOPE}Body")
        if root.tag != f"{ENVELOPE}Envelope" or body is None or not len(body):
            raise Bad("it is no envelope of SOAP 1.1 with something in it")
        if body[-1].tag != root_tag:
            raise Bad(f"it is no {self.service.answer_tag} of «{self.service.namespace}»")
        return page

    # -- plain XML

    def _plain(self, file: IO[bytes]) -> Page:
        by_id: dict[str, list[TableReader]] = {}
        for one in self.tables:
            by_id.setdefault(one.table.rows, []).append(one)
        known = {name: set().union(*(one.known for one in some)) for name, some in by_id.items()}
        client_block, _, client_name = self.service.client_at.rpartition("/")
        moment_block, _, moment_name = self.service.as_of_at.rpartition("/")
        page, read_moment = self._page, values.moment
        errors, cursor, index, total = (self.service.word(name) for name in ("errors", "cursor", "INDEX", "TOTAL"))
        last_parent: Element | None = None
        block = ""
        present: set[str] = set()

        def found(element: Element) -> None:
            nonlocal last_parent, block
            if element.tag == "data":
                present.add(element.get("id") or "")
                return
            parent = element.getparent()
            if parent is not last_parent:
                last_parent = parent
                block = _block_of(parent)
            if block in by_id:
                page.rows += 1
                texts: dict[str, str | None] = dict(element.attrib)  # type: ignore[arg-type]
                if not texts.keys() <= known[block]:
                    self._note(name for name in texts if name not in known[block])
                for one in by_id[block]:
                    one.take(element, texts, {})
            elif block == errors:
                raise error_of(element, self.service)
            elif block == cursor:
                page.index, page.total = _count(element.get(index)), _count(element.get(total))
            if client_name and block == client_block:
                page.names((element.get(client_name.removeprefix("@")) or "").strip())
            if moment_name and block == moment_block:
                try:
                    page.as_of = read_moment(element.get(moment_name.removeprefix("@")) or "")
                except ValueError:
                    page.as_of = None

        root = xml.Reader(["row"], found, also=["data"], encoding=self.service.encoding).read(file)
        if root.tag != "document":
            raise Bad("its root is no «document»")
        if errors in present:
            raise Faulted("", "", "", "Client")
        for name in by_id:
            if name not in present:
                raise Bad(f"it has no data «{xml.plain(name)}»")
        return page

    def _note(self, names: Iterable[object]) -> None:
        for name in names:
            if len(self.unknown) < limits.UNKNOWN_NAMES_MAX:
                self.unknown[str(name).rpartition("}")[2][:60]] = None


def _stands(parent: Element | None, parents: list[str], root_tag: str) -> bool:
    """Whether a row stands where it is declared to, below the answer's element."""
    for tag in (*parents, root_tag):
        if parent is None or parent.tag != tag:
            return False
        parent = parent.getparent()
    return True


def _head(page: Page, element: Element, prefix: str, places: Mapping[str, str]) -> None:
    """`Page/ClientID`, or `Header/@client`, as far as it stands in this element."""
    for name, place in places.items():
        if not place:
            continue
        first, _, rest = place.partition("/")
        if prefix + first != element.tag:
            continue
        *steps, last = rest.split("/") if rest else [""]
        target = element.find("/".join(prefix + step for step in steps)) if steps else element
        if target is None:
            continue
        if last.startswith("@"):
            text = target.get(last[1:])
        else:
            text = target.findtext(prefix + last) if last else target.text
        bare = (text or "").strip()
        if name == "as_of":
            try:
                page.as_of = values.moment(bare)
            except ValueError:
                page.as_of = None
        elif name == "client_id":
            page.names(bare)
        elif bare:
            page.token = bare


def fault_of(element: Element, service: ServiceMap | OpeningService) -> Faulted:
    """A SOAP fault; what stands in its detail is a ServiceFault of whatever namespace."""
    who = (element.findtext("faultcode") or "").rpartition(":")[2].strip()
    found = {service.word(name): "" for name in ("Code", "Message", "TraceID")}
    for one in element.iterfind("detail//*"):
        name = str(one.tag).rpartition("}")[2]
        if name in found and not found[name]:
            found[name] = (one.text or "").strip()
    code, message, trace = found.values()
    return Faulted(service.code(code), message or (element.findtext("faultstring") or "").strip(), trace, who)


def error_of(row: Element, service: ServiceMap | OpeningService) -> Faulted:
    """What plain XML says in the place of rows."""
    code, message, trace = (row.get(service.word(name)) or "" for name in ("CODE", "MESSAGE", "TRACE_ID"))
    return Faulted(service.code(code.strip()), message, trace, "Client")


def _block_of(rows: Element | None) -> str:
    data = rows.getparent() if rows is not None and rows.tag == "rows" else None
    return (data.get("id") or "") if data is not None and data.tag == "data" else ""


def _count(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= 12 else None
