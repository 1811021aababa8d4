"""`annex demo`: realistic days on an emulated CRM, played through its own doors, then checked.

Staff work in the CRM, its automations post to our webhooks, we read back and write. In between the portal drops, doubles and
reorders deliveries and loses an answer, and our worker is killed with -9. At the end everything must agree.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from app.bootstrap import set_folder
from app.cli.demo.run import Demo
from app.cli.demo.stages import STAGES
from app.cli.demo.stories import demos_of
from kernel.errors import AnnexError
from kernel.mapping import load_set


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="annex demo")
    parser.add_argument("--once", action="store_true", help="leave when the days are played; 0 only if all agrees")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--days", type=int, default=2)
    parser.add_argument("--set", dest="set_name", default="exchange-desk-planfix")
    parser.add_argument("--home", type=Path, default=Path("var/demo"), help="data directory; made anew")
    args = parser.parse_args(argv)
    try:
        mapping = load_set(set_folder(args.set_name))
        stories = demos_of(list(mapping.portal.plugin), mapping.portal.connector)
        stage = STAGES[mapping.portal.connector]()
    except (AnnexError, KeyError) as exc:
        print(f"demo: there is no story for the set «{args.set_name}»: {exc}", file=sys.stderr)
        return 2
    shutil.rmtree(args.home, ignore_errors=True)
    args.home.mkdir(parents=True)
    demo = Demo(args, stage, mapping, stories)
    try:
        return demo.run()
    except (AnnexError, AssertionError) as exc:  # an AssertionError: a story waited for nothing
        print(f"demo: {exc}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    finally:
        demo.processes.stop_all()
