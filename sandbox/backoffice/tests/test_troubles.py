"""Every trouble that a reader of a back office has to bear (contract 6.9, BR-20, BR-23)."""

from __future__ import annotations

import base64
import codecs
import gzip
import hashlib
import threading
from datetime import UTC, datetime, timedelta

import pytest
import requests
from lxml import etree

pytestmark = pytest.mark.row("PL-08", "BR-23")
NAMESPACE = "urn:broker:backoffice:v1"
ASK = f'<GetPosition xmlns="{NAMESPACE}"><ClientID>1000417</ClientID></GetPosition>'
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
PROFILE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"


def ask(api, **more):
    return api.post("PositionService", ASK, **more)


def both(api, name="position_cash", client="1000417"):
    """The same question by both faces."""
    return ask(api), api.get(f"/bo/{name}.xml", client_id=client)


def well_formed(content):
    try:
        etree.fromstring(content)
    except etree.XMLSyntaxError:
        return False
    return True


def outcomes(api):
    return [one["outcome"] for one in api.read("/requests")["entries"]]


@pytest.mark.parametrize(("switch", "value", "status", "kind"), [
    ("down", "on", 503, "text/plain"), ("busy", "429", 429, "text/plain"), ("busy", "503", 503, "text/plain"),
    ("expired", "401", 401, "text/plain"), ("expired", "403", 403, "text/plain"), ("html_502", "on", 502, "text/html"),
    ("html_200", "on", 200, "text/html"), ("empty", "200", 200, "text/xml; charset=utf-8"),
    ("empty", "202", 202, "text/xml; charset=utf-8"), ("empty", "500", 500, "text/xml; charset=utf-8"),
    ("redirect", "301", 301, "text/plain"), ("redirect", "307", 307, "text/plain"),
])  # fmt: skip
def test_in_place_of_an_answer(api, switch, value, status, kind):
    api.door("/faults", **{switch: value})
    for answer in both(api):
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, kind)
        assert b"Balance" not in answer.content and b"BALANCE" not in answer.content
        assert answer.headers.get("Retry-After", "") == ("7" if switch == "busy" else "")
        assert (switch == "html_502" or switch == "html_200") == well_formed(answer.content), "HTML that is well-formed XML"


def test_redirects_point_elsewhere(api):
    api.door("/faults", redirect="302", redirect_to="http://elsewhere.invalid/x")
    soap, plain = both(api)
    assert soap.headers["Location"] == "http://elsewhere.invalid/x/PositionService"
    assert plain.headers["Location"] == "http://elsewhere.invalid/x/position_cash.xml?client_id=1000417"


def test_the_wsdl_names_another_host(api):
    api.door("/faults", wsdl_address="http://bo.inside.invalid")
    told = etree.fromstring(api.get("/bo/BlocksService?wsdl").content)
    addresses = [one.get("location") for one in told.iter("{http://schemas.xmlsoap.org/wsdl/soap/}address")]
    assert len(addresses) == 8
    assert addresses[0] == "http://bo.inside.invalid/ContractsService"
    api.door("/faults/clear")
    assert f"{api.address}/bo/PositionService".encode() in api.get("/bo?wsdl").content


def test_connections_that_are_cut(api):
    for switch in ({"down": "closed"}, {"half": "cut"}):
        api.door("/faults", **switch)
        for call in (lambda: ask(api), lambda: api.get("/bo/position_cash.xml", client_id="1000417")):
            with pytest.raises(requests.RequestException):
                call()
        api.door("/faults/clear")


def test_a_document_that_ends_in_the_middle(api):
    whole = [len(one.content) for one in both(api)]
    api.door("/faults", half="short", prefixes="stay")
    for answer, size in zip(both(api), whole, strict=True):
        assert answer.status_code == 200
        assert int(answer.headers["Content-Length"]) == len(answer.content) < size
        assert not well_formed(answer.content)


def test_garbage(api):
    api.door("/faults", garbage="on")
    for answer in both(api):
        assert answer.status_code == 200
        assert not well_formed(answer.content)


