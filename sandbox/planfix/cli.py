"""The command line: start the portal, say where it is, stay until told to stop."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence

from sandbox.planfix.faults import SWITCHES
from sandbox.planfix.seed import portal_names
from sandbox.planfix.server import Options, Sandbox


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("expected NAME=VALUE")
    if name not in SWITCHES:
        raise argparse.ArgumentTypeError(f"unknown switch {name!r}; known: {', '.join(sorted(SWITCHES))}")
    return name, value


def parser() -> argparse.ArgumentParser:
    """All options; the switches with their help stand at the end of --help."""
    switches = "\n".join(f"  {name:<24} {s.help} [{s.default}]" for name, s in sorted(SWITCHES.items()))
    made = argparse.ArgumentParser(
        prog="planfix sandbox", description="An emulated Planfix portal.", epilog=f"switches for --fault:\n{switches}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    made.add_argument("--port", type=int, default=8090, help="0 = any free port (default 8090)")
    made.add_argument("--host", default="127.0.0.1")
    made.add_argument("--token", default="sandbox", help="API token of the robot")
    made.add_argument("--speedup", type=float, default=1.0, help="limits, delays and retries run so many times faster")
    made.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), help="serve https")
    made.add_argument("--seed", type=int, default=0, help="the same seed throws the same dice")
    made.add_argument("--fault", type=_pair, action="append", default=[], metavar="NAME=VALUE")
    made.add_argument("--portal", choices=portal_names(), default="exchange-desk")
    made.add_argument("--post-to", default="http://127.0.0.1:8080", help="base address the scripts post to")
    made.add_argument("--hook-secret", default="sandbox-hook", help="key of the scripts' signatures")
    return made


def main(argv: Sequence[str]) -> int:
    """Run until SIGTERM or SIGINT; 2 for a wrong option, as argparse does."""
    args = parser().parse_args(list(argv))
    try:
        sandbox = Sandbox(Options(
            port=args.port, host=args.host, token=args.token, speedup=args.speedup,
            tls=tuple(args.tls) if args.tls else None, seed=args.seed, faults=tuple(args.fault), portal=args.portal,
            post_to=args.post_to, hook_secret=args.hook_secret,
        ))  # fmt: skip
    except (ValueError, OSError) as error:
        print(f"planfix sandbox: {error}", file=sys.stderr)
        return 2
    stop = threading.Event()
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
    with sandbox:
        print(json.dumps(sandbox.about(), ensure_ascii=False), flush=True)
        stop.wait()
    return 0
