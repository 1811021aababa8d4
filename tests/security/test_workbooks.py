"""The history import reads files that others have made: no entity is resolved, no archive fills the memory or the disk."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import Workbook

from kernel.errors import BadInput
from plugins.exchange import history_xlsx
from plugins.exchange.history_file import read_rows
from tests.conformance.checkout import ROOT, sources

SHEET, RELATIONS, TYPES = "xl/worksheets/sheet1.xml", "xl/_rels/workbook.xml.rels", "[Content_Types].xml"
NAMES = ["deal", "op", "at", "kind", "pair", "amount", "comment"]
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
DECLARATIONS = {
    "billion laughs": f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]>',
    "a file of ours": '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>',
    "an address": '<!DOCTYPE a [<!ENTITY b SYSTEM "http://169.254.169.254/latest/">]>',
    "a parameter entity": '<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1/x.dtd"> %b;]>',
    "a foreign definition": '<!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd">',
}


def parts_of(folder: Path) -> dict[str, bytes]:
    book = Workbook()
    for row in (NAMES, [1, 1, "2024-05-01", "deposit", "UAH", 5, "word"]):
        book.active.append(row)  # type: ignore[union-attr]
    book.save(folder / "a.xlsx")
    with zipfile.ZipFile(folder / "a.xlsx") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(folder: Path, parts: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(folder / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return folder / "a.xlsx"


def declared(text: bytes, declaration: str) -> str:
    return declaration + re.sub(r"^<\?xml.*?\?>", "", text.decode()).replace(">word<", ">&b;<")


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "utf-8": lambda text: text.encode(),
    "utf-8 with a mark": lambda text: text.encode("utf-8-sig"),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16, said": lambda text: ('<?xml version="1.0" encoding="utf-16"?>' + text).encode("utf-16"),
    "cp1251": lambda text: b'<?xml version="1.0" encoding="cp1251"?>' + text.encode("cp1251"),
}


@pytest.mark.parametrize("declaration", DECLARATIONS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_sheet_that_declares_anything_is_refused(tmp_path: Path, declaration: str, encoding: str) -> None:
    parts = parts_of(tmp_path)
    parts[SHEET] = ENCODINGS[encoding](declared(parts[SHEET], DECLARATIONS[declaration]))
    with pytest.raises(BadInput, match="declares XML entities"):
        list(read_rows(packed(tmp_path, parts)))


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/styles.xml", RELATIONS, TYPES, "docProps/core.xml"])
def test_so_is_every_other_part(tmp_path: Path, part: str) -> None:
    parts = parts_of(tmp_path)
    parts[part] = declared(parts[part], DECLARATIONS["a file of ours"]).encode()
    with pytest.raises(BadInput, match="declares XML entities"):
        list(read_rows(packed(tmp_path, parts)))


@pytest.mark.parametrize("name", ["xl/media/sheet1.xml", "xl/media/image1.png", "customXml/item1.xml"])
def test_a_sheet_hides_under_no_other_name(tmp_path: Path, name: str) -> None:
    """The workbook itself says where its sheet lies: among the pictures, if it likes."""
    parts = parts_of(tmp_path)
    parts[name] = declared(parts.pop(SHEET), '<!DOCTYPE a [<!ENTITY b "resolved">]>').encode()
    for place in (RELATIONS, TYPES):
        parts[place] = parts[place].replace(b"/" + SHEET.encode(), b"/" + name.encode())
    with pytest.raises(BadInput, match="declares XML entities"):
        list(read_rows(packed(tmp_path, parts)))


def test_a_workbook_without_tricks_is_read(tmp_path: Path) -> None:
    [row] = read_rows(packed(tmp_path, parts_of(tmp_path)))
    assert row.cells["comment"] == "word"


def test_an_archive_that_unpacks_to_too_much_is_refused_by_what_it_declares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_xlsx, "UNPACKED_BYTES_MAX", 2**20)
    path = packed(tmp_path, {**parts_of(tmp_path), "xl/bomb.bin": b"\0" * (2**20 + 1)})
    assert path.stat().st_size < 2**16
    with pytest.raises(BadInput, match="unpacks to more than"):
        list(read_rows(path))


def test_an_archive_that_lies_about_its_size_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The declared size is what is added up, and no part is unpacked beyond it."""
    monkeypatch.setattr(history_xlsx, "UNPACKED_BYTES_MAX", 2**20)
    path = packed(tmp_path, {**parts_of(tmp_path), "xl/bomb.bin": b"\0" * 2**22})
    raw, size = bytearray(path.read_bytes()), (2**22).to_bytes(4, "little")
    assert raw.count(size) >= 2
    path.write_bytes(bytes(raw).replace(size, (10).to_bytes(4, "little")))
    with pytest.raises(BadInput, match="not a workbook that can be read"):
        list(read_rows(path))


