"""The command line: start the portal, say where it is, stay until told to stop."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from sandbox.bitrix24.faults import SWITCHES
from sandbox.bitrix24.seed import portal_names
from sandbox.bitrix24.server import Options, Sandbox, import_methods
from sandbox.common import command

PORT = 8091


def parser() -> argparse.ArgumentParser:
    import_methods()  # they may bring switches of their own
    return command.parser("Bitrix24", SWITCHES, portal_names(), PORT)


def main(argv: Sequence[str]) -> int:
    args = parser().parse_args(list(argv))
    if not any(name == "plan" for name, _ in args.fault):
        args.fault.append(("plan", "standard"))  # a portal of one's own has limits; only a test in this process may not care
    return command.stay("bitrix24", lambda: Sandbox(Options(**command.given(args))))
