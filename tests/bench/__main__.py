"""`make bench`: how fast, as ratios against what does the same job honestly, all inside one run.

Only the ratios mean anything: machines and their disks differ, and are never quiet. `ARGS="--only posting,intake"` runs
parts, `--with-others` also installs other people's programs for the comparison (into a folder that is thrown away),
`--write` puts the tables into docs/benchmarks.md: those of the parts that ran, the others stay.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench import (
    backoffice,
    bitrix24,
    chats,
    correction,
    effect,
    feed,
    hanging,
    history,
    idle,
    importing,
    intake,
    opening,
    posting,
    talks,
    waking,
)
from tests.bench.common import ROOT, Bench, Table, machine, server

PAGE = ROOT / "docs" / "benchmarks.md"
PARTS: dict[str, Callable[[Bench], Table]] = {
    "intake": intake.measured,
    "posting": posting.measured,
    "history": history.measured,
    "correction": correction.measured,
    "effect": effect.measured,
    "idle": idle.measured,
    "waking": waking.measured,
    "import": importing.measured,
    "bitrix24": bitrix24.measured,
    "talks": talks.measured,
    "chats": chats.measured,
    "backoffice": backoffice.measured,
    "feed": feed.measured,
    "opening": opening.measured,
    "hanging": hanging.measured,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts, of: {', '.join(PARTS)}")
    parser.add_argument("--with-others", action="store_true", help="install and measure other people's programs, too")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    args = parser.parse_args()
    names = args.only.split(",")
    if unknown := set(names) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    about = machine()
    print(about, flush=True)
    with tempfile.TemporaryDirectory() as name, server(Path(name)) as postgres:
        for part in names:
            folder = Path(name) / part
            folder.mkdir()
            began = time.monotonic()
            table = PARTS[part](Bench(folder, postgres, args.with_others))
            print(f"{part}: {time.monotonic() - began:.0f} s", flush=True)
            if args.write:
                PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), table, about), encoding="utf-8")
    return 0


def with_table(page: str, table: Table, about: str) -> str:
    """The page with this table in place of the one that stood between its marks, and the machine it was measured on."""
    mark = f"<!-- measured: {table.title} -->"
    body = "\n".join([mark, *table.lines(), f"Measured on: {about}.", "", "<!-- end -->"])
    found = re.compile(re.escape(mark) + r".*?<!-- end -->", re.DOTALL)
    return found.sub(lambda _: body, page) if found.search(page) else f"{page.rstrip()}\n\n{body}\n"


if __name__ == "__main__":
    sys.exit(main())
