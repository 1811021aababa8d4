"""Other bodies than JSON, files both ways, XML of strangers, and vendors' libraries: all through the gate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response
from werkzeug.formparser import parse_form_data

from kernel.errors import Misconfigured, Rejected, Unreachable
from kernel.http import Answer, Form, HttpClient, Multipart, Raw, Stream, Upload, Xml, parse_xml, session_for
from kernel.http.bodies import PIECE_BYTES
from kernel.testing import FakeClock


class Gate:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.asked.append(name)


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1") as made:  # one of its own: nobody else's is stopped or filled
        yield made


def client(server: HTTPServer, gate: Any = None) -> HttpClient:
    return HttpClient("vendor", server.url_for("/api"), clock=FakeClock(), gate=gate)


def test_a_form_keeps_every_value_of_a_name(server: HTTPServer) -> None:
    def answer(request: Request) -> Response:
        return Response("|".join(request.form.getlist("a")) + request.form["b"])

    server.expect_request("/api/x", method="POST").respond_with_handler(answer)
    assert client(server).send("POST", "x", body=Form([("a", "1&"), ("a", "2"), ("b", "ключ")])).body.decode() == "1&|2ключ"


def test_a_file_is_read_while_it_is_sent_and_names_break_out_of_no_header(server: HTTPServer, tmp_path: Path) -> None:
    file = tmp_path / "big"
    file.write_bytes(bytes(range(256)) * (PIECE_BYTES // 64))
    nasty = 'a"\r\nX-Evil: 1\r\n\r\nb.png'
    received: dict[str, Any] = {}

    def answer(request: Request) -> Response:
        received["length"] = request.headers.get("Content-Length")
        received["evil"] = request.headers.get("X-Evil")
        received["text"], received["file"] = request.form["text"], request.files["f"].read()
        return Response("ok")

    server.expect_request("/api/x", method="POST").respond_with_handler(answer)
    body = Multipart({"text": "привіт"}, {"f": Upload(nasty, file, "image/png"), "g": Upload("g", b"in memory")})
    assert client(server).send("POST", "x", body=body).status == 200
    assert received["file"] == file.read_bytes() and received["text"] == "привіт" and received["evil"] is None
    assert int(received["length"]) > len(received["file"]), "its length is said, so it is not sent in chunks"
    with pytest.raises(ValueError, match="media type"):
        Multipart({}, {"f": Upload("f", b"", "text/plain\r\nX-Evil: 1")}).encoded()


def test_a_stream_holds_one_piece_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"abc" * PIECE_BYTES)
    stream = Stream([b"<", file, b">"])
    pieces = list(stream)
    assert b"".join(pieces) == b"<" + file.read_bytes() + b">" and len(stream) == sum(map(len, pieces))
    assert max(map(len, pieces)) <= PIECE_BYTES


def test_raw_bytes_and_xml_leave_as_they_are_and_xml_comes_back(server: HTTPServer) -> None:
    def echo(request: Request) -> Response:
        return Response(request.get_data(), content_type=request.content_type)

    server.expect_request("/api/x", method="POST").respond_with_handler(echo)
    root = Element("{urn:a}call", {"n": "1 < 2"})
    SubElement(root, "text").text = "«так» & <ні>"
    answer = client(server).send("POST", "x", body=Xml(root))
    back = answer.xml()
    assert (back.tag, back.get("n"), back.findtext("text")) == ("{urn:a}call", "1 < 2", "«так» & <ні>")
    assert "xml" in answer.headers["Content-Type"]
    assert client(server).send("POST", "x", body=Raw(b"\x00\xff")).body == b"\x00\xff"


BOMB = '<!DOCTYPE a [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;&a;">]><a>&b;</a>'


@pytest.mark.parametrize(
    "text",
    [
        BOMB.encode(), ('<?xml version="1.0" encoding="utf-16"?>' + BOMB).encode("utf-16"),
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', b'<!DOCTYPE a [<!ENTITY e SYSTEM "http://127.0.0.1/">]><a>&e;</a>',
        b"<a>&unknown;</a>", b"", b"<a>", b"\xff\xfe", b"<a/><b/>",
    ],
)  # fmt: skip
def test_xml_with_entities_of_its_own_is_refused_however_it_is_written(text: bytes) -> None:
    with pytest.raises(ValueError, match="XML"):
        parse_xml(text)


# --- files that come ----------------------------------------------------------------------------------------------------


def test_a_file_comes_whole_or_not_at_all(server: HTTPServer, tmp_path: Path) -> None:
    server.expect_request("/api/f").respond_with_data(b"x" * 200_000)
    server.expect_request("/api/none").respond_with_data(b'{"error": 1}', status=404)
    target, gate = tmp_path / "f", Gate()
    answer = client(server, gate).download("GET", "f", target, bytes_max=200_000)
    assert (answer.status, answer.body, target.stat().st_size) == (200, b"", 200_000)
    assert gate.asked == ["acquire", "release", "succeeded"]
    with pytest.raises(Rejected, match="larger than 199999"):
        client(server).download("GET", "f", tmp_path / "g", bytes_max=199_999)
    assert client(server).download("GET", "none", tmp_path / "g", bytes_max=10).json() == {"error": 1}
    assert [one.name for one in tmp_path.iterdir()] == ["f"], "nothing half-done is left"


def test_a_transport_without_streams_serves_as_well(tmp_path: Path) -> None:
    def transport(method: str, url: str, *, headers: Any, body: bytes | None, timeout: float) -> Answer:
        assert body is None or isinstance(body, bytes)
        return Answer(200, {}, body or b"12345")

    made = HttpClient("vendor", "https://vendor.example/", clock=FakeClock(), transport=transport)
    made.download("GET", "f", tmp_path / "f", bytes_max=5)
    assert (tmp_path / "f").read_bytes() == b"12345"
    with pytest.raises(Rejected):
        made.download("GET", "f", tmp_path / "f", bytes_max=4)
    body = Multipart({"a": "b"}, {})
    sent = made.send("POST", "f", body=body)
    _stream, form, _files = parse_form_data(
        {
            "wsgi.input": __import__("io").BytesIO(sent.body), "CONTENT_TYPE": body.content_type,
            "CONTENT_LENGTH": str(len(sent.body)), "REQUEST_METHOD": "POST",
        }
    )  # fmt: skip
    assert form["a"] == "b"


# --- vendors' libraries -------------------------------------------------------------------------------------------------


def test_a_librarys_requests_go_through_the_gate_and_nowhere_else(server: HTTPServer) -> None:
    server.expect_request("/api/x", method="POST").respond_with_handler(lambda request: Response(request.get_data()))
    server.expect_request("/api/moved").respond_with_data("", status=302, headers={"Location": "https://elsewhere.example/"})
    gate = Gate()
    session = session_for(client(server, gate))
    response = session.post(server.url_for("/api/x"), data={"a": "1"}, timeout=30)
    assert (response.status_code, response.text) == (200, "a=1") and gate.asked == ["acquire", "release", "succeeded"]
    with pytest.raises(Misconfigured):
        session.get("http://127.0.0.1:1/api/x")
    with pytest.raises(Rejected, match="another address"):
        session.get(server.url_for("/api/moved"))


def test_a_library_gets_our_errors_and_a_lost_write_may_have_arrived() -> None:
    import requests

    def transport(*_: Any, **__: Any) -> Answer:
        raise requests.exceptions.ReadTimeout

    made = HttpClient("vendor", "https://vendor.example/", clock=FakeClock(), transport=transport)
    for method, maybe_done in (("POST", True), ("GET", False)):
        with pytest.raises(Unreachable) as found:
            session_for(made).request(method, "https://vendor.example/x")
        assert found.value.maybe_done is maybe_done
