"""`annex dossier forget`: a client of whom nothing is to stay with us."""

from __future__ import annotations

import argparse
import sys

from kernel.extension.portal import Portal
from plugins.dossier import store, store_cards
from plugins.dossier.hooks import CLIENT_FORGOTTEN


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["forget"], help="forget: nothing of that client stays with us")
    parser.add_argument("client_id", metavar="CLIENTID")


def command(portal: Portal, args: argparse.Namespace) -> int:
    with portal.unit() as unit:
        cards = store_cards.cards_of(unit.tx, portal.name, args.client_id)
        for run in CLIENT_FORGOTTEN.functions(portal):
            run(unit, args.client_id, cards)
        gone = store.forget(unit.tx, portal.name, args.client_id)
    portal.changed()
    sys.stdout.write(", ".join(f"{name.removeprefix('dossier_')}: {count}" for name, count in gone.items()) + "\n")
    return 0
