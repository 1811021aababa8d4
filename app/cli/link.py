"""`annex link`: a one-time link for a person of the CRM, or for whoever runs this machine."""

from __future__ import annotations

import argparse

from app.bootstrap import Annex
from app.cli.command import BuiltIn
from kernel.errors import BadInput
from kernel.extension.roles import near
from kernel.web.identity import person_meant


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="a person of the CRM, by name or id; with --operator, whoever it is for")
    parser.add_argument(
        "--operator", action="store_true", help="for whoever runs Annex: every right, whatever the CRM says of them"
    )
    parser.add_argument("--to", default="/", help="the page that opens")
    parser.add_argument("--minutes", type=int, default=15, help="how long the link is good for")


def _link(annex: Annex, args: argparse.Namespace) -> int:
    annex.migrate()
    portal = annex.runtime.portal
    links = annex.make_links()
    seconds = args.minutes * 60
    if args.operator:
        print(links.for_operator(args.name, args.to, seconds))
        return 0
    person = person_meant(portal, args.name)
    if person is None:
        other = near(args.name, [one.name for one in portal.people() if one.active])
        hint = f"; did you mean «{other}»?" if other else ""
        raise BadInput(
            f"the CRM has no active person «{args.name}», or several of that name{hint} For whoever runs Annex: --operator"
        )
    print(links.for_person(person.id, args.to, seconds))
    return 0


LINK = BuiltIn("link", "a one-time link that signs somebody in", _arguments, _link)
