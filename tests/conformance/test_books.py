"""A plugin reads its own book only, and the kernel knows no account of any."""

from __future__ import annotations

import re

import pytest

from app.discovery import find_plugins
from tests.conformance.checkout import ROOT, sources

SHARED = re.compile(r"\bledger_(journal|leg|balance|checkpoint\w*|head|published)\b")


def test_no_plugin_reads_a_table_that_books_share_past_its_own_book() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sources("plugins")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if SHARED.search(line) and "rows_of(" not in line
    ]
    assert found == [], "read rows_of(book, table), or ask portal.books"


@pytest.mark.row("PL-04")
def test_the_kernel_knows_no_account() -> None:
    accounts = {
        account.name for plugin in find_plugins().values() for chart in plugin.books for account in chart.accounts
    } - {"place", "equity"}  # also a column, and a kind of account
    assert len(accounts) > 5
    reported = re.compile(rf"['\"]({'|'.join(sorted(accounts))})['\"]")
    found = [
        f"{path.relative_to(ROOT)}: {mark[0]}"
        for path in sources("kernel/ledger")
        for mark in reported.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []
