"""`annex doctor`: what is wrong with settings, tokens, rights and the portal, and what to do. In the set's language.

Findings come first, then who may see what; the table of settings only for who asks for it, and only what this set uses.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from app.bootstrap import Annex
from app.cli import who_sees
from app.cli.command import BuiltIn
from kernel import texts
from kernel.crm.unconfigured import UnconfiguredCRM
from kernel.errors import AnnexError
from kernel.extension import Connection, SettingLine
from kernel.extension.roles import problems
from kernel.extension.standing import standings
from kernel.settings import GENERAL, SECRET_CHARACTERS_MIN, SECRET_COMMAND, Value
from kernel.telemetry import mask
from kernel.web import WEB_SETTINGS

texts.add_folder(Path(__file__).parents[1] / "locale")
SOURCES = {
    "environment": "doctor_from_environment", "file": "doctor_from_file", "default": "doctor_from_default",
    "not set": "doctor_from_not_set",
}  # fmt: skip


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="the table of settings, too")
    parser.add_argument("--json", action="store_true")


def _say(annex: Annex, code: str, **values: object) -> str:
    return texts.translate(annex.mapping.portal.language, code, **values)


def settings_of(annex: Annex) -> list[Value]:
    """Those that this set uses: the general ones and its connections'."""
    used = {known.name for known in (*GENERAL, *WEB_SETTINGS)}
    for one in annex.runtime.portal.connections.values():
        used |= {one.setting_name(line.name) for line in one.connector.settings}
    return [value for value in annex.settings.values_with_source() if value.known.name in used]


def help_of(annex: Annex, name: str, fallback: str = "") -> str:
    """What a setting is, in the set's language; an outside connector's own words where it brings no others."""
    try:
        return _say(annex, f"setting_{name}")
    except KeyError:
        return fallback


def _about_settings(annex: Annex) -> Iterator[str]:
    for name in annex.settings.unknown():
        yield _say(annex, "doctor_unknown_setting", name=name)
    for one in annex.runtime.portal.connections.values():
        for line in _unset(one):
            words = help_of(annex, line.name, line.help)
            yield _say(annex, "doctor_not_set", name=one.setting_name(line.name), help=words)
    if 0 < len(annex.settings["ANNEX_SECRET"]) < SECRET_CHARACTERS_MIN:
        least = SECRET_CHARACTERS_MIN
        yield _say(annex, "doctor_short_secret", name="ANNEX_SECRET", least=least, how=SECRET_COMMAND)
    if annex.settings["ANNEX_OPEN_PAGES"] == "yes":
        yield _say(annex, "doctor_open_pages")


def _unset(connection: Connection) -> list[SettingLine]:
    if connection.off:
        return []
    return [line for line in connection.connector.settings if line.required and not connection.settings[line.name]]


def wrong(annex: Annex) -> list[str]:
    """Everything that is not as it should be, each with what to do."""
    found, portal = list(_about_settings(annex)), annex.runtime.portal
    of_plugins: list[str] = []
    try:
        annex.migrate(jobs=True)
        found += _about_calls(annex)
        of_plugins = list(_of_plugins(annex))
    except Exception as exc:
        found.append(_say(annex, "doctor_database", text=f"{type(exc).__name__}: {mask(str(exc))[:300]}"))
    for connection in portal.connections.values():
        if connection.off or _unset(connection):
            continue  # switched off, or said already; it cannot be asked
        if connection.full_name == portal.name and isinstance(portal.crm, UnconfiguredCRM):
            found.append(portal.crm.reason)
            continue
        reach = list(_reached(connection))
        output = {line.partition(" ")[0] for line in reach}  # what the connector says of a setting says it better
        found = [line for line in found if line.partition(" ")[0] not in output] + reach
        if connection.full_name == portal.name:
            found += _missing(annex, reported=bool(reach))
    found += of_plugins
    return list(dict.fromkeys(found))


