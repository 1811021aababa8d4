"""Files as people really send them: every kind of bad row by its line, hostile workbooks, and properties of the reader."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from kernel.errors import BadInput
from kernel.extension.portal import Portal
from plugins.exchange import history, history_file, history_xlsx
from plugins.exchange.history_cells import COLUMNS, RawRow, format_cell
from plugins.exchange.history_file import read_rows
from plugins.exchange.tests import oracle
from plugins.exchange.tests.test_history import BUY, DEPOSIT, dump, head, portal, portals

__all__ = ["portal", "portals"]
MOVE = DEPOSIT | {"deal": "30", "kind": "move", "amount": "10", "to_place": "Банк"}


def bads(portal: Portal, path: Path) -> list[tuple[int, str, str, str]]:
    before = dump(portal), head(portal)
    result = history.import_file(portal, path)
    assert result.imported == 0 and (dump(portal), head(portal)) == before
    assert history.import_file(portal, path, dry_run=True).data()["bad"] == result.data()["bad"]
    return [(bad["line"], bad["column"], bad["value"], bad["reason"]) for bad in result.data()["bad"]]


def rows_of(path: Path) -> list[RawRow]:
    return list(read_rows(path))


# --- each kind of bad row --------------------------------------------------------------------------------------------


@pytest.mark.row("EX-16")
@pytest.mark.parametrize(
    ("changed", "column", "reason"),
    [
        ({"kind": "swap"}, "kind", "«swap» is not one of: buy, sell, deposit, withdraw, move"),
        ({"kind": "to_partner"}, "kind", "is not one of"),
        ({"pair": "USD/XXQ"}, "pair", "currency «XXQ» is not declared"),
        ({"pair": "USD"}, "pair", "is not a pair like USD/UAH"),
        ({"pair": "USD/USD"}, "pair", "both sides are the same currency"),
        ({"amount": "0"}, "amount", "amount 0 must be above zero"),
        ({"amount": "-5"}, "amount", "amount -5 must be above zero"),
        ({"amount": "1.234"}, "amount", "1.234 has more digits after the point than USD has (2)"),
        ({"amount": "41.2o"}, "amount", "«41.2o» is not a number"),
        ({"amount": "NaN"}, "amount", "«NaN» is not a number"),
        ({"amount": "1e5"}, "amount", "«1e5» is not a number"),
        ({"amount": "90000000000000001"}, "amount", "larger than the books can hold"),
        ({"amount": "1000000000000", "client_rate": "1000000"}, "amount", "larger than the books can hold"),
        ({"client_rate": "0"}, "client_rate", "rate 0 is not above zero"),
        ({"client_rate": "-41"}, "client_rate", "rate -41 is not above zero"),
        ({"client_rate": "1.1234567890123"}, "client_rate", "more than 12 digits"),
        ({"client_rate": "10000000000000"}, "client_rate", "too large"),
        ({"partner_rate": "0"}, "partner_rate", "rate 0 is not above zero"),
        ({"partner_rate": "x"}, "partner_rate", "«x» is not a number"),
        ({"partner_rate": "0.1234567890123"}, "partner_rate", "more than 12 digits"),
        ({"amount_in": "EUR"}, "amount_in", "«EUR», which is not in the pair USD/UAH"),
        ({"amount": "0.01", "client_rate": "0.001"}, "amount", "rounds to nothing"),
        ({"stage": "cancelled"}, "stage", "is not one of: new, client_paid, partner_paid, closed"),
        ({"at": "yesterday"}, "at", "is not a date or time"),
        ({"at": "2024-02-30"}, "at", "is not a date or time"),
        ({"at": "0001-01-01"}, "at", "before 1900"),
        ({"at": "9999-12-31T23:59:59-10:00"}, "at", "after 2199"),
        ({"custody_until": "soon"}, "custody_until", "«soon» is not a date"),
        ({"custody_until": "2024-13-01"}, "custody_until", "is not a date"),
        ({"comment": "a\0b"}, "comment", "code 0"),
        ({"deal": "1\x1f7"}, "deal", "code 31"),
        ({"client": "х" * 201}, "client", "longer than 200"),
        *(({name: ""}, name, "is not filled in") for name in
          ("deal", "op", "at", "kind", "pair", "amount", "client", "client_rate")),
    ],
)  # fmt: skip
def test_a_bad_exchange(portal: Portal, tmp_path: Path, changed: dict[str, str], column: str, reason: str) -> None:
    path = oracle.write_csv(tmp_path / "a.csv", [DEPOSIT, BUY | changed])
    found = bads(portal, path)
    assert [(line, where) for line, where, _, _ in found] == [(3, column)]
    assert reason in found[0][3]
    assert found[0][2] == re.sub("[\0\x1f]", "\ufffd", changed[column].strip()[:200])


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (MOVE | {"to_place": ""}, "to_place", "is not filled in"),
        (MOVE | {"to_place": "Каса"}, "to_place", "to itself"),
        (MOVE | {"to_place": "Каса", "place": ""}, "to_place", "to itself"),
        (DEPOSIT | {"pair": "USD/UAH"}, "pair", "has one currency"),
        (DEPOSIT | {"pair": "ABC"}, "pair", "«ABC» is not declared"),
        (DEPOSIT | {"amount_in": "USD"}, "amount_in", "which is not in the pair UAH"),
        (DEPOSIT | {"kind": "withdraw", "amount": "0.001"}, "amount", "more digits"),
    ],
)
def test_a_bad_row_without_an_exchange(portal: Portal, tmp_path: Path, row: oracle.Row, column: str, reason: str) -> None:
    found = bads(portal, oracle.write_csv(tmp_path / "a.csv", [row]))
    assert [(line, where) for line, where, _, _ in found] == [(2, column)] and reason in found[0][3]


def test_all_problems_of_all_rows_at_once(portal: Portal, tmp_path: Path) -> None:
    awful = BUY | {"kind": "by", "at": "?", "amount": "-1", "client_rate": "41,2o", "partner_rate": "0", "stage": "?"}
    rows = [awful | {"client": "", "op": ""}, BUY, BUY | {"deal": "18", "custody_until": "?", "amount": ""}]
    found = bads(portal, oracle.write_csv(tmp_path / "a.csv", rows))
    assert [(line, column) for line, column, _, _ in found] == [
        *((2, name) for name in ("op", "at", "client", "kind", "amount", "client_rate", "partner_rate", "stage")),
        *((4, name) for name in ("amount", "custody_until")),
    ]
    assert found[5] == (2, "client_rate", "41,2o", "«41,2o» is not a number")


def test_reasons_in_the_desk_s_language(portal: Portal, tmp_path: Path) -> None:
    with portal.read() as unit:
        checked = history.check(portal, unit, oracle.write_csv(tmp_path / "a.csv", [BUY | {"client": ""}]))
    assert checked.bad[0].message("uk") == "не заповнено" and checked.bad[0].message("en") == "is not filled in"


def test_the_same_key_twice(portal: Portal, tmp_path: Path) -> None:
    same = [BUY, DEPOSIT, BUY | {"client_rate": "41.200", "stage": "closed"}]
    result = history.import_file(portal, oracle.write_csv(tmp_path / "a.csv", same))
    assert (result.rows, result.imported, result.unchanged, result.bad) == (3, 2, 1, ())
    other = [BUY, BUY | {"client_rate": "41.3", "client": "Інша"}]
    other = [row | {"deal": "50"} for row in other]
    found = bads(portal, oracle.write_csv(tmp_path / "a.csv", other))
    assert found == [
        (3, "client", "Інша", "this deal and operation stand in line 2 with other values: client Олена -> Інша"),
        (3, "client_rate", "41.3", "this deal and operation stand in line 2 with other values: client_rate 41.2 -> 41.3"),
    ]


@pytest.mark.parametrize(
    ("column", "old", "new"),
    [("client", "Олена", "Інша"), ("stage", "closed", "new"), ("custody_until", "2024-06-01", "2024-06-02")],
)
def test_rows_of_one_deal_that_disagree(portal: Portal, tmp_path: Path, column: str, old: str, new: str) -> None:
    two = BUY | {"op": "2", "pair": "EUR/UAH", "kind": "sell"}
    rows = [BUY | {column: old}, DEPOSIT, two | {column: new}]
    found = bads(portal, oracle.write_csv(tmp_path / "a.csv", rows))
    assert found == [(4, column, new, f"line 2 of the same deal says «{old}»")]


def test_every_broken_link_of_a_chain_is_named(portal: Portal, tmp_path: Path) -> None:
    pairs = ("USD/UAH", "EUR/PLN", "PLN/USD", "BTC/USD")
    rows = [BUY | {"op": str(n), "pair": pair, "partner_rate": ""} for n, pair in enumerate(pairs, 8)]
    found = bads(portal, oracle.write_csv(tmp_path / "a.csv", rows[::-1]))
    assert [(line, column, value) for line, column, value, _ in found] == [(2, "pair", "BTC/USD"), (4, "pair", "EUR/PLN")]
    assert "operation 11" in found[0][3] and "operation 9" in found[1][3]


def test_sums_that_no_database_could_hold(portal: Portal, tmp_path: Path) -> None:
    rows = [DEPOSIT | {"deal": str(n), "amount": "90000000000000"} for n in range(2, 230)]
    found = bads(portal, oracle.write_csv(tmp_path / "a.csv", rows))
    assert found[0][:2] == (224, "amount") and "beyond what the books can hold" in found[0][3]


# --- the file itself -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", b"", "has no line with the names"),
        ("a.csv", b"\r\n \r\n", "has no line with the names"),
        ("a.csv", b'"deal', "has no line with the names"),
        ("a.csv", b"deal,op,at,kind,pair,amount,sum\n", "column «sum» is not known; known: deal, op"),
        ("a.csv", b"deal;op;at;kind;pair\n", "column «amount» is missing"),
        ("a.csv", b"deal,op,at,kind,pair,amount,Deal\n", "column «deal» stands there twice"),
        ("a.csv", "deal,op".encode("utf-16"), "neither UTF-8 nor windows-1251"),
        ("a.csv", b"PK\x03\x04", "neither UTF-8 nor windows-1251"),
        ("a.xls", b"\xd0\xcf\x11\xe0", "none of: .csv, .xlsx, .jsonl"),
        ("a", b"", "none of"),
        ("a.xlsx", b"", "not a workbook"),
        ("a.xlsx", b"deal,op", "not a workbook"),
        ("a.xlsx", b"PK\x03\x04" + b"\0" * 200, "not a workbook"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=reason):
        rows_of(tmp_path / name)


def test_a_file_that_is_not_there_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match=r"«a\.csv» was not found"):
        rows_of(tmp_path / "a.csv")
    with pytest.raises(BadInput, match="was not found"):
        rows_of(tmp_path)
    monkeypatch.setattr(history_file, "FILE_BYTES_MAX", 10)
    with pytest.raises(BadInput, match="larger than"):
        rows_of(oracle.write_csv(tmp_path / "a.csv", [BUY]))


SHORT = "deal;op;at;kind;pair;amount;comment"


def text_file(folder: Path, *lines: str, ends: str = "\n", encoding: str = "utf-8") -> Path:
    (folder / "t.csv").write_bytes(ends.join((SHORT, *lines)).encode(encoding))
    return folder / "t.csv"


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_a_person_sees_them(tmp_path: Path, ends: str) -> None:
    two = f'2;1;x;deposit;UAH;5;"two{ends}lines; ""quoted"""'
    path = text_file(tmp_path, "", "1;1;x;deposit;UAH;5;plain", two, ";;;;;;", "3;1", ends=ends)
    found = rows_of(path)
    assert [row.line for row in found] == [3, 4, 7]
    assert found[1].cells["comment"] == f'two{ends}lines; "quoted"'
    assert found[2].cells == {"deal": "3", "op": "1"}


