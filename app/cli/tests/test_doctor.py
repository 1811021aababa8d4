"""`annex doctor`: findings first, in the set's language, and only what the set uses."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.bootstrap import Annex, build
from app.cli.doctor import DOCTOR, wrong
from kernel.errors import Unreachable
from kernel.extension import Plugin
from kernel.settings import GENERAL

PLANFIX = {
    "PLANFIX_URL": "http://127.0.0.1:1/rest/", "PLANFIX_TOKEN": "a-token-of-the-tests",
    "PLANFIX_HOOK_SECRET": "a-hook-secret-of-the-tests",
}  # fmt: skip
QUIET = {**PLANFIX, "ANNEX_SET": "exchange-desk-planfix"}


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"ANNEX_HOME": str(tmp_path)}


def built(environment: dict[str, str], **more: Any) -> Annex:
    return build(environment, **more)


def run(environment: dict[str, str], *options: str, capsys: Any) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    DOCTOR.arguments(parser)
    annex = built(environment)
    try:
        code = DOCTOR.run(annex, parser.parse_args(options))
    finally:
        annex.close()
    lines = capsys.readouterr().out.splitlines(keepends=True)
    return code, "".join(line for line in lines if not line[:4].isdecimal())  # the log goes elsewhere in production


@pytest.mark.row("PL-13")
def test_findings_come_first_and_the_table_only_when_asked(home: dict[str, str], capsys: Any) -> None:
    environment = {**home, **QUIET, "ANNEX_OPEN_PAGES": "yes"}
    code, text = run(environment, capsys=capsys)
    assert code == 1 and text.startswith("✗ ANNEX_OPEN_PAGES=yes: з цього комп'ютера")
    assert "ANNEX_HOME" not in text and "--all" in text
    code, text = run(environment, "--all", capsys=capsys)
    assert code == 1 and text.startswith("✗ ") and text.index("\n\n") < text.index("ANNEX_HOME")
    assert "plugin.exchange.report_currency" in text and PLANFIX["PLANFIX_TOKEN"] not in text


@pytest.mark.row("PL-13")
@pytest.mark.parametrize(("name", "foreign"), [("exchange-desk-planfix", "BITRIX24_"), ("broker-bitrix24", "PLANFIX_")])
def test_only_what_the_set_uses(home: dict[str, str], capsys: Any, name: str, foreign: str) -> None:
    environment = {**home, "ANNEX_SET": name, "ANNEX_LOG": "error"}
    _code, text = run(environment, "--all", capsys=capsys)
    assert foreign not in text
    _code, output = run(environment, "--json", capsys=capsys)
    assert not any(one.startswith(foreign) for one in json.loads(output)["settings"])
    assert {one.name for one in GENERAL} <= set(json.loads(output)["settings"])


@pytest.mark.parametrize("name", ["exchange-desk-planfix", "exchange-desk-bitrix24", "broker-bitrix24"])
def test_every_line_of_the_table_is_in_the_sets_language(home: dict[str, str], capsys: Any, name: str) -> None:
    code, text = run({**home, "ANNEX_SET": name}, "--all", capsys=capsys)
    assert code == 1
    for line in text.splitlines():
        if line.startswith(("ANNEX_", "PLANFIX_", "BITRIX24_")):
            assert any("а" <= letter <= "я" for letter in line[80:].casefold()), line
    if name.endswith("desk-bitrix24"):
        marks = "plugin.partners.partner_mark"  # what people type before a comment, in three languages
        ours = "".join(line for line in text.splitlines() if not line.startswith(marks))
        assert not set("ыэъё") & set(ours.casefold()), "Ukrainian has no such letters"


@pytest.mark.parametrize("setting", ["PLANFIX_HOOK_SECRET", "PLANFIX_HOOK_SECRET_OLD", "ANNEX_SECRET"])
def test_a_short_secret_says_how_to_make_a_good_one(home: dict[str, str], setting: str) -> None:
    annex = built({**home, **QUIET, setting: "short-of-it"})
    [line] = [line for line in wrong(annex) if line.startswith(f"{setting} ")]
    assert "24" in line and "secrets.token_urlsafe" in line and "short-of-it" not in line
    annex.close()


def test_what_is_missing_is_said_once_and_a_portal_as_it_should_be_is_well(home: dict[str, str]) -> None:
    annex = built({**home, "ANNEX_SET": "exchange-desk-planfix"})
    lines = wrong(annex)
    assert sorted(line.partition(" ")[0] for line in lines) == ["PLANFIX_HOOK_SECRET", "PLANFIX_TOKEN", "PLANFIX_URL"]
    annex.close()


def test_a_plugin_s_own_findings_stand_among_the_others(home: dict[str, str]) -> None:
    found = [Plugin("one", "One", doctor=lambda portal: [f"one: {portal.name} is not well"]), Plugin("two", "Two")]

    def broken(_portal: Any) -> Iterator[str]:
        raise Unreachable("two: nobody answers")
        yield ""

    found.append(Plugin("three", "Three", doctor=broken))
    annex = built({**home, **QUIET})
    try:
        annex = replace(annex, runtime=replace(annex.runtime, plugins=found))
        lines = wrong(annex)
    finally:
        annex.close()
    assert "one: planfix/main is not well" in lines
    assert "Three: two: nobody answers" in lines


@pytest.mark.row("BR-19")
def test_who_may_see_what_and_which_lines_nobody_can_check(home: dict[str, str], capsys: Any) -> None:
    _code, text = run({**home, "ANNEX_SET": "broker-bitrix24"}, capsys=capsys)
    cells = [[cell for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]
    found = {line[1].strip(): [line[0].strip(), *(cell.strip() for cell in line[2:])] for line in cells if len(line) == 5}
    assert found["контакты"] == found["сделки"] == found["компании"] == ["?", "все", "своего отдела", "свои"]
    assert found["workday"] == ["✓", "да", "да", "да"] and found["workday.team"] == ["✓", "да", "да", "нет"]
    assert "что" in text and "владелец" in text and "? проверить некому" in text
    _code, text = run({**home, "ANNEX_SET": "broker-bitrix24"}, "--json", capsys=capsys)
    [deal] = [one for one in json.loads(text)["sees"] if one["what"] == "deal"]
    assert deal == {"what": "deal", "roles": {"owner": "все", "head": "своего отдела", "staff": "свои"}, "checked": False}
    _code, text = run({**home, **QUIET}, "--json", capsys=capsys)
    assert json.loads(text)["sees"] == [], "this set says nothing of it"
