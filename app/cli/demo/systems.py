"""The emulated systems beside the CRM: one for each further connection of the set that can be emulated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

from app.cli.demo.processes import Processes, free_port
from kernel.errors import Unreachable
from kernel.mapping import MappingSet

BOT_TOKEN = "7000000001:demo-bot-of-this-machine"  # noqa: S105 - of the emulated Telegram on this machine
HOOK_SECRET = "demo-telegram-secret-of-this-machine"  # noqa: S105
BACKOFFICE_TOKEN = "demo-backoffice-password-of-this-machine"  # noqa: S105
SPEEDUP = 20  #: their limits and repeats are so many times quicker


class System:
    """An emulated system, as people use it who work there."""

    def __init__(self, title: str, first: Mapping[str, Any]) -> None:
        self.title, self.first = title, first
        self.address = str(first["address"])
        self._session = requests.Session()
        self._session.trust_env = False

    def control(self, door: str, body: Mapping[str, Any] | None = None) -> Any:
        """One of its doors; without a body it is only asked."""
        url = f"{self.address.rstrip('/')}/sandbox/{door}"
        answer = self._session.get(url, timeout=60) if body is None else self._session.post(url, json=body, timeout=90)
        if answer.status_code >= 400:
            raise Unreachable(f"sandbox door {door}: {answer.status_code} {answer.text[:300]}")
        return answer.json()


class Telegram(System):
    def __init__(self, first: Mapping[str, Any]) -> None:
        super().__init__("Telegram", first)


class BackOffice(System):
    def __init__(self, first: Mapping[str, Any]) -> None:
        super().__init__("Учётная система", first)


def start_systems(processes: Processes, mapping: MappingSet, seed: int) -> Mapping[str, Any]:
    """By the customer's names; tells the service the settings of each."""
    starts = {"telegram": _telegram, "backoffice": _backoffice}
    wanted = {name: one.connector for name, one in mapping.portal.connection.items() if one.connector in starts}
    return {name: starts[connector](processes, name, seed) for name, connector in wanted.items()}


def _telegram(processes: Processes, name: str, seed: int) -> System:
    first = _started(processes, "telegram", name, BOT_TOKEN, seed)
    prefix = f"TELEGRAM_{name.upper()}_"
    processes.set(
        **{
            f"{prefix}TOKEN": BOT_TOKEN,
            f"{prefix}HOOK_SECRET": HOOK_SECRET,
            f"{prefix}URL": str(first["base"]).removesuffix("/bot"),
            f"{prefix}MODE": "webhook",
        }
    )
    return Telegram(first)


def _backoffice(processes: Processes, name: str, seed: int) -> System:
    first = _started(processes, "backoffice", name, BACKOFFICE_TOKEN, seed, "--fault", "auth=basic")
    prefix = f"BACKOFFICE_{name.upper()}_"
    processes.set(
        **{
            # A way into this machine is taken only where the setting says its name.
            f"{prefix}URL": str(first["address"]).replace("127.0.0.1", "localhost"),
            f"{prefix}AUTH": "basic",
            f"{prefix}USER": str(first["user"]),
            f"{prefix}PASSWORD": BACKOFFICE_TOKEN,
            f"{prefix}PLAIN_HTTP": "yes",
        }
    )
    return BackOffice(first)


def _started(processes: Processes, connector: str, name: str, token: str, seed: int, *more: str) -> Mapping[str, Any]:
    first: Mapping[str, Any] = processes.start(
        f"{connector}-{name}", f"sandbox.{connector}", "--port", str(free_port()), "--token", token,
        "--speedup", str(SPEEDUP), "--seed", str(seed), *more, answer=True,
    )  # fmt: skip
    return first
