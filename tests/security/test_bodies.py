"""Bodies made to hurt: huge, deep, of very many fields, compressed, crooked. Answered soon, and nothing is kept of them."""

from __future__ import annotations

import gzip
import time
import zlib
from typing import Any

import pytest

from kernel.errors import Unreachable
from kernel.extension import BODY_BYTES_MAX
from kernel.http import Answer
from kernel.web.app import BODY_BYTES_MAX as PAGE_BODY_BYTES_MAX
from tests.security.whole import PROOF, SECRETS, Whole, signature

DOORS = {"broker": "/hooks/bitrix24/main", "desk": "/hooks/planfix/main"}
ALL = BODY_BYTES_MAX
HURTING = {
    "deep lists": b"[" * ALL,
    "deep objects": b'{"a":' * (ALL // 5),
    "a number without end": b'{"task":' + b"9" * (ALL - 10) + b"}",
    "very many fields": b"a=1&" * (ALL // 4),
    "fields without names": b"&" * ALL,
    "deep brackets": b"auth" + b"[a" * (ALL // 2 - 4) + b"=1",
    "one quote after another": b'{"task"' * (ALL // 7),
    "blanks after a word": b'{"task"' + b" " * (ALL - 10),
    "escapes without end": b'{"' + b"\\" * (ALL - 2),
    "pairs that nearly match": b"{" + b',"sig" : "a" ' * (ALL // 14),
    "percent signs": b"%" * ALL,
    "halves of characters": b"\xed\xa0\x80" * (ALL // 3),
    "zeros": b"\0" * ALL,
}
SECONDS_MAX = 2.0  #: of the processor; each takes a few hundredths, a quadratic one would take minutes


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> Any:
    made: Whole = request.getfixturevalue(request.param)

    def post(body: bytes, **headers: str) -> Any:
        began = time.process_time()
        answer = made.anybody().post(DOORS[request.param], data=body, headers=headers)
        assert time.process_time() - began < SECONDS_MAX, "too long for one delivery"
        assert made.count("inbox") == 0 and made.queue.waiting == []
        return answer

    return post


@pytest.mark.parametrize("kind", HURTING)
def test_a_hurting_body_is_refused_soon_and_leaves_nothing(door: Any, kind: str) -> None:
    assert len(HURTING[kind]) <= BODY_BYTES_MAX, "a larger one is refused before anybody reads it"
    for content_type in ("application/json", "application/x-www-form-urlencoded"):
        assert door(HURTING[kind], content_type=content_type).status_code in (400, 401, 403)


def test_a_huge_body_is_refused(door: Any) -> None:
    for size in (BODY_BYTES_MAX + 1, PAGE_BODY_BYTES_MAX + 1):
        assert door(b"x" * size).status_code == 413


@pytest.mark.parametrize("packed", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
def test_nothing_is_unpacked(door: Any, packed: Any) -> None:
    """A megabyte of zeros in a kilobyte stays a kilobyte that says nothing: we never offered to unpack."""
    body = packed(b"\0" * 2**20)
    for encoding in ("gzip", "deflate", "br"):
        assert door(body, content_encoding=encoding).status_code in (400, 401, 403)


def test_multipart_is_no_way_in(door: Any) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\n1\r\n'
    assert door(part * 2000 + b"--x--\r\n", content_type="multipart/form-data; boundary=x").status_code in (400, 401, 403)


def test_a_proven_body_of_many_words_costs_little(desk: Whole, broker: Whole) -> None:
    """What is kept of it is searched for secrets: that search must not be quadratic either."""
    filler = "".join('"key":"' for _ in range(ALL // 8))
    began = time.process_time()
    received = {"task": "5", "event": "deal.row", "sig": signature("5", "deal.row", ""), "text": filler[: ALL // 4]}
    assert desk.anybody().post("/hooks/planfix/main", data=received).status_code == 200
    assert broker.event("ONCRMDEALUPDATE", {**PROOF, "x": "sig=[key" * 20_000}, ID="5").status_code == 200
    assert time.process_time() - began < SECONDS_MAX


def test_forms_of_pages_and_frames_are_measured_too(broker: Whole) -> None:
    client = broker.signed_in("head", "1")
    for body in (b"a=1&" * (PAGE_BODY_BYTES_MAX // 4 + 10), b"x" * (PAGE_BODY_BYTES_MAX + 1)):
        for path in ("/workday/start", "/frame/bitrix24/main/workday/", "/enter/x"):
            answer = client.post(path, data=body, content_type="application/x-www-form-urlencoded")
            assert answer.status_code in (403, 410, 413), path
    parts = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 2000 + b"--x--\r\n"
    began = time.process_time()
    answer = client.post("/frame/bitrix24/main/workday/", data=parts, content_type="multipart/form-data; boundary=x")
    assert answer.status_code in (403, 413) and time.process_time() - began < SECONDS_MAX


def test_options_of_a_frame_may_not_be_deep(broker: Whole) -> None:
    for options in ("[" * 100_000, '{"a":' * 3000 + "1" + "}" * 3000, "9" * 10_000):
        assert broker.frame(PLACEMENT_OPTIONS=options).status_code == 303


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"result":' + b"9" * 5000 + b"}", b'{"result": 1e999999999}',
                                  b'{"result": 1e99999999999999999999}', b"<html>" * 1000, b"\xff\xfe"])  # fmt: skip
def test_an_answer_of_the_crm_that_hurts_is_an_outage_and_no_crash(broker: Whole, body: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        Answer(200, {}, body).json()
    broker.outside.before = lambda method, params: Answer(200, {}, body)
    with pytest.raises(Unreachable):
        broker.annex.runtime.portal.crm.people.all()
    assert broker.frame(AUTH_ID=SECRETS["visitor"]).status_code in (403, 503)
