"""The command line: start the portal, say where it is, stay until told to stop."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from sandbox.common import command
from sandbox.planfix.faults import SWITCHES
from sandbox.planfix.seed import portal_names
from sandbox.planfix.server import Options, Sandbox


def parser() -> argparse.ArgumentParser:
    portals = sorted(portal_names(), key=lambda name: name != Options.portal)
    made = command.parser("Planfix", SWITCHES, portals, 8090)
    made.add_argument("--hook-secret", default="sandbox-hook", help="key of the scripts' signatures")
    return made


def main(argv: Sequence[str]) -> int:
    args = parser().parse_args(list(argv))
    return command.stay("planfix", lambda: Sandbox(Options(**command.given(args), hook_secret=args.hook_secret)))
