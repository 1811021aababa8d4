"""The command line: start the provider, say where it is, stay until told to stop."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from sandbox.common import command
from sandbox.sms_ru.faults import SWITCHES
from sandbox.sms_ru.seed import portal_names
from sandbox.sms_ru.server import Options, Sandbox

PORT = 8094


def parser() -> argparse.ArgumentParser:
    made = command.parser("Sms_ru", SWITCHES, portal_names(), PORT)
    made.description = "An emulated SMS.RU."
    made.set_defaults(token=Options.token, post_to="")
    return made


def main(argv: Sequence[str]) -> int:
    args = parser().parse_args(list(argv))
    return command.stay("sms_ru", lambda: Sandbox(Options(**command.given(args))))
