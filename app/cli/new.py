"""`annex new plugin NAME` and `annex new connector NAME`: a folder that works and passes all checks as it stands."""

from __future__ import annotations

import argparse
import keyword
import re
import sys
from pathlib import Path

import app
from app.discovery import find_connectors, find_plugins
from kernel.errors import BadInput

CHECKOUT = Path(app.__file__).parents[1]
TEMPLATES = Path(app.__file__).parent / "templates"
ROOMS = {"plugin": "plugins", "connector": "connectors"}
NAME = re.compile(r"[a-z][a-z0-9_]{1,29}")
# A plugin's pages lie under /<name>/, and these addresses are taken.
ADDRESSES = ("assets", "enter", "feeds", "healthz", "hooks", "jobs", "leave", "live", "metrics", "readyz", "trace")
OURS = ("annex", "app", "kernel", "plugins", "connectors", "webhooks", "mappings", "sandbox", "tests")
PLUGIN_NEXT = """\
1. Try it:       make test ARGS=plugins/{name}
2. Switch it on: in portal.toml of your mapping set write
                     [plugin.{name}]
                     stage = "closed"
3. Make it yours: decisions in rules.py, what happens in handlers.py, what may be set in settings.py. What people do about
   it stands in story.py (`annex simulate`), what its tests must notice in tests/mutants.toml (`make mutants`)."""
CONNECTOR_NEXT = """\
1. Try it:       make test ARGS=connectors/{name}
2. Set it up:    in portal.toml of your mapping set write
                     [connection.partners]
                     connector = "{name}"
                 and in the environment or the settings file {upper}_PARTNERS_URL, {upper}_PARTNERS_TOKEN,
                 {upper}_PARTNERS_HOOK_SECRET
3. Make it yours: capture what the system really sends into tests/fixtures, then receive.py, client.py and errors.py.
   What it can do besides is said in __init__.py: channel, listen, verbs … (kernel/extension/connector.py). For a CRM write
   crm.py (kernel.crm.CRM), declare it with verbs=CRM_VERBS, and set connector = "{name}" in portal.toml itself."""


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="annex new", description="A new plugin or connector from a template.")
    parser.add_argument("kind", choices=sorted(ROOMS), help="what to make")
    parser.add_argument("name", help="its name: the folder's, and what a mapping set calls it")
    parser.add_argument("--into", type=Path, help="put the folder in here instead of the checkout's own place")
    args = parser.parse_args(argv)
    try:
        made = make(args.kind, args.name, args.into)
    except BadInput as exc:
        print(f"annex new: {exc}", file=sys.stderr)
        return 2
    print(f"{made} is there. Nothing else has to be changed.")
    print((PLUGIN_NEXT if args.kind == "plugin" else CONNECTOR_NEXT).format(name=args.name, upper=args.name.upper()))
    return 0


def make(kind: str, name: str, into: Path | None = None) -> Path:
    """Write the folder; returns where it is. Raises BadInput if the name cannot be used."""
    _check(kind, name)
    if into is None and not (CHECKOUT / "pyproject.toml").is_file():
        raise BadInput(f"Annex is installed without its source here: name a folder for the new {kind} with --into")
    target = (into or CHECKOUT / ROOMS[kind]) / name
    if target.exists():
        raise BadInput(f"{target} is there already")
    template = TEMPLATES / kind
    for path in sorted(template.rglob("*.txt")):
        # Templates end in .txt and their tests lie in _tests: no tool takes them for code before they have a name.
        parts = [part.replace("_tests", "tests") for part in path.relative_to(template).with_suffix("").parts]
        file = target.joinpath(*parts)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_filled(path.read_text(encoding="utf-8"), name), encoding="utf-8")
    return target


def _check(kind: str, name: str) -> None:
    if not NAME.fullmatch(name):
        raise BadInput(f"«{name}» cannot be a name: 2 to 30 of a-z, 0-9 and _, beginning with a letter")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in sys.stdlib_module_names or name in OURS:
        raise BadInput(f"«{name}» has a meaning of its own: take another name")
    if kind == "plugin" and name in ADDRESSES:
        raise BadInput(f"«{name}» is one of our own addresses (/{name}): take another name")
    if name in (find_plugins() if kind == "plugin" else find_connectors()):
        raise BadInput(f"there is a {kind} «{name}» already")


def _filled(text: str, name: str) -> str:
    title = name.replace("_", " ").capitalize()
    return text.replace("@name@", name).replace("@NAME@", name.upper()).replace("@title@", title)
