"""The command line: start the office, say where it is, stay until told to stop."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from sandbox.backoffice.faults import SWITCHES
from sandbox.backoffice.seed import portal_names
from sandbox.backoffice.server import Options, Sandbox
from sandbox.common import command

PORT = 8093


def parser() -> argparse.ArgumentParser:
    made = command.parser("Backoffice", SWITCHES, portal_names(), PORT)
    made.description = "An emulated back office of a broker."
    made.add_argument("--client-ca", default="", metavar="FILE", help="with --tls: whose certificates callers must have")
    made.set_defaults(token=Options.token, post_to="")
    return made


def main(argv: Sequence[str]) -> int:
    args = parser().parse_args(list(argv))
    return command.stay("backoffice", lambda: Sandbox(Options(**command.given(args), client_ca=args.client_ca)))