def test_rows_that_cannot_be_taken_apart_do_not_hide_the_others(portal: Portal, tmp_path: Path) -> None:
    good = "{};1;2024-05-01;deposit;UAH;5;"
    path = text_file(
        tmp_path, good.format(1), '2;1;2024-05-01;deposit;UAH;5;"never closed', good.format(3), good.format(4) + ";x;y",
        '5;1;2024-05-01;deposit;UAH;5;"a" b', good.format(6) + '"closed"', good.format(7) + ";",
        good.format(8) + 'ТОВ "Ромашка"', good.format(9) + "a\0b", good.format(10) + '"',
    )  # fmt: skip
    found = bads(portal, path)
    assert [(line, column) for line, column, _, _ in found] == [
        (3, ""),
        (5, ""),
        (6, ""),
        (8, ""),
        (10, "comment"),
        (11, ""),
    ]
    assert "quotation mark" in found[0][3] and found[1][2:] == ("x;y", "the line has 9 cells, the header only 7")
    assert "code 0" in found[4][3]


def test_an_unquoted_decimal_comma_is_never_taken_for_two_cells(portal: Portal, tmp_path: Path) -> None:
    text = ",".join(COLUMNS) + "\n17,1,2024-05-01,Олена,,buy,USD/UAH,100,,41,2,,,,,,\n"
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    assert [(line, column) for line, column, _, _ in bads(portal, tmp_path / "a.csv")] == [(2, "")]
    quoted = oracle.write_csv(tmp_path / "b.csv", [BUY], comma=True)
    assert {column for _, column, _, _ in bads(portal, quoted)} == {"client_rate", "partner_rate"}


