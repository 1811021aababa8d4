"""Settings from environment and file; secrets never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernel.errors import Misconfigured
from kernel.settings import Known, Settings, mask_url
from kernel.telemetry import mask

TOKEN = Known("PLANFIX_TOKEN", "token", secret=True)


@pytest.mark.row("PL-10")
def test_the_environment_wins_over_the_file_and_each_value_knows_its_source(tmp_path: Path) -> None:
    file = tmp_path / "annex.conf"
    file.write_text('# a comment\n\nANNEX_LOG = debug\nANNEX_SET="own"\nPLANFIX_TOKEN=a=b=c\n')
    settings = Settings({"ANNEX_SETTINGS": str(file), "ANNEX_SET": "other"}, also=[TOKEN])
    assert (settings["ANNEX_LOG"], settings["ANNEX_SET"], settings["PLANFIX_TOKEN"]) == ("debug", "other", "a=b=c")
    sources = {value.known.name: value.source for value in settings.values_with_source()}
    assert (sources["ANNEX_LOG"], sources["ANNEX_SET"]) == ("file", "environment")
    assert (sources["ANNEX_HOME"], sources["ANNEX_CURRENCIES"]) == ("default", "not set")
    assert settings.unknown() == [] and len(settings) == len(list(settings))


def test_misspelt_names_in_the_file_are_told(tmp_path: Path) -> None:
    file = tmp_path / "annex.conf"
    file.write_text("ANNEX_HOMME=x\n")
    assert Settings({"ANNEX_SETTINGS": str(file)}).unknown() == ["ANNEX_HOMME"]
    file.write_text("ANNEX_HOME=x\nno mark\n")
    with pytest.raises(Misconfigured, match=r"annex\.conf, line 2"):
        Settings({"ANNEX_SETTINGS": str(file)})
    with pytest.raises(Misconfigured, match="not a file"):
        Settings({"ANNEX_SETTINGS": str(tmp_path / "none")})


@pytest.mark.row("PL-10")
def test_secrets_and_passwords_are_masked() -> None:
    settings = Settings(
        {"PLANFIX_TOKEN": "very-secret-token", "ANNEX_DATABASE_URL": "postgresql+psycopg://annex:p@ss@db/annex"},
        also=[TOKEN],
    )
    shown = {value.known.name: value.display() for value in settings.values_with_source()}
    assert "secret" not in shown["PLANFIX_TOKEN"] and shown["ANNEX_SECRET"] == "(not set)"
    assert shown["ANNEX_DATABASE_URL"] == "postgresql+psycopg://annex:•••@db/annex"
    assert mask("Bearer very-secret-token") == "Bearer •••"
    assert mask_url("sqlite:///x@y.db") == "sqlite:///x@y.db" or "@" in mask_url("sqlite:///x@y.db")


def test_currencies() -> None:
    assert Settings({"ANNEX_CURRENCIES": "TON=9, xau=4,"}).currencies() == {"TON": 9, "XAU": 4}
    for crooked in ("TON", "TON=x", "TON=13", "TON=-1"):
        with pytest.raises(Misconfigured, match="TON"):
            Settings({"ANNEX_CURRENCIES": crooked}).currencies()


def test_the_database_defaults_to_a_file_in_the_home() -> None:
    assert Settings({"ANNEX_HOME": "/srv/annex"}).database_url == "sqlite:////srv/annex/annex.db"
