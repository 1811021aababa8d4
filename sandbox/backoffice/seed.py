"""Offices to begin with: a TOML file each in portals/."""

from __future__ import annotations

import tomllib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox.backoffice import values
from sandbox.backoffice.state import Client, Office
from sandbox.backoffice.tables import MARGIN, TABLES, USAGE
from sandbox.backoffice.values import CLIENT_ID, Impossible

FOLDER = Path(__file__).parent / "portals"
#: What a client's registration says; the first of them that is needed tells a person from a company.
DETAILS = (
    "last_name", "first_name", "middle_name", "birth_date", "full_name", "short_name", "inn", "kpp", "ogrn", "phone",
    "email", "signer",
)  # fmt: skip


def portal_names() -> list[str]:
    """The default first."""
    return sorted((path.stem.replace("_", "-") for path in FOLDER.glob("*.toml")), key=lambda name: name != "broker")


def load(office: Office, name: str) -> None:
    """Fill an empty office."""
    path = FOLDER / f"{name.replace('-', '_')}.toml"
    if not path.is_file():
        raise ValueError(f"no portal {name!r}; there are: {', '.join(portal_names())}")
    data: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    office.name = name
    office.tariffs = {one: list(markets) for one, markets in data["tariff"].items()}
    office.iis_elsewhere, office.sanctioned = set(data.get("iis_elsewhere", ())), set(data.get("sanctioned", ()))
    office.next_client = data["next_client"]
    for one in data.get("client", []):
        add(office, one)


def add(office: Office, given: dict[str, Any]) -> Client:
    """A client with the rows of each table that is named: of a seed, or of a door."""
    ident = values.text(given.get("id"), "id") or office.new_id()
    if not CLIENT_ID.fullmatch(ident):
        raise Impossible(f"a ClientID has 6 to 10 digits, not {ident!r}")
    unknown = set(given) - {"id", "usage_rows", *DETAILS, *TABLES} | ({MARGIN.name} & set(given))
    if unknown:
        raise Impossible(f"a client has no {', '.join(sorted(unknown))}")
    details = {name: values.text(given[name], name) for name in DETAILS if given.get(name)}
    kind = "company" if "full_name" in details else "person"
    if kind == "person" and not details.get("last_name"):
        raise Impossible("last_name or full_name is needed")
    rows = {name: [values.row(table, one) for one in given.get(name, [])] for name, table in TABLES.items()}
    client = office.add_client(ident, kind, details)
    for name, ready in rows.items():
        for row in ready:
            office.put(client, TABLES[name], row)
    many_usages(client, int(given.get("usage_rows", 0)))
    return client


def many_usages(client: Client, count: int) -> None:
    """So many more lines of product history, an hour apart, the newest first."""
    newest = datetime(2026, 11, 20, 18, tzinfo=values.MOSCOW)
    have = len(client.tables[USAGE.name])
    for number in range(have, have + count):
        at = (newest - timedelta(hours=number)).isoformat(timespec="seconds")
        client.tables[USAGE.name].append({
            "product": f"P{number % 7}", "event": ("OPENED", "USED", "CLOSED")[number % 3], "at": at,
            "detail": f"строка {number + 1}", "name": f"Продукт {number % 7}", "until": "",
        })  # fmt: skip
