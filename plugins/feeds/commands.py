"""`annex feeds`: keys of those who fetch, schemas, and a new numbering after a restored copy."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from ipaddress import ip_network

from kernel.errors import BadInput
from kernel.extension.portal import Portal, Unit
from kernel.telemetry import tell_secret
from kernel.texts import translate
from plugins.feeds import keys, store, xml
from plugins.feeds.keys import CONSUMER, Key
from plugins.feeds.rules import moment

DAYS, OVERLAP_DAYS = 365, 7


def arguments(parser: argparse.ArgumentParser) -> None:
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="key | show | schema | restart")
    _key_arguments(kinds.add_parser("key", help="keys of those who fetch"))
    kinds.add_parser("show", help="what is in each feed")
    kinds.add_parser("schema", help="the XML Schema of a feed").add_argument("feed")
    kinds.add_parser("restart", help="all cursors end: after a database was restored from a copy")


def _key_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="add | rotate | revoke | list")
    add = verbs.add_parser("add", help="a key for a consumer, shown once")
    add.add_argument("name", help="who fetches: letters, digits, . _ -")
    add.add_argument("--feeds", required=True, help="names of feeds, with commas")
    add.add_argument("--personal", action="store_true", help="may read what is personal")
    add.add_argument("--from", dest="networks", action="append", default=[], metavar="CIDR", help="only from there")
    add.add_argument("--days", type=int, default=DAYS, help="how long it is good")
    rotate = verbs.add_parser("rotate", help="a new key; the old one lives a while longer")
    rotate.add_argument("name")
    rotate.add_argument("--overlap", type=int, default=OVERLAP_DAYS, help="days that the old one still lives")
    rotate.add_argument("--days", type=int, default=DAYS)
    verbs.add_parser("revoke", help="no key of that consumer is good any more").add_argument("name")
    verbs.add_parser("list", help="all keys, with their last use")


def run(portal: Portal, args: argparse.Namespace) -> int:
    if args.kind == "key":
        return {"add": _add, "rotate": _rotate, "revoke": _revoke, "list": _list}[args.verb](portal, args)
    return {"show": _show, "schema": _schema, "restart": _restart}[args.kind](portal, args)


def _say(portal: Portal, code: str, **values: object) -> None:
    sys.stdout.write(translate(portal.mapping.portal.language, code, **values) + "\n")


def _add(portal: Portal, args: argparse.Namespace) -> int:
    feeds = [one.strip() for one in args.feeds.split(",")]
    if not CONSUMER.fullmatch(args.name):
        raise BadInput.of("feeds_name_bad", name=args.name)
    if unknown := next((one for one in feeds if one not in portal.mapping.feeds), None):
        raise BadInput.of("feeds_unknown", feed=unknown, known=", ".join(portal.mapping.feeds) or "—")
    for one in args.networks:
        try:
            ip_network(one)
        except ValueError as exc:
            raise BadInput.of("feeds_network_bad", text=one) from exc
    now = portal.clock.now()
    with portal.unit() as unit:
        if keys.living(unit.tx, args.name, now):
            raise BadInput.of("feeds_has_key", consumer=args.name)
        key = keys.add(
            unit.tx, args.name, feeds, personal=args.personal, networks=args.networks, now=now, days=_days(args.days)
        )
    return _shown(portal, key)


def _rotate(portal: Portal, args: argparse.Namespace) -> int:
    with portal.unit() as unit:
        key = keys.rotate(
            unit.tx, args.name, now=portal.clock.now(), overlap=max(args.overlap, 0), days=_days(args.days)
        )  # fmt: skip
    return _shown(portal, key)


def _days(days: int) -> int:
    if not 1 <= days <= 3650:
        raise BadInput.of("feeds_days_bad")
    return days


def _shown(portal: Portal, key: str) -> int:
    """The key alone on standard output, for whoever pipes it; what to know of it beside."""
    sys.stdout.write(f"{key}\n")
    sys.stderr.write(translate(portal.mapping.portal.language, "feeds_key_once") + "\n")
    tell_secret(key)
    return 0


def _revoke(portal: Portal, args: argparse.Namespace) -> int:
    with portal.unit() as unit:
        ended = keys.revoke(unit.tx, args.name, portal.clock.now())
    if not ended:
        raise BadInput.of("feeds_no_such_key", consumer=args.name)
    _say(portal, "feeds_revoked", consumer=args.name, count=ended)
    return 0


def _list(portal: Portal, _args: argparse.Namespace) -> int:
    now = portal.clock.now()
    with portal.read() as unit:
        found = keys.all_keys(unit.tx)
    for one in found:
        _say(
            portal, "feeds_key_line", consumer=one.consumer, number=one.id, feeds=",".join(one.feeds),
            scope=translate(portal.mapping.portal.language, f"feeds_scope_{one.scope}"),
            networks=", ".join(one.networks) or "—", state=_state(portal, one, now),
            used=moment(one.used_at, portal.zone) if one.used_at else "—",
        )  # fmt: skip
    return 0


def _state(portal: Portal, key: Key, now: datetime) -> str:
    code = "feeds_key_ends" if key.ends_at > now else "feeds_key_ended"
    return translate(portal.mapping.portal.language, code, at=moment(key.ends_at, portal.zone))


def _show(portal: Portal, _args: argparse.Namespace) -> int:
    for feed in portal.mapping.feeds:
        store.number(portal.database, feed)
        with portal.read() as unit:
            head, (rows, gone) = store.head_of(unit.tx, feed), store.counted(unit.tx, feed)
        _say(portal, "feeds_feed_line", feed=feed, rows=rows, gone=gone, head=head.head if head else 0)
    return 0


def _schema(portal: Portal, args: argparse.Namespace) -> int:
    if args.feed not in portal.mapping.feeds:
        raise BadInput.of("feeds_unknown", feed=args.feed, known=", ".join(portal.mapping.feeds) or "—")
    sys.stdout.write(xml.schema(portal.mapping.feeds[args.feed]).decode())
    return 0


def _restart(portal: Portal, _args: argparse.Namespace) -> int:
    with portal.unit() as unit:
        begin_anew(unit)
    _say(portal, "feeds_restarted")
    return 0


def begin_anew(unit: Unit) -> None:
    """All cursors end: a copy may know less than consumers have read."""
    for feed in unit.portal.mapping.feeds:
        store.prepare(unit.tx, unit.portal.ids, [feed])
        store.begin_anew(unit.tx, unit.portal.ids, feed)
