"""The set-up of a Planfix portal: its REST can make next to nothing of it, so each difference says what to click."""

from __future__ import annotations

from collections.abc import Callable

from connectors.planfix.crm import crm
from kernel.crm import Lack
from kernel.extension import Connection
from kernel.mapping import Change, Setup


def setup(connection: Connection) -> Setup:
    """Raises Misconfigured."""
    return ByHand(crm(connection).lacks)


class ByHand:
    def __init__(self, lacks: Callable[[], list[Lack]]) -> None:
        self._lacks = lacks

    def plan(self) -> list[Change]:
        return [Change("manual", f"{lack.where}: {lack.kind} «{lack.name}»", lack.remedy) for lack in self._lacks()]
