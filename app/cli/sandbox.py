"""`annex sandbox planfix --port N`: one emulated system alone."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import sandbox

NO_SYSTEMS = ("tests", "common")


def main(argv: list[str]) -> int:
    known = sorted(
        info.name for info in pkgutil.iter_modules(sandbox.__path__) if info.ispkg and info.name not in NO_SYSTEMS
    )
    if not argv or argv[0] not in known:
        print(f"annex sandbox: name one of: {', '.join(known)}", file=sys.stderr)
        return 2
    return int(importlib.import_module(f"sandbox.{argv[0]}").main(argv[1:]))