def test_names_that_climb_out_of_the_archive_write_nothing(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    path = packed(inner, {**parts_of(inner), "../escaped.xml": b"<a/>", "/escaped.xml": b"<a/>"})
    assert len(list(read_rows(path))) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["inner"] and not Path("/escaped.xml").exists()


def test_formulas_are_never_worked_out(tmp_path: Path) -> None:
    book = Workbook()
    for row in (NAMES, [1, 1, "2024-05-01", "deposit", "UAH", 5, '=WEBSERVICE("http://127.0.0.1/")']):
        book.active.append(row)  # type: ignore[union-attr]
    book.save(tmp_path / "a.xlsx")
    [found] = read_rows(tmp_path / "a.xlsx")
    assert "comment" not in found.cells and [fault.error.code for fault in found.faults] == ["history_cell_uncounted"]


def test_nobody_else_reads_xml_or_archives() -> None:
    """A second reader would need these same tests: this one fails until it has them."""
    reading = re.compile(r"\b(?:openpyxl|zipfile|tarfile|xml\.(?:etree|sax|dom)|lxml|pickle|marshal|shelve|yaml)\b")
    found = {
        str(path.relative_to(ROOT))
        for path in sources("kernel", "plugins", "connectors", "webhooks", "app")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith(("import ", "from ")) and reading.search(line)
    }
    # kernel/http/tests/test_bodies.py has these tests for the second one.
    # history_spill.py reads back only what it has itself put into a nameless temporary file a moment before.
    own = "plugins/exchange/history_spill.py"
    # connectors/backoffice/tests/test_security.py and plugins/ways_in/tests/test_state.py have them for the third.
    office = {"kernel/xml.py", *(f"connectors/backoffice/{name}.py" for name in ("client", "opening", "wsse", "xml"))}
    # Of what others send it reads what kernel.xml has read.
    state = "connectors/state/receive.py"
    assert not re.search(r"fromstring|XML\(", (ROOT / state).read_text(encoding="utf-8"))
    # It writes and reads none.
    feeds = "plugins/feeds/xml.py"
    assert not re.search(r"parse|fromstring|XML\(|XSLT|XInclude", (ROOT / feeds).read_text(encoding="utf-8"))
    assert found == {"plugins/exchange/history_xlsx.py", "kernel/http/bodies.py", own, feeds, state} | office


def test_nobody_writes_cells_that_could_be_formulas() -> None:
    """Who adds an export to a spreadsheet has to disarm cells that begin with = + - @ or a tab, as the first one does:
    plugins/dossier/tests/test_pages.py."""
    writing = re.compile(r"\bcsv\.(?:writer|DictWriter)\b|\bWorkbook\(|text/csv|spreadsheetml")
    found = {
        str(path.relative_to(ROOT))
        for path in sources("kernel", "plugins", "connectors", "webhooks", "app")
        if "demo" not in path.parts and writing.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"plugins/dossier/exports.py"}
