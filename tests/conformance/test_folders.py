"""Folders that read alike: what each plugin and connector must have, and what it says of itself is so."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

from app.discovery import find_connectors, find_plugins
from kernel.mapping import MappingSet, load_set
from tests.conformance.checkout import ROOT, folders, sources

PLUGINS, CONNECTORS = find_plugins(), find_connectors()
SETS = [load_set(path.parent) for path in sorted((ROOT / "mappings").glob("*/portal.toml"))]
PLUGIN_HEADINGS = ["What it does", "Fields and rights", "Settings", "When it fails"]
# A connector's README is for the person who sets the portal up, so it may be in that person's language.
CONNECTOR_HEADINGS = [
    ("Set up", "Що зробити", "Что сделать"),
    ("Settings", "Налаштування", "Настройки"),
    ("Quirks met", "Дивне, на що ми натрапили", "Странное, на что мы наткнулись"),
]
LANGUAGES = ("en", "uk")
# Calls whose first plain text is a code of the catalogs.
TRANSLATING = {"translate", "t", "of", "_word"}
LOCALES = sorted(
    {path for room in ("kernel", "plugins", "connectors", "app") for path in (ROOT / room).rglob("locale*") if path.is_dir()}
)


def by_name(path: Path) -> str:
    return path.name


def headings(path: Path) -> list[str]:
    return re.findall(r"^## (.+?)\s*$", path.read_text(encoding="utf-8"), re.MULTILINE)


def catalog(folder: Path, language: str) -> dict[str, str]:
    path = folder / f"{language}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


ALL_CODES = {code for folder in LOCALES for code in catalog(folder, "en")}


@pytest.mark.parametrize("folder", folders("plugins"), ids=by_name)
def test_a_plugins_folder(folder):
    plugin = PLUGINS[folder.name]
    found = headings(folder / "README.md")
    assert [title for title in found if title in PLUGIN_HEADINGS] == PLUGIN_HEADINGS, f"headings are {found}"
    assert bool(plugin.migrations) == (folder / "migrations").is_dir(), (
        "migrations are declared where they lie, and only there"
    )
    assert (folder / "tests").is_dir()
    assert list(folder.glob("tests/test_*.py")), "a plugin without tests"
    for path in folder.rglob("*"):
        assert path.is_dir() or path.stat().st_size or path.suffix == ".py", f"{path} is empty: let it be absent"
    if plugin.settings:
        for name, field in plugin.settings.model_fields.items():
            assert not field.is_required(), f"setting {name} has no default"
            assert field.description, f"setting {name} has no line of help"


@pytest.mark.parametrize("folder", folders("connectors"), ids=by_name)
def test_a_connectors_folder(folder):
    connector = CONNECTORS[folder.name]
    found = headings(folder / "README.md")
    for titles in CONNECTOR_HEADINGS:
        assert any(heading.startswith(titles) for heading in found), f"no heading like {titles}; there are {found}"
    readme = (folder / "README.md").read_text(encoding="utf-8")
    for line in connector.settings:
        assert line.help, line.name
        assert line.name.startswith(folder.name.upper() + "_"), f"{line.name} should say whose setting it is"
        assert f"`{line.name}`" in readme, f"README.md does not name {line.name}"
    assert list(folder.glob("tests/test_*.py")), "a connector without tests"
    assert (folder / "tests/fixtures").is_dir(), "what the vendor really sends is kept as fixtures"


@pytest.mark.parametrize("mapping", SETS, ids=lambda mapping: mapping.name)
def test_a_set_has_what_its_plugins_declare(mapping: MappingSet):
    for name in mapping.portal.plugin:
        plugin = PLUGINS[name]
        assert set(plugin.needs) <= set(mapping.portal.plugin), f"{name} needs {plugin.needs}"
        for entity, fields in plugin.fields.items():
            known = mapping.entity(entity)
            for field in fields:
                table, _, column = field.rpartition(".")
                assert column in (known.table[table].field if table else known.field), f"{name}: {entity}.{field}"
    assert mapping.portal.connector in CONNECTORS


@pytest.mark.parametrize("folder", folders("plugins"), ids=by_name)
def test_every_field_a_plugin_names_is_declared(folder):
    """What handlers take from `values["…"]` or `values.get("…")` of records stands in the manifest."""
    declared = {field.rpartition(".")[2] for fields in PLUGINS[folder.name].fields.values() for field in fields}
    for path in sources(f"plugins/{folder.name}"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            key: ast.expr | None = None
            if isinstance(node, ast.Subscript) and _is_values(node.value):
                key = node.slice
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
                key = node.args[0] if node.args and _is_values(node.func.value) else None
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                assert key.value in declared, f"{path.relative_to(ROOT)}:{node.lineno} uses field «{key.value}»"


def _is_values(node: ast.expr) -> bool:
    """`record.values`, `seen.record.values`, `row.values`: the fields of something that was read."""
    return isinstance(node, ast.Attribute) and node.attr == "values" and ast.unparse(node.value) not in ("exc", "error")


@pytest.mark.parametrize("folder", folders("plugins"), ids=by_name)
def test_a_plugin_uses_only_what_it_says_it_needs(folder):
    """Or whose hooks it answers: that one need not be switched on."""
    plugin = PLUGINS[folder.name]
    known = {*plugin.needs, *(one.hook.owner for one in plugin.hooks)}
    for path in sources(f"plugins/{folder.name}"):
        for name in _imported(path):
            parts = name.split(".")
            if parts[0] == "plugins" and len(parts) > 1 and parts[1] != folder.name:
                assert parts[1] in known, f"{path.name} imports {name}; neither `needs` nor `hooks` says so"
                assert parts[2:3] == ["api"], f"{path.name} imports {name}, not the api.py"


def _imported(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


@pytest.mark.parametrize("folder", LOCALES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_text_stands_in_every_language_with_the_same_values(folder):
    languages = (*LANGUAGES, "ru") if (folder / "ru.toml").is_file() else LANGUAGES
    catalogs = {language: catalog(folder, language) for language in languages}
    for language, texts in catalogs.items():
        assert texts.keys() == catalogs["en"].keys(), f"{folder}/{language}.toml and en.toml have other keys"
    for code, text in catalogs["en"].items():
        for language in languages:
            assert _places(catalogs[language][code]) == _places(text), f"{code} ({language}) fills in other values"


def _places(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_no_text_stands_in_two_catalogs():
    seen: dict[str, Path] = {}
    for folder in LOCALES:
        for code in catalog(folder, "en"):
            assert code not in seen, f"«{code}» stands in {folder} and in {seen[code]}: one hides the other"
            seen[code] = folder


def _codes(path: Path) -> list[tuple[int, str]]:
    """Codes that stand as plain text in a call that says something: `say(language, "code")`, `Refused.of("code")`."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        whole = ast.unparse(node.func)
        if name not in TRANSLATING or (name == "of" and not whole.endswith(("BadInput.of", "Refused.of"))):
            continue
        first = node.args[1:2] if name in ("translate", "_word") else node.args[:1]
        found += [(node.lineno, arg.value) for arg in first if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    return found


@pytest.mark.parametrize("room", ["kernel", "webhooks", *(f"plugins/{f.name}" for f in folders("plugins")), "connectors"])
def test_every_text_that_is_said_exists(room):
    for path in sources(room):
        for line, code in _codes(path):
            known = code in ALL_CODES or f"card_{code}" in ALL_CODES
            assert known, f"{path.relative_to(ROOT)}:{line} says «{code}», which no catalog has"


@pytest.mark.parametrize("room", ["kernel", *(f"plugins/{f.name}" for f in folders("plugins"))])
def test_every_text_of_a_page_exists(room):
    for path in sorted((ROOT / room).rglob("*.html")):
        for code in re.findall(r"\bt\(\s*[\"']([a-z][a-z0-9_]*)[\"']\s*[,)]", path.read_text(encoding="utf-8")):
            assert code in ALL_CODES, f"{path.relative_to(ROOT)} says «{code}», which no catalog has"


@pytest.mark.parametrize("folder", folders("plugins"), ids=by_name)
def test_every_regular_work_has_a_name_for_people(folder):
    for work in PLUGINS[folder.name].every:
        assert f"work_{work.name.replace('.', '_')}" in ALL_CODES, work.name


@pytest.mark.parametrize("folder", LOCALES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_is_left_over(folder):
    """A text that nobody says is a text that nobody keeps true. Codes put together at run time count by their beginning."""
    words, beginnings = _used_anywhere()
    assert [code for code in sorted(catalog(folder, "en")) if code not in words and not code.startswith(beginnings)] == []


@cache
def _used_anywhere() -> tuple[frozenset[str], tuple[str, ...]]:
    """Every word of our sources, and the beginnings of those that are put together at run time."""
    parts = [path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("*.py") if "templates" not in path.parts]
    for room in ("kernel", "plugins", "connectors", "webhooks"):
        for suffix in ("*.py", "*.html", "*.js"):
            parts += [path.read_text(encoding="utf-8") for path in (ROOT / room).rglob(suffix)]
    text = "\n".join(parts)
    beginnings = re.findall(r"[\"']([a-z][a-z0-9_]*_)(?:\{[^}\"']+\}[a-z_]*[\"']|[\"']\s*[~+])", text)
    return frozenset(re.findall(r"\w+", text)), tuple(filter(None, beginnings))
