"""`/feeds/NAME.xml` and `/feeds/NAME.xsd`: no person and no session, a key. Errors are XML, too."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import chain
from typing import Any

import sqlalchemy as sa
from flask import Response, request

from kernel.errors import BadInput, Closed
from kernel.extension.callers import caller
from kernel.extension.portal import Portal
from kernel.mapping import FeedMap
from kernel.telemetry import log
from kernel.texts import translate
from kernel.web import BY_KEY, Pages, needs
from plugins.feeds import keys, xml
from plugins.feeds.keys import Key
from plugins.feeds.reading import LIMIT_MAX, CursorForeign, CursorGone, Reading, begin
from plugins.feeds.rules import declared, moment
from plugins.feeds.settings import FeedsSettings

TYPE = "application/xml; charset=utf-8"
GZIP_LEVEL = 4
RETRY_SECONDS = 30
COMMON = {"Vary": "Accept-Encoding, Authorization", "Cache-Control": "private, no-cache"}


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, code: str, text: str, **headers: str) -> None:
        super().__init__(code)
        self.status, self.code, self.text, self.headers = status, code, text, headers


def pages(portal: Portal) -> Pages:
    made = Pages("feeds", __name__)

    @made.get("/<path:name>")
    @needs(BY_KEY)
    def show(name: str) -> Response:
        try:
            return _answer(portal, name)
        except Refusal as exc:
            return _refused(portal, exc)
        except (Closed, sa.exc.DBAPIError) as exc:
            log.warning("feeds.database", error=str(exc))
            again = {"Retry-After": str(RETRY_SECONDS)}
            return _refused(portal, Refusal(503, "UNAVAILABLE", "feeds_unavailable", **again))
        except Exception:
            log.exception("feeds.broken", path=request.path)
            return _refused(portal, Refusal(500, "BROKEN", "feeds_broken"))

    return made


def _answer(portal: Portal, name: str) -> Response:
    key = _caller(portal)
    word, _, kind = name.rpartition(".")
    feed = portal.mapping.feeds.get(word)
    if feed is None or kind not in ("xml", "xsd"):
        raise Refusal(404, "NOT_FOUND", "feeds_not_found")
    if feed.name not in key.feeds:
        raise Refusal(403, "SCOPE", "feeds_scope")
    wanted = request.accept_mimetypes
    if wanted and not (wanted["application/xml"] or wanted["text/xml"]):
        raise Refusal(406, "NOT_ACCEPTABLE", "feeds_not_acceptable")
    return _schema(portal, feed) if kind == "xsd" else _feed(portal, feed, key)


def _caller(portal: Portal) -> Key:
    """Whose key came along. One that is unknown, over, or used from elsewhere gets one and the same answer."""
    settings, now = portal.settings("feeds", FeedsSettings), portal.clock.now()
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    with portal.database.read() as tx:
        key = keys.find(tx, text.strip() if scheme.lower() == "bearer" else "", now)
    if key is None or not key.admits(_address(settings)):
        log.warning("feeds.refused", consumer=key.consumer if key else "", address=_address(settings))
        raise Refusal(401, "KEY", "feeds_key", **{"WWW-Authenticate": "Bearer"})
    with portal.database.write() as tx:
        reads = keys.count_read(tx, key.id, now)
    if reads > settings.per_minute:
        wait = str(keys.seconds_left(now))
        raise Refusal(429, "TOO_OFTEN", "feeds_too_often", **{"Retry-After": wait})
    return key


def _address(settings: FeedsSettings) -> str:
    return caller(request.remote_addr or "", request.headers.get("X-Forwarded-For", ""), settings.proxies)


def _schema(portal: Portal, feed: FeedMap) -> Response:
    response = Response(xml.schema(feed), content_type=TYPE, headers=COMMON)
    response.set_etag(declared(feed, portal.mapping.entities), weak=True)
    response.make_conditional(request)
    return response


def _feed(portal: Portal, feed: FeedMap, key: Key) -> Response:
    try:
        reading = begin(
            portal, feed, personal=key.personal, since=request.args.get("since", ""), limit=request.args.get("limit", "")
        )
    except CursorGone as exc:
        raise Refusal(410, "CURSOR_GONE", exc.code) from exc
    except CursorForeign as exc:
        raise Refusal(400, "CURSOR_FOREIGN", exc.code) from exc
    except BadInput as exc:
        raise Refusal(400, "LIMIT_BAD" if exc.field else "CURSOR_BAD", exc.code) from exc
    told = {"consumer": key.consumer, "feed": feed.name, "cursor": request.args.get("since", "")[:200]}
    if request.if_none_match.contains_weak(reading.etag):
        log.info("feeds.read", **told, status=304, rows=0, bytes=0)
        response = Response(status=304, headers=COMMON)
    elif request.method == "HEAD":
        response = Response(content_type=TYPE, headers=COMMON)
    else:
        response = _streamed(portal, reading, told)
    response.set_etag(reading.etag, weak=True)
    return response


def _streamed(portal: Portal, reading: Reading, told: dict[str, Any]) -> Response:
    at = moment(portal.clock.now(), portal.zone)
    pieces = xml.document(
        reading.feed, at, reading.batches(), reading.ending, portal.zone, personal=reading.personal
    )  # fmt: skip
    headers = dict(COMMON)
    if request.accept_encodings["gzip"]:
        headers["Content-Encoding"] = "gzip"
        pieces = zipped(pieces)
    first = next(pieces)  # what fails at once is an answer with words, not one that is cut off
    return Response(_told(chain([first], pieces), reading, told), content_type=TYPE, headers=headers)


def zipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Only a whole document gets the end that makes it a whole file."""
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 31)
    for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


def _told(pieces: Iterator[bytes], reading: Reading, told: dict[str, Any]) -> Iterator[bytes]:
    """Every read leaves a line in the log, one that was cut off, too."""
    sent, whole = 0, False
    try:
        for piece in pieces:
            sent += len(piece)
            yield piece
        whole = True
    finally:
        log.info("feeds.read", **told, status=200, rows=reading.rows, bytes=sent, whole=whole)


def _refused(portal: Portal, exc: Refusal) -> Response:
    text = translate(portal.mapping.portal.language, exc.text, most=LIMIT_MAX)
    return Response(xml.error(exc.code, text), exc.status, {**COMMON, **exc.headers}, content_type=TYPE)
