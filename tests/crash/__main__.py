"""`python -m tests.crash`: real processes and real kills, run after run; figures at the end, exit code 1 if a run failed."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import tempfile
from pathlib import Path

from tests.crash.campaign import KINDS, Figures, campaign


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(90_000))
    parser.add_argument("--kind", choices=sorted(KINDS), help="which desk; default: one after the other")
    parser.add_argument("--home", type=Path, help="where worlds and the logs of failing runs lie")
    parser.add_argument("--database-dies", action="store_true", help="in the first run for certain")
    parser.add_argument("--json", action="store_true", help="the figures as one line, the last one")
    args = parser.parse_args()
    home = (args.home or Path(tempfile.mkdtemp(prefix="annex-crash-"))).resolve()
    home.mkdir(parents=True, exist_ok=True)
    found = []
    for kind in [args.kind] if args.kind else sorted(KINDS, reverse=True):
        print(f"{kind}: {args.runs} runs from seed {args.seed}; {home}", flush=True)
        dies = args.database_dies and kind == "postgresql"
        found.append(campaign(kind, args.runs, args.seed, home, database_dies=dies))
        print(summary(found[-1]), flush=True)
    if args.json:
        print(json.dumps([vars(one) for one in found], ensure_ascii=False))
    return 1 if any(one.failed or one.lost for one in found) else 0


def summary(one: Figures) -> str:
    kills = ", ".join(f"{name} {times}" for name, times in sorted(one.kills.items()))
    ended = ", ".join(f"{name} {times}" for name, times in sorted(one.ended_by_themselves.items())) or "none"
    return (
        f"{one.kind}: {one.runs} runs in {one.seconds:.0f} s, {len(one.failed)} failed {sorted(one.failed) or ''}\n"
        f"  kills {sum(one.kills.values())}: {kills}\n"
        f"  processes that ended unasked and were started again: {ended}\n"
        f"  {one.acts} acts of staff; webhooks answered 200: {one.webhooks}, of these told again {one.repeated} times; "
        f"lost {one.lost}\n"
        f"  not answered and repeated by the portal: {one.not_answered}, given up by it: {one.given_up}\n"
        f"  requests to the portal {one.requests}, refused by its limit {one.refused}; calls carried out {one.effects}"
    )


if __name__ == "__main__":
    sys.exit(main())