@pytest.mark.parametrize("code", ["AUTH", "BUSY", "INTERNAL", "MAINTENANCE", "PAGE_EXPIRED"])
def test_faults_on_demand(api, code):
    api.door("/faults", fault=code)
    assert api.fails("GetPosition", "<ClientID>1000417</ClientID>") == (500, code)
    (told,) = api.data("/bo/position_cash.xml", client_id="1000417")["errors"]
    assert (told["CODE"], told["TRACE_ID"][:3]) == (code, "bo-")
    assert outcomes(api) == [code, code]
    server = b":Server</faultcode>" in ask(api).content
    assert server == (code in ("BUSY", "INTERNAL", "MAINTENANCE"))


def test_faults_one_by_one_and_with_200(api):
    api.door("/faults", faults_next="BUSY,INTERNAL", fault_status="200")
    assert api.fails("GetPosition", "<ClientID>1000417</ClientID>") == (200, "BUSY")
    assert api.fails("GetPosition", "<ClientID>1000417</ClientID>") == (200, "INTERNAL")
    assert api.rows("GetPosition", "1000417") is not None
    api.door("/faults", expired="fault")
    assert api.fails("GetPosition", "<ClientID>1000417</ClientID>") == (200, "AUTH")


def test_only_and_times(api):
    api.door("/faults", down="on", only="blocks,open", times="2")
    assert ask(api).status_code == 200
    asked = ["<ClientID>1000417</ClientID>"] * 3
    statuses = [api.post("BlocksService", f'<GetBlocks xmlns="{NAMESPACE}">{one}</GetBlocks>').status_code for one in asked]
    assert statuses == [503, 503, 200]
    assert api.read("/faults")["times"]["value"] == "0"
    assert api.text(api.opened(), "ClientID") == "1000500", "used up"
    api.door("/faults", times="")
    assert api.post("OpeningService", f'<OpenAccount xmlns="{NAMESPACE}"/>').status_code == 503
    assert api.text(api.soap("GetRequest", "<RequestID>r-1</RequestID>"), "State") == "ACCEPTED", "a look-up is another set"


def test_an_answer_that_drips(office):
    api = office(speedup=1000)
    whole = api.get("/bo/usage.xml", client_id="1000420").content
    api.door("/faults", drip_s=5, xml_client="off")
    with api.session.get(f"{api.address}/bo/usage.xml?client_id=1000420", stream=True, timeout=120) as answer:
        pieces = list(answer.raw.stream(100_000, decode_content=False))
    assert {len(one) for one in pieces[:-1]} == {200}
    assert len(b"".join(pieces)) > len(whole) // 2
    assert well_formed(b"".join(pieces))


def test_slowness_is_sandbox_seconds(office):
    api = office(speedup=1000, slow_s=20, slow_after_s=20)
    ask(api)
    assert api.read("/requests")["entries"][-1]["ms"] >= 40


@pytest.mark.parametrize(("how", "done"), [("on", 0), ("after", 1)])
def test_hanging_until_let_go(api, until, how, done):
    api.door("/faults", hang=how, only="open")
    ended = []
    body = f'<OpenAccount xmlns="{NAMESPACE}">{api.opening()}</OpenAccount>'.encode()

    def send():
        try:
            requests.post(f"{api.address}/bo/open.xml", body, timeout=120)
        except requests.ConnectionError:
            ended.append(True)

    thread = threading.Thread(target=send)
    thread.start()
    until(lambda: api.read("/state")["in_flight"] == 1 and api.read("/registered")["registered"] == done)
    assert ask(api).status_code == 200, "the others are answered meanwhile"
    assert not ended
    api.door("/faults", hang="off")
    thread.join(120)
    assert ended == [True]
    assert api.read("/registered")["registered"] == done
    assert api.read("/state")["in_flight"] == 0


# -- rows


def test_another_clients_answer(api):
    api.door("/faults", foreign_client="on")
    answer = api.rows("GetPosition", "1000417")
    assert api.text(answer, "ClientID") == "000042"
    assert api.text(answer, "Balance") == "42.00"
    data = api.data("/bo/position_cash.xml", client_id="1000417")
    assert (data["client"][0]["CLIENT_ID"], data["position_cash"][0]["BALANCE"]) == ("000042", "42.00")


@pytest.mark.parametrize(("share", "bad"), [(0.1, 250), (0.5, 1250), (1, 2500)])
def test_cells_that_cannot_be_read(api, share, bad):
    api.door("/faults", bad_cells=share, page_rows=5000)
    rows = api.data("/bo/usage.xml", client_id="1000420", limit=5000)["usage"]
    assert (len(rows), sum(row["AT"] == "12 34,5" for row in rows)) == (2500, bad)


def test_odd_rows(api):
    cash = ("/bo/position_cash.xml", "position_cash")

    def rows(odd):
        api.door("/faults", odd_rows=odd)
        return api.data(cash[0], client_id="1000417")[cash[1]]

    assert all("BALANCE" not in row for row in rows("missing_column"))
    assert b"Balance" not in ask(api).content
    assert all(row["EXTRA"] == "1" for row in rows("unknown_column"))
    assert b"Extra>1<" in ask(api).content
    doubled = rows("double")
    assert doubled[-1] == doubled[-2]
    assert [row["CURRENCY"] for row in rows("no_key")] == ["RUB", "USD", ""]


def test_rows_fall_by_more_than_ninety_percent(api):
    api.door("/faults", shrink="on")
    assert api.data("/bo/usage.xml", client_id="1000420")["cursor"][0]["TOTAL"] == "125"
    assert len(api.data("/bo/position_securities.xml", client_id="1000417")["position_securities"]) == 1


def test_a_total_that_changes(api):
    api.door("/faults", total_changes="on")
    totals = [api.data("/bo/usage.xml", client_id="1000420", start=s)["cursor"][0]["TOTAL"] for s in (0, 100, 200)]
    assert totals == ["2500", "2501", "2502"]


@pytest.mark.parametrize(("face", "count"), [("soap", 50_000), ("xml", 100_000)])
def test_hundreds_of_thousands_of_rows(api, face, count, tmp_path):
    api.door("/faults", huge_rows=count)
    if face == "soap":
        answer, tag, key = ask(api, stream=True), f"{{{NAMESPACE}}}Security", None
    else:
        answer = api.session.get(f"{api.address}/bo/position_securities.xml?client_id=1000417", stream=True, timeout=120)
        tag, key = "row", "ISIN"
    with answer, (tmp_path / "big.xml").open("wb") as file:
        assert answer.headers["Transfer-Encoding"] == "chunked"
        for piece in answer.iter_content(1_000_000):
            file.write(piece)
    keys = set()
    for _, element in etree.iterparse(str(tmp_path / "big.xml"), tag=tag):
        value = element.findtext(f"{{{NAMESPACE}}}ISIN") if key is None else element.get(key)
        if value:
            keys.add(value)
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]
    assert len(keys) == count


def test_many_megabytes(api):
    """The reader goes when it has enough; another may have all of it."""
    api.door("/faults", huge_mb=30)
    with ask(api, stream=True) as answer:
        assert next(answer.iter_content(100_000))
    size = 0
    with ask(api, stream=True) as answer:
        last = b""
        for piece in answer.iter_content(1_000_000):
            size += len(piece)
            last = (last + piece)[-40:]
    assert 30_000_000 <= size < 31_000_000
    assert last.endswith(b":Envelope>")


# -- what a parser must refuse


def hostile(api, how):
    api.door("/faults/clear")
    api.door("/faults", **({how: "on"} if how in ("doctype", "bomb") else {"hostile": how}))
    return both(api)


@pytest.mark.parametrize(("how", "mark"), [
    ("doctype", b"<!DOCTYPE"), ("bomb", b"&b9;"), ("external", b"file:///etc/passwd"), ("parameter", b"<!ENTITY % p"),
    ("xinclude", b"xi:include"), ("attributes", b"a9999="), ("deep", b"<d>" * 5000), ("long_text", b"x" * 11_000_000),
])  # fmt: skip
def test_hostile_answers(api, how, mark):
    for answer in hostile(api, how):
        assert answer.status_code == 200
        assert mark in answer.content
        assert b"Balance" in answer.content or b"BALANCE" in answer.content, "the data are all there"
    assert outcomes(api) == [how, how]


def test_hostile_encodings_and_roots(api):
    for answer in hostile(api, "wrong_encoding"):
        with pytest.raises(UnicodeDecodeError):
            answer.content.decode()
    for answer in hostile(api, "utf7"):
        assert b'encoding="utf-7"' in answer.content
        assert b"+ADw-" in answer.content or b"<" in answer.content
    for answer in hostile(api, "utf16"):
        assert answer.content.startswith(codecs.BOM_UTF16)
        assert b"<!DOCTYPE" not in answer.content
        assert etree.fromstring(answer.content).getroottree().docinfo.doctype
    for answer in hostile(api, "wrong_root"):
        assert etree.fromstring(answer.content).tag == "nothing"
    soap, plain = hostile(api, "wrong_namespace")
    assert api.body_of(soap).tag == f"{{{NAMESPACE}:other}}GetPositionResponse"
    assert etree.fromstring(plain.content).tag == "{urn:other}document"


def test_a_bomb_of_spaces(api):
    api.door("/faults", hostile="gzip_bomb")
    with ask(api, stream=True) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        packed = answer.raw.read(decode_content=False)
    assert len(packed) < 1_000_000
    assert len(gzip.decompress(packed)) > 128_000_000


def test_who_follows_an_address_is_seen(api):
    api.get("/sandbox/called", by="entity")
    assert api.read("/state")["counters"] == {"called_entity": 1}


def test_compressed_for_whoever_takes_it(api):
    api.door("/faults", gzip="on")
    assert ask(api).headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in ask(api, headers={"Accept-Encoding": "identity"}).headers


# -- proving who one is


def token(password="p-1", nonce=b"n" * 16, off=timedelta(0), user="annex"):
    created = (datetime.now(UTC) + off).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = base64.b64encode(hashlib.sha1(nonce + created.encode() + password.encode()).digest()).decode()
    return (
        f'<w:Security xmlns:w="{WSSE}" xmlns:u="{WSU}"><w:UsernameToken><w:Username>{user}</w:Username>'
        f'<w:Password Type="{PROFILE}#PasswordDigest">{digest}</w:Password>'
        f"<w:Nonce>{base64.b64encode(nonce).decode()}</w:Nonce><u:Created>{created}</u:Created></w:UsernameToken></w:Security>"
    )


def test_a_digest_counts_once_and_not_for_long(office):
    api = office(auth="wsse", token="p-1")

    def answer(head):
        return api.text(api.body_of(ask(api, head=head)), "Code")

    head = token()
    assert (answer(head), answer(head)) == ("", "AUTH"), "the nonce again"
    assert answer(token(nonce=b"m" * 16)) == ""
    for wrong in ("", token(password="p-2", nonce=b"w"), token(nonce=b"x", off=timedelta(minutes=10)),
                  token(nonce=b"y", user="me"),
                  token(nonce=b"z", off=timedelta(minutes=-10)), token().replace("<w:Nonce>", "<w:Nonce>!")):  # fmt: skip
        assert answer(wrong) == "AUTH"


@pytest.mark.parametrize("auth", ["basic", "header", "wsse"])
def test_plain_xml_proves_itself_in_front(office, auth):
    api = office(auth=auth, token="p-1")
    assert api.get("/bo/blocks.xml", client_id="1000417").status_code == 401
    if auth == "header":
        api.session.headers["X-Api-Key"] = "p-1"
    else:
        api.session.auth = ("annex", "p-1")
    assert len(api.data("/bo/blocks.xml", client_id="1000417")["blocks"]) == 2
    assert api.get("/bo?wsdl").status_code == 200
