"""The command line the emulations have alike: options, first line of output, staying until told to stop."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sandbox.common.switches import Switch


class Running(AbstractContextManager[Any], Protocol):
    def about(self) -> dict[str, Any]: ...


def parser(name: str, switches: Mapping[str, Switch], portals: Sequence[str], port: int) -> argparse.ArgumentParser:
    """The options all have; the switches with their help stand at the end of --help. Portals: the first is the default."""

    def pair(text: str) -> tuple[str, str]:
        switch, equals, value = text.partition("=")
        if not equals:
            raise argparse.ArgumentTypeError("expected NAME=VALUE")
        if switch not in switches:
            raise argparse.ArgumentTypeError(f"unknown switch {switch!r}; known: {', '.join(sorted(switches))}")
        return switch, value

    table = "\n".join(f"  {key:<24} {s.help} [{s.default}]" for key, s in sorted(switches.items()))
    made = argparse.ArgumentParser(
        prog=f"{name.lower()} sandbox", description=f"An emulated {name} portal.",
        epilog=f"switches for --fault:\n{table}", formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    made.add_argument("--port", type=int, default=port, help=f"0 = any free port (default {port})")
    made.add_argument("--host", default="127.0.0.1")
    made.add_argument("--token", default="sandbox", help="the secret programs call with")
    made.add_argument("--speedup", type=float, default=1.0, help="limits, delays and retries run so many times faster")
    made.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), help="serve https")
    made.add_argument("--seed", type=int, default=0, help="the same seed makes the same random choices")
    made.add_argument("--fault", type=pair, action="append", default=[], metavar="NAME=VALUE")
    made.add_argument("--portal", choices=sorted(portals), default=portals[0])
    made.add_argument("--post-to", default="http://127.0.0.1:8080", help="base address the portal posts to")
    return made


def given(args: argparse.Namespace) -> dict[str, Any]:
    """The parsed options under the names the emulations' Options have."""
    return {
        "port": args.port, "host": args.host, "token": args.token, "speedup": args.speedup,
        "tls": tuple(args.tls) if args.tls else None, "seed": args.seed, "faults": tuple(args.fault),
        "portal": args.portal, "post_to": args.post_to,
    }  # fmt: skip


def stay(name: str, make: Callable[[], Running]) -> int:
    """Run until SIGTERM or SIGINT; 2 for a wrong option, as argparse does."""
    try:
        sandbox = make()
    except (ValueError, OSError) as error:
        print(f"{name.lower()} sandbox: {error}", file=sys.stderr)
        return 2
    stop = threading.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    with sandbox:
        print(json.dumps(sandbox.about(), ensure_ascii=False), flush=True)
        stop.wait()
    return 0
