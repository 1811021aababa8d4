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
from app.cli.demo.broker import BrokerDemo
from app.cli.demo.exchange import ExchangeDemo
from app.cli.demo.stages import STAGES, Bitrix24
from kernel.errors import AnnexError, Misconfigured
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
        portal = load_set(set_folder(args.set_name)).portal
        stage = STAGES[portal.connector]()
        if "exchange" not in portal.plugin and not isinstance(stage, Bitrix24):
            raise Misconfigured("the broker's story is played in Bitrix24 only")
    except (AnnexError, KeyError) as exc:
        print(f"demo: there is no story for the set «{args.set_name}»: {exc}", file=sys.stderr)
        return 2
    shutil.rmtree(args.home, ignore_errors=True)
    args.home.mkdir(parents=True)
    demo: ExchangeDemo | BrokerDemo
    if isinstance(stage, Bitrix24) and "exchange" not in portal.plugin:
        demo = BrokerDemo(args, stage)
    else:
        demo = ExchangeDemo(args, stage)
    try:
        return demo.run()
    except AnnexError as exc:
        print(f"demo: {exc}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    finally:
        demo.processes.stop_all()
