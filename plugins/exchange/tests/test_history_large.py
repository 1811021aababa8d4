"""Files larger than memory should hold: read through a window, put aside, booked part by part, and still all or nothing."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from kernel.extension.portal import Portal
from kernel.ledger import Bulk
from plugins.exchange import history, history_cells, history_compare, history_csv, history_jsonl
from plugins.exchange.history_file import read_rows
from plugins.exchange.tests import oracle
from plugins.exchange.tests.test_history import BUY, agree, head, portal, portals

__all__ = ["portal", "portals"]

GROWTH_BYTES_A_ROW = 2_000  #: all rows at once were more than ten thousand each


@pytest.mark.row("EX-16")
@pytest.mark.parametrize("window", [300, 777, 5000])
def test_wherever_the_window_ends_the_rows_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    rows = oracle.generate(21, 150)
    for ends in ("\r\n", "\n"):
        path = oracle.write_csv(tmp_path / "a.csv", rows, mark=";")
        text = path.read_text(encoding="utf-8", errors="strict").replace("\r\n", "\n").replace("\n", ends)
        path.write_bytes(text.encode())
        whole = list(read_rows(path))
        with monkeypatch.context() as patched:
            patched.setattr(history_cells, "BLOCK_CHARS", 13)
            patched.setattr(history_csv, "RECORD_CHARS_MAX", window)
            assert list(read_rows(path)) == whole
    path = oracle.write_jsonl(tmp_path / "a.jsonl", rows, strings=True)
    whole = list(read_rows(path))
    monkeypatch.setattr(history_cells, "BLOCK_CHARS", 13)
    assert list(read_rows(path)) == whole and len(whole) == len(rows)


def test_a_forgotten_quotation_mark_costs_one_row_in_a_file_of_many_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_cells, "BLOCK_CHARS", 50)
    monkeypatch.setattr(history_csv, "RECORD_CHARS_MAX", 200)
    lines = ["deal,op,at,kind,pair,amount", *(f"{n},1,2024-05-06,deposit,UAH,{n}" for n in range(1, 60))]
    lines[20] = '20,1,"2024-05-06,deposit,UAH,20'
    (tmp_path / "a.csv").write_text("\n".join(lines))
    found = list(read_rows(tmp_path / "a.csv"))
    assert [row.line for row in found] == list(range(2, 61))
    assert [row.line for row in found if row.faults] == [21]


def test_a_line_without_an_end_is_told_and_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_cells, "BLOCK_CHARS", 64)
    monkeypatch.setattr(history_jsonl, "LINE_CHARS_MAX", 100)
    (tmp_path / "a.jsonl").write_text('{"comment": "' + "x" * 5000 + '"}\n{"deal": "1"}\n')
    first, second = read_rows(tmp_path / "a.jsonl")
    assert [fault.error.code for fault in first.faults] == ["history_json"] and second.cells == {"deal": "1"}


@pytest.mark.row("EX-16")
def test_rows_of_a_deal_scattered_over_the_file_are_one_deal(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "DEALS_AT_ONCE", 7)
    rows = oracle.generate(22, 200)
    scattered = sorted(rows, key=lambda row: (row["op"], row["deal"][::-1]))
    path = oracle.write_csv(tmp_path / "a.csv", scattered)
    dry = history.import_file(portal, path, dry_run=True)
    real = history.import_file(portal, path)
    assert dry.data() == real.data() | {"dry_run": True} and real.imported == len(rows) and not real.bad
    agree(portal, rows)


@pytest.mark.row("EX-16")
def test_broken_off_between_two_parts_nothing_stands_and_the_next_run_brings_all(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = oracle.generate(23, 60)
    path = oracle.write_csv(tmp_path / "a.csv", rows)
    before, calls, post = head(portal), list[int](), Bulk.post

    def fail_at_third(*args: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("killed")
        return post(*args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(history, "DEALS_AT_ONCE", 5)
        patched.setattr(Bulk, "post", fail_at_third)
        with pytest.raises(RuntimeError):
            history.import_file(portal, path)
    assert head(portal) == before and len(calls) == 3
    assert history.import_file(portal, path).imported == len(rows)
    agree(portal, rows)


@pytest.mark.row("EX-16")
def test_sound_deals_before_a_bad_one_do_not_stand_either(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_compare, "DEALS_AT_ONCE", 1)
    sound = [BUY | {"deal": str(n)} for n in range(1, 9)]
    differs = BUY | {"deal": "9", "op": "2", "client": "Інша"}
    before = head(portal)
    for dry_run in (True, False):
        path = oracle.write_csv(tmp_path / "a.csv", [*sound, BUY | {"deal": "9"}, differs])
        result = history.import_file(portal, path, dry_run=dry_run)
        assert result.bad and result.imported == 0 and head(portal) == before


@pytest.mark.row("EX-16")
def test_memory_does_not_grow_with_the_file(portal: Portal, tmp_path: Path) -> None:
    def peak(count: int) -> tuple[int, int]:
        path = oracle.write_csv(tmp_path / f"{count}.csv", rows := oracle.generate(24, count))
        size = len(rows)
        del rows
        tracemalloc.start()
        try:
            history.import_file(portal, path, dry_run=True)
            return size, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(700)  # what is kept for a while is full from then on
    (few, small), (many, large) = peak(900), peak(2700)
    assert (large - small) / (many - few) < GROWTH_BYTES_A_ROW