def test_encodings(portal: Portal, tmp_path: Path) -> None:
    line = "1;1;2024-05-01;deposit;UAH;5;Київ, їжак — №5"
    for encoding in ("utf-8", "utf-8-sig", "cp1251"):
        assert rows_of(text_file(tmp_path, line, encoding=encoding))[0].cells["comment"] == "Київ, їжак — №5"
    for encoding, broken in (("utf-8", "Киї".encode()[:-1]), ("utf-8-sig", b"\xff"), ("cp1251", b"\x98")):
        path = text_file(tmp_path, line, line.replace("1", "2", 1), encoding=encoding)
        path.write_bytes(path.read_bytes() + broken)
        assert [(where, column) for where, column, _, _ in bads(portal, path)] == [(3, "comment")], encoding


def test_header_in_any_order_and_case(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(" Amount ,PAIR,Kind,at,op,deal,,\n5,UAH,deposit,x,1,2,,\n5,UAH,deposit,x,1,3,,y\n")
    first, second = rows_of(tmp_path / "a.csv")
    assert first == RawRow(2, {"amount": "5", "pair": "UAH", "kind": "deposit", "at": "x", "op": "1", "deal": "2"})
    assert [(fault.column, fault.value) for fault in second.faults] == [("", "y")]


# --- JSON lines ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ("{", "", "not a JSON object"),
        ("[1]", "", "not a JSON object"),
        ("17", "", "not a JSON object"),
        ("[" * 100_000, "", "not a JSON object"),
        ('{"deal": NaN}', "", "not a JSON object"),
        ('{"sum": 1}', "sum", "«sum» is not known"),
        ('{"deal": 1, "Deal": 2}', "deal", "twice"),
        ('{"amount": true}', "amount", "neither text nor a number"),
        ('{"amount": {"x": 1}}', "amount", "neither text nor a number"),
        ('{"amount": 1e400000}', "amount", "is not a number"),
        ('{"amount": 1e99999999999999999999}', "amount", "is not a number"),
        ('{"amount": ' + "9" * 5000 + "}", "amount", "is longer than"),
        ('{"amount": 5.001}', "amount", "more digits"),
        ('{"amount": "5,5"}', "amount", "is not a number"),
        ('{"deal": "\\ud800"}', "deal", "bytes that the file's encoding does not have"),
        ('{"client": "\\u0000"}', "client", "code 0"),
    ],
)
def test_bad_json(portal: Portal, tmp_path: Path, line: str, column: str, reason: str) -> None:
    good = json.dumps({name: value for name, value in DEPOSIT.items() if value})
    if line.startswith("{") and line.endswith("}") and "NaN" not in line:
        rest = {name: value for name, value in DEPOSIT.items() if value and f'"{name}"' not in line}
        line = json.dumps(rest)[:-1] + ", " + line[1:]
    (tmp_path / "a.jsonl").write_text(f"{good}\n\n{line}\n", encoding="utf-8")
    found = [bad for bad in bads(portal, tmp_path / "a.jsonl") if bad[1] == column]
    assert found and all(bad[0] == 3 for bad in found) and reason in found[0][3]


