"""`annex doctor`: settings, tokens, rights, reachability, what the portal lacks by name, and what to do."""

from __future__ import annotations

import argparse
import json

from app.bootstrap import Annex
from app.cli.command import BuiltIn
from kernel.crm.unset import UnsetCRM
from kernel.errors import AnnexError
from kernel.telemetry import mask


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true")


def wrong(annex: Annex) -> list[str]:
    """Everything that is not as it should be, each with what to do."""
    found = [f"settings file: «{name}» is not a setting: misspelt?" for name in annex.settings.unknown()]
    running = annex.running
    for line in running.connector.settings:
        if line.required and not annex.settings[line.name]:
            found.append(f"{line.name} is not set: {line.help}")
    if annex.settings["ANNEX_OPEN_PAGES"] == "yes":
        found.append("ANNEX_OPEN_PAGES=yes: pages need no sign-in from this machine; take it away before real work")
    try:
        annex.migrate(jobs=True)
    except Exception as exc:
        found.append(f"database: {type(exc).__name__}: {mask(str(exc))[:300]}: check ANNEX_DATABASE_URL and its rights")
    if isinstance(running.portal.crm, UnsetCRM):
        found.append(running.portal.crm.reason)
        return list(dict.fromkeys(found))
    reach: list[str] = []
    try:
        reach = [mask(line) for line in running.connector.doctor(running.connection)] if running.connector.doctor else []
        found += reach
        found += [
            f"{lack.where}: {lack.kind} «{lack.name}» is missing: {lack.remedy}" for lack in running.portal.crm.lacks()
        ]
    except AnnexError as exc:
        if not reach:  # else it is said already why the portal does not answer
            found.append(f"{running.connector.title}: {mask(str(exc))}")
    return found


def _doctor(annex: Annex, args: argparse.Namespace) -> int:
    found = wrong(annex)
    values = annex.settings.values_with_source()
    if args.json:
        settings = {v.known.name: {"value": v.shown(), "source": v.source} for v in values}
        print(json.dumps({"ok": not found, "wrong": found, "settings": settings}, ensure_ascii=False, indent=2))
        return 1 if found else 0
    for value in values:
        print(f"{value.known.name:32} {value.shown():44} {value.source:12} {value.known.help}")
    print()
    print("\n".join(f"✗ {line}" for line in found) if found else "✓ all well")
    return 1 if found else 0


DOCTOR = BuiltIn("doctor", "what is wrong with settings, rights and the portal, and what to do", _arguments, _doctor)