def _reached(connection: Connection) -> Iterator[str]:
    """What the connector itself finds wrong with one connection; of the CRM in its own words, of others with their name."""
    crm = connection.connector.crm is not None
    try:
        for line in connection.connector.doctor(connection) if connection.connector.doctor else ():
            text = connection.in_words(line)
            yield text if crm else f"{connection.full_name}: {text}"
    except AnnexError as exc:
        yield f"{connection.connector.title if crm else connection.full_name}: {connection.in_words(str(exc))}"


def _of_plugins(annex: Annex) -> Iterator[str]:
    """What the plugins find wrong with what is theirs."""
    portal = annex.runtime.portal
    for plugin in annex.runtime.plugins:
        try:
            yield from plugin.doctor(portal) if plugin.doctor else ()
        except AnnexError as exc:
            yield f"{plugin.title}: {mask(str(exc))[:300]}"


def _missing(annex: Annex, *, reported: bool) -> Iterator[str]:
    """What is missing in the portal for the set; not repeated where it was said already why the portal does not answer."""
    try:
        for item in annex.runtime.portal.crm.missing():
            kind = _kind(annex, item.kind)
            yield _say(annex, "doctor_missing", where=item.where, kind=kind, name=item.name, remedy=item.remedy)
        for one in problems(annex.runtime.portal.mapping, annex.runtime.portal.people()):
            key = one.values.get("key", "")
            named = {"key": _say(annex, f"doctor_key_{key}")} if key else {}
            yield _say(annex, one.code, **{**one.values, **named})
    except AnnexError as exc:
        if not reported:
            yield f"{annex.runtime.connector.title}: {mask(str(exc))}"


def _about_calls(annex: Annex) -> Iterator[str]:
    with annex.database.read() as tx:
        for one in standings(tx, annex.runtime.portal):
            if number := one.calls["uncertain"]:
                yield _say(annex, "doctor_uncertain", connection=one.full_name, number=number)


def _kind(annex: Annex, kind: str) -> str:
    try:
        return _say(annex, f"doctor_kind_{kind}")
    except KeyError:
        return kind


def _table(annex: Annex) -> Iterator[str]:
    for value in settings_of(annex):
        known = value.known
        shown = _say(annex, "doctor_secret_set") if known.secret and value.text else "" if known.secret else value.display()
        yield f"{known.name:32} {shown:44} {_say(annex, SOURCES[value.source]):14} {help_of(annex, known.name, known.help)}"
    for name, chosen in sorted(annex.runtime.portal.plugin_settings.items()):
        for key, held in chosen.model_dump(mode="json").items():
            source = "portal.toml" if key in chosen.model_fields_set else _say(annex, "doctor_from_default")
            shown = json.dumps(held, ensure_ascii=False)
            yield f"{f'plugin.{name}.{key}':32} {shown if len(shown) <= 44 else shown[:43] + '…':44} {source}"


def _doctor(annex: Annex, args: argparse.Namespace) -> int:
    found = wrong(annex)
    sight = (annex.mapping, annex.runtime.plugins)
    if args.json:
        settings = {v.known.name: {"value": v.display(), "source": v.source} for v in settings_of(annex)}
        roles = list(annex.mapping.portal.role)
        sees = [
            {"what": one.what, "roles": dict(zip(roles, one.by_role, strict=True)), "checked": one.checked}
            for one in who_sees.lines(*sight)
        ]
        document = {"ok": not found, "wrong": found, "sees": sees, "settings": settings}
        print(json.dumps(document, ensure_ascii=False, indent=2))
        return 1 if found else 0
    print("\n".join(f"✗ {line}" for line in found) if found else f"✓ {_say(annex, 'doctor_well')}")
    if access := list(who_sees.table(*sight)):
        print("\n".join(["", *access]))
    print("\n".join(["", *_table(annex)]) if args.all else f"\n{_say(annex, 'doctor_all')}")
    return 1 if found else 0


DOCTOR = BuiltIn("doctor", "what is wrong with settings, rights and the portal, and what to do", _arguments, _doctor)