def test_json_numbers_are_exact(portal: Portal, tmp_path: Path) -> None:
    line = '{"deal": 17, "op": 1.0, "at": "2024-05-01", "kind": "deposit", "pair": "ETH", "amount": 1234567.123456789}'
    (tmp_path / "a.jsonl").write_text(line)
    with portal.read() as unit:
        (deal,) = history.check(portal, unit, tmp_path / "a.jsonl").deals
    assert (deal.number, deal.operations[0].number, deal.operations[0].amount) == ("17", "1", 1234567_123456789)


# --- workbooks -------------------------------------------------------------------------------------------------------

moment = datetime.fromisoformat  # a cell of a sheet has no zone
NAMES = ["deal", "op", "at", "kind", "pair", "amount", "comment"]


def workbook(folder: Path, *rows: list[Any], change: Callable[[Any], None] = lambda sheet: None) -> Path:
    book = Workbook()
    sheet: Any = book.active
    for row in ([None], NAMES, *rows):
        sheet.append(row)
    change(sheet)
    book.save(folder / "a.xlsx")
    return folder / "a.xlsx"


def edited(path: Path, part: str, edit: Callable[[str], str]) -> Path:
    """The workbook with one of its parts rewritten by hand, as other programs may write it."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    before = parts[part].decode()
    parts[part] = edit(before).encode()
    assert parts[part] != before.encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


SHEET = "xl/worksheets/sheet1.xml"


def test_cells_of_a_workbook(tmp_path: Path) -> None:
    path = workbook(
        tmp_path, [17, 1, moment("2024-05-01 10:15"), "deposit", "UAH", 41.2, None], [None] * 7,
        [18.0, "1", "01.05.2024", "deposit", "UAH", "5,5", "x"],
        [19, 1, "", "deposit", "UAH", 0.1 + 0.2, 12345678.125],
    )  # fmt: skip
    first, second, third = rows_of(path)
    assert [row.line for row in (first, second, third)] == [3, 5, 6]
    assert first.cells == {
        "deal": Decimal(17), "op": Decimal(1), "at": moment("2024-05-01 10:15"), "kind": "deposit", "pair": "UAH",
        "amount": Decimal("41.2"),
    }  # fmt: skip
    assert second.comma and second.cells["amount"] == "5,5" and format_cell(second.cells["deal"]) == "18"
    assert third.cells["comment"] == Decimal("12345678.125")


def test_bad_cells_of_a_workbook(portal: Portal, tmp_path: Path) -> None:
    good = ["deposit", "UAH", 5]
    path = workbook(
        tmp_path,
        [1, 1, "2024-05-01", "deposit", "UAH", "=2+3"],
        [2, 1, "2024-05-01", "deposit", "UAH", "#N/A"],
        [3, 1, "2024-05-01", "deposit", "UAH", True],
        [4, moment("2024-02-01"), "2024-05-01", *good],
        [5, 1, 45000.5, *good],
        [6, 1, "2024-05-01", *good, None, "beyond"],
        [7, 1, "2024-05-01", "deposit", "UAH", moment("2024-05-01")],
        change=lambda sheet: sheet.__setitem__("G3", '=IF(1,"","")'),
    )
    edited(path, SHEET, lambda text: text.replace('<c r="G3"><f>', '<c r="G3" t="str"><f>'))
    found = bads(portal, path)
    assert [(line, column) for line, column, _, _ in found] == [
        (3, "amount"), (4, "amount"), (5, "amount"), (6, "op"), (7, "at"), (8, ""), (9, "amount"),
    ]  # fmt: skip
    assert "cell F3 holds a formula without its result" in found[0][3]
    assert "the error #N/A" in found[1][3] and "holds a date (2024-02-01" in found[3][3]


def test_results_of_formulas_are_taken(tmp_path: Path) -> None:
    path = workbook(tmp_path, [1, 1, "2024-05-01", "deposit", "UAH", "=2+3"])
    edited(path, SHEET, lambda text: text.replace("<f>2+3</f><v></v>", "<f>2+3</f><v>5</v>").replace("<v />", "<v>5</v>"))
    assert rows_of(path)[0].cells["amount"] == Decimal(5)


def test_numbers_as_other_programs_write_them(tmp_path: Path) -> None:
    path = workbook(tmp_path, [1, 1, "2024-05-01", "deposit", "UAH", 777])
    edited(path, SHEET, lambda text: text.replace("<v>777</v>", "<v>41.200000000000003</v>"))
    assert rows_of(path)[0].cells["amount"] == Decimal("41.2")


def test_hostile_workbooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = lambda: workbook(tmp_path, [1, 1, "2024-05-01", "deposit", "UAH", 777])  # noqa: E731
    entity = '<!DOCTYPE a [<!ENTITY b "cccc">]>'
    path = edited(fresh(), SHEET, lambda text: entity + text)
    with pytest.raises(BadInput, match="declares XML entities"):
        rows_of(path)
    for old, new in (
        ("</sheetData>", "<"),
        ("<v>777</v>", "<v>many</v>"),
        ('r="F3"', 'r="???"'),
        ('<row r="3"', '<row r="1"'),
        ('<row r="3"', '<row r="99999999999"'),
    ):
        path = edited(fresh(), SHEET, lambda text, old=old, new=new: text.replace(old, new))
        with pytest.raises(BadInput, match="not a workbook that can be read"):
            rows_of(path)
    path = fresh()
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/bomb.bin", b"\0" * (history_xlsx.UNPACKED_BYTES_MAX + 1))
    assert path.stat().st_size < 2**20
    with pytest.raises(BadInput, match="unpacks to more than 128 MB"):
        rows_of(path)
    path = edited(fresh(), SHEET, lambda text: text.replace("F3", "XFD3"))
    assert [fault.error.code for fault in rows_of(path)[0].faults] == ["history_cell_beyond"]


# --- properties ------------------------------------------------------------------------------------------------------

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=12)
TABLE = st.lists(st.lists(CELLS, min_size=7, max_size=7), max_size=8)
FEW = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@FEW
@given(table=TABLE, mark=st.sampled_from(",;"), ends=st.sampled_from(["\n", "\r\n", "\r"]), bom=st.booleans())
def test_what_a_csv_writer_writes_is_read_back(
    tmp_path: Path, table: list[list[str]], mark: str, ends: str, bom: bool
) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=mark, lineterminator=ends, quoting=csv.QUOTE_ALL).writerows([NAMES, *table])
    (tmp_path / "p.csv").write_bytes(text.getvalue().encode("utf-8-sig" if bom else "utf-8"))
    wanted = [
        {name: cell for name, cell in zip(NAMES, cells, strict=True) if cell.strip()}
        for cells in table
        if any(cell.strip() for cell in cells)
    ]
    assert [row.cells for row in rows_of(tmp_path / "p.csv")] == wanted


@FEW
@given(st.binary(max_size=400))
def test_no_bytes_crash_the_reader(tmp_path: Path, content: bytes) -> None:
    for name, start in (("p.csv", SHORT.encode() + b"\n"), ("p.jsonl", b""), ("q.csv", b"")):
        (tmp_path / name).write_bytes(start + content)
        try:
            lines = [row.line for row in read_rows(tmp_path / name)]
        except BadInput:
            continue
        assert lines == sorted(set(lines))


@FEW
@given(st.text('";,\n\r12a', max_size=60))
def test_each_line_is_told_once_whatever_the_quotes(tmp_path: Path, body: str) -> None:
    (tmp_path / "p.csv").write_text(f"{SHORT}\n{body}\n99;1;x;deposit;UAH;5;end\n", newline="")
    lines = [row.line for row in read_rows(tmp_path / "p.csv")]
    assert lines == sorted(set(lines))
    if body.count('"') == 0:
        assert dict(rows_of(tmp_path / "p.csv")[-1].cells)["deal"] == "99"


LIKELY = st.sampled_from(["1", "41,2", "buy", "move", "USD/UAH", "UAH", "2024-05-01"])
ROWS = st.lists(st.fixed_dictionaries({name: st.one_of(CELLS, LIKELY) for name in COLUMNS}), max_size=6)


@settings(FEW, max_examples=60)
@given(rows=ROWS)
def test_no_cells_crash_the_check(portal: Portal, tmp_path: Path, rows: list[oracle.Row]) -> None:
    with portal.read() as unit:
        checked = history.check(portal, unit, oracle.write_csv(tmp_path / "p.csv", rows, mark=";"))
    assert not (checked.bad and checked.deals)
    assert all(str(bad.error) and bad.message("uk") for bad in checked.bad)


@given(st.decimals(min_value=Decimal("0.000000001"), max_value=Decimal("999999.999999999"), places=9))
def test_a_float_of_a_sheet_gives_back_the_number_typed(number: Decimal) -> None:
    cell = history_xlsx._sheet_cell({"value": float(number), "data_type": "n", "column": 1, "row": 1})
    assert cell == number
