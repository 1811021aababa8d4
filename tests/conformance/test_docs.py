"""Docs that can fail: whatever a person can set, type, ask for or count stands in the reference."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from app.bootstrap import build
from app.cli import ALONE, BUILT_IN
from app.discovery import find_connectors, find_plugins
from app.site import make_site
from kernel.settings import GENERAL
from kernel.telemetry import metrics
from kernel.web import WEB_SETTINGS
from tests.conformance.checkout import ENVIRONMENT, ROOT, clean, output
from tests.e2e import warm

REFERENCE = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\| `annex ([a-z-]+)` \| (.*) \|$", REFERENCE, re.MULTILINE)
PLUGINS, CONNECTORS = find_plugins(), find_connectors()
# Who adds a plugin touches nothing outside its folder: its own README counts as well.
SETTINGS = [
    *((known.name, "") for known in (*GENERAL, *WEB_SETTINGS)),
    *((line.name, f"connectors/{name}") for name, found in CONNECTORS.items() for line in found.settings),
    *(
        (field, f"plugins/{name}")
        for name, found in PLUGINS.items()
        if found.settings
        for field in found.settings.model_fields
    ),
]
WORKS = [(work.name, f"plugins/{name}") for name, plugin in PLUGINS.items() for work in plugin.every]
SCRIPTS = tomllib.loads((ROOT / "sandbox/planfix/portals/exchange_desk.toml").read_text(encoding="utf-8"))["script"]
EVENTS = sorted({script["event"] for script in SCRIPTS} | {event for plugin in PLUGINS.values() for event in plugin.answers})
BROUGHT = {command.name: f"plugins/{name}" for name, plugin in PLUGINS.items() for command in plugin.commands}
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md"), *ROOT.glob("plugins/*/README.md")]
)


def documented_in(folder: str) -> str:
    """The reference, and the folder's own README if there is one."""
    readme = ROOT / folder / "README.md"
    return REFERENCE + (readme.read_text(encoding="utf-8") if folder and readme.is_file() else "")


def helped(*arguments: str) -> str:
    done = warm.annex(*arguments, "--help", environment=clean())
    assert done.returncode == 0, output(done)
    return done.stdout


@pytest.mark.parametrize(("name", "folder"), SETTINGS, ids=lambda value: value or "kernel")
def test_every_setting_is_documented(name, folder):
    assert f"`{name}`" in documented_in(folder)


def test_no_setting_is_documented_that_does_not_exist():
    known = {name for name, _ in SETTINGS}
    assert set(re.findall(r"`((?:ANNEX|PLANFIX)_[A-Z_]+)`", REFERENCE)) - known == set()


def test_the_help_and_the_reference_name_the_same_commands():
    listed = set(re.findall(r"^    ([a-z-]+)\s{2,}", helped(), re.MULTILINE))
    assert listed == {built_in.name for built_in in BUILT_IN} | set(BROUGHT) | set(ALONE)
    documented = {name for name, _ in COMMANDS}
    for name in listed - documented:
        assert f"annex {name}" in documented_in(BROUGHT.get(name, "")), f"`annex {name}` is documented nowhere"
    assert documented <= listed, "documented, but not there"


@pytest.mark.row("PL-13")
@pytest.mark.parametrize(("name", "line"), COMMANDS, ids=lambda value: value if " " not in value else "")
def test_every_option_is_documented(name, line):
    text = helped("sandbox", "planfix") if name == "sandbox" else helped(name)
    usage = text.split("switches for --fault")[0]
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", usage)) - {"--help", "--fault"}
    documented = set(re.findall(r"`(--[a-z-]+)", line)) - {"--fault"}
    assert documented == options
    for choices in re.findall(r"\{([a-z,_-]+)\}(?=[ \]\n])", usage.split("\n\n")[0]):
        if "--kind" not in choices and "," in choices and len(choices) < 60:
            assert all(choice in line for choice in choices.split(",")) or name == "sandbox", choices


@pytest.mark.parametrize("name", re.findall(r"^# TYPE (\w+)", metrics.page().decode(), re.MULTILINE))
@pytest.mark.row("PL-12")
def test_every_metric_is_documented(name):
    assert name.endswith("_created") or f"`{name}`" in REFERENCE


@pytest.mark.parametrize(("name", "folder"), WORKS)
def test_every_regular_work_is_documented(name, folder):
    assert f"`{name}`" in documented_in(folder)


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_is_documented(name):
    assert f"`{name}`" in REFERENCE


def test_every_address_is_documented(tmp_path):
    built = build({**ENVIRONMENT, "ANNEX_HOME": str(tmp_path)})
    try:
        rules = [rule.rule for rule in make_site(built).url_map.iter_rules()]
    finally:
        built.close()
    for rule in rules:
        stem = re.sub(r"/?<.*", "", rule).removesuffix(".json") or "/"
        stem = "/".join(stem.split("/")[:3])
        assert stem in REFERENCE, f"{rule} stands nowhere"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_link_leads_nowhere(path: Path):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_in_the_documents_exist(path: Path):
    known = {built_in.name for built_in in BUILT_IN} | set(BROUGHT) | set(ALONE)
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r"(?:^|`|bin/)annex ([a-z][a-z-]+)(?=[ `\n])", text, re.MULTILINE):
        assert name in known or f"`annex {name}`" in _missing(text), (
            f"{path.name} names `annex {name}`, which does not exist"
        )
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for name in re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE):
        assert name in targets, f"{path.name} names `make {name}`, which does not exist"


def _missing(text: str) -> str:
    """What the page itself says is not there."""
    return "\n".join(line for line in text.splitlines() if "not there" in line)
