"""`annex link`: a one-time link that signs somebody in, for whoever has the machine in hand."""

from __future__ import annotations

import argparse

from app.bootstrap import Annex
from app.cli.command import BuiltIn
from kernel.web import Links, secret_of


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="who it is for; stands in the history of what he does")
    parser.add_argument("--role", choices=["owner", "staff"], default="owner")
    parser.add_argument("--to", default="/exchange/board", help="the page that opens")
    parser.add_argument("--minutes", type=int, default=15, help="how long the link is good for")


def _link(annex: Annex, args: argparse.Namespace) -> int:
    annex.migrate()
    links = Links(annex.database, annex.clock, annex.ids, secret_of(annex.settings), annex.running.portal.public_url)
    print(links.make(args.name, args.role, args.to, args.minutes * 60))
    return 0


LINK = BuiltIn("link", "a one-time link that signs somebody in", _arguments, _link)
