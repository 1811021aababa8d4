"""The command line: start the world, say where it is, stay until told to stop."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from sandbox.common import command
from sandbox.telegram.faults import SWITCHES
from sandbox.telegram.seed import portal_names
from sandbox.telegram.server import Options, Sandbox

PORT = 8092


def parser() -> argparse.ArgumentParser:
    made = command.parser("Telegram", SWITCHES, portal_names(), PORT)
    made.set_defaults(token=Options.token, post_to="")
    return made


def main(argv: Sequence[str]) -> int:
    args = parser().parse_args(list(argv))
    return command.stay("telegram", lambda: Sandbox(Options(**command.given(args))))
