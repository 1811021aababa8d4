"""Accounts to begin with: a TOML file each in portals/."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

from sandbox.sms_ru.state import Account

FOLDER = Path(__file__).parent / "portals"


def portal_names() -> list[str]:
    """The default first."""
    return sorted((path.stem for path in FOLDER.glob("*.toml")), key=lambda name: name != "broker")


def load(account: Account, name: str) -> None:
    """Fill an empty account."""
    path = FOLDER / f"{name}.toml"
    if not path.is_file():
        raise ValueError(f"no portal {name!r}; there are: {', '.join(portal_names())}")
    fill(account, tomllib.loads(path.read_text(encoding="utf-8")))
    account.name = name


def fill(account: Account, given: dict[str, Any]) -> None:
    """Of a seed, or of a door."""
    for name in ("balance", "price"):
        if name in given:
            setattr(account, name, Decimal(str(given[name])))
    for name in ("limit", "used", "free"):
        if name in given:
            setattr(account, name, int(given[name]))
    if "senders" in given:
        account.senders = [str(one) for one in given["senders"]]
    if "no_route" in given:
        account.no_route = {str(one) for one in given["no_route"]}
    if "stoplist" in given:
        account.stoplist = {str(number): str(why) for number, why in dict(given["stoplist"]).items()}
    if "callbacks" in given:
        account.callbacks = [str(one) for one in given["callbacks"]]
