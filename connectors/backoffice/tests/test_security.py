"""Hostile answers, other hosts, other people's numbers, and secrets: nothing of it gets through, and memory stays flat."""

from __future__ import annotations

import io
import socket
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address

import pytest

from connectors.backoffice import errors, limits, wsse, xml
from connectors.backoffice.reading import Faulted, PageReader
from connectors.backoffice.source import BackOffice
from connectors.backoffice.tests.office import CLIENT, Office, connection_to, declared
from kernel.datasets import outcome_of
from kernel.errors import AnnexError, BadAnswer, Misconfigured, Moved, NoRight, Rejected, Unreachable
from kernel.http import Answer
from kernel.http.reach import allowed
from kernel.mapping import MappingSet, load_set

pytestmark = pytest.mark.row("BR-20")

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
HOSTILE = [
    "external", "parameter", "xinclude", "deep", "attributes", "long_text", "wrong_root", "wrong_namespace",
    "wrong_encoding", "utf7", "utf16", "gzip_bomb",
]  # fmt: skip


def capped(mapping: MappingSet, megabytes: int) -> MappingSet:
    """The set with a lower cap, so that nobody waits for as much as is usual."""
    sets = {}
    for name, one in mapping.sets.items():
        service = one.service.model_copy(update={"max_mb": megabytes}) if one.service else None
        sets[name] = one.model_copy(update={"service": service})
    return replace(mapping, sets=sets)


def refused(office: Office, **faults: object) -> AnnexError:
    source = office.source(capped(office.connection.mapping, 20))
    office.fault(**faults)
    with pytest.raises(AnnexError) as raised:
        source.read("position", CLIENT)
    called = office.state("called")
    assert not any(called.values()), f"somebody followed: {called}"
    return raised.value


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_answer_is_a_bad_answer(office, hostile):
    found = refused(office, hostile=hostile)
    assert type(found) is BadAnswer, found
    assert outcome_of(found) == "bad_answer"


@pytest.mark.parametrize("switch", ["doctype", "bomb"])
def test_a_document_type_is_refused_before_anything_is_parsed(office, switch):
    found = refused(office, **{switch: "on"})
    assert type(found) is BadAnswer and "document type" in str(found)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_the_same_over_plain_xml(office, hostile, tmp_path):
    home = tmp_path / "plain"
    home.mkdir()
    (home / "portal.toml").write_text('connector = "bitrix24"\n')
    (home / "set.services.toml").write_text(
        'name = "services"\ntitle = "Услуги"\nof = ["contact"]\n'
        'service = { face = "xml", path = "/bo/services.xml", ask = { client_id = "{client_id}" } }\n'
        '[table.services]\ntitle = "Услуги"\nrows = "services"\ncolumns = [\n'
        '  { name = "code", title = "Код", from = "CODE" },\n]\n'
    )
    source = office.source(capped(load_set(home), 20))
    assert source.read("services", CLIENT).count == 3
    office.fault(hostile=hostile)
    with pytest.raises(BadAnswer):
        source.read("services", CLIENT)


def test_a_comment_of_any_length_hides_no_document_type():
    for head in (
        b"<!-- " + b"x" * 70_000 + b" --><!DOCTYPE a><a/>", b"<?xml version='1.0'?>\n<?p q?><!--<a>--> <!DOCTYPE a><a/>",
        b"\xef\xbb\xbf \n<!DOCTYPE a><a/>", "<!DOCTYPE a><a/>".encode("utf-16"), "<a/>".encode("utf-32-le"),
        b"<?xml version='1.0'" + b" " * 300 + b"encoding='utf-7'?>+ADwAIQ-DOCTYPE a><a/>",
        b"<?xml version='1.0' standalone='>' ?><a/>",
        b"<?xml version='1.0' encoding='utf-7'?><a/>", b"<?xml version='1.0' encoding='ibm037'?><a/>", b"plain text", b"",
    ):  # fmt: skip
        with pytest.raises(xml.Bad):
            xml.check_prolog(head[: limits.PIECE_BYTES])
    xml.check_prolog(b"<?xml version='1.0' encoding='Windows-1251'?><!-- <!DOCTYPE a> --><a/>")


def test_the_cap_cuts_a_long_answer_off(office):
    source = office.source(capped(office.connection.mapping, 3))
    office.fault(huge_mb=100)
    with pytest.raises(BadAnswer, match="larger than 3145728 bytes"):
        source.read("usage", CLIENT)
    assert office.connection.mapping.sets["usage"].services()[0][0].max_mb == 32, "of the shipped set"


def _flood(piece: bytes, count: int) -> io.BytesIO:
    head = b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
    head += b'<GetContractsResponse xmlns="urn:broker:backoffice:v1"><Page><ClientID>1</ClientID></Page>'
    return io.BytesIO(head + piece * count + b"</GetContractsResponse></e:Body></e:Envelope>")


@pytest.mark.parametrize("piece", [b"<x/>", b"<x><y/></x>", b"<x>text</x>\n", b"<Contract><x/></Contract>" + b"<z/>" * 9])
def test_a_heap_of_unknown_elements_does_not_fill_the_tree(office, piece):
    """Counted in elements that stand in the tree between two pieces: what was read is gone."""
    declared = office.connection.mapping.sets["contracts"]
    [(service, names)] = declared.services()
    most = 0

    class Watching(xml.Reader):
        def _lighten(self, element: xml.Element) -> None:
            nonlocal most
            super()._lighten(element)
            most = max(most, sum(1 for _ in element.iter()))

    reader = PageReader(service, [(name, declared.table[name]) for name in names])
    before, xml.Reader = xml.Reader, Watching  # type: ignore[misc]
    try:
        reader.read(_flood(piece, 100_000))
    finally:
        xml.Reader = before  # type: ignore[misc]
    assert 0 < most < 100


def test_a_row_without_end_is_refused(office):
    declared = office.connection.mapping.sets["contracts"]
    [(service, names)] = declared.services()
    reader = PageReader(service, [(name, declared.table[name]) for name in names])
    with pytest.raises(xml.Bad, match="holds more than"):
        reader.read(_flood(b"<Contract>" + b"<x/>" * 200_000 + b"</Contract>", 1))
    with pytest.raises(xml.Bad, match="nothing that is known"):
        reader.read(io.BytesIO(b"<a>" + b"<x/>" * 500_000 + b"</a>"))


def test_many_rows_take_little_memory(office):
    """Python's own share: what libxml2 holds is counted by the test above."""
    declared = office.connection.mapping.sets["position"]
    [(service, names)] = declared.services(("securities",))
    row = (
        b"<Security><ISIN>RU0009029540</ISIN><SecCode>S</SecCode><ClassCode>T</ClassCode><Quantity>1.5</Quantity></Security>"
    )
    head = b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
    head += b'<GetPositionResponse xmlns="urn:broker:backoffice:v1"><Account contract="a" market="b">'
    body = io.BytesIO(head + row * 20_000 + b"</Account></GetPositionResponse></e:Body></e:Envelope>")
    reader = PageReader(service, [(name, declared.table[name]) for name in names])
    tracemalloc.start()
    try:
        reader.read(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(reader.tables[0].cells) == 20_000 and peak < 15_000_000


def _envelope(inner: str) -> io.BytesIO:
    return io.BytesIO(f'<e:Envelope xmlns:e="{ENVELOPE}"><e:Body>{inner}</e:Body></e:Envelope>'.encode())


def _contracts(office: Office) -> PageReader:
    declared = office.connection.mapping.sets["contracts"]
    [(service, names)] = declared.services()
    return PageReader(service, [(name, declared.table[name]) for name in names])


@pytest.mark.parametrize(("inside", "words"), [
    ("<d>" * 60 + "</d>" * 60, ""), ("<d>" * 62 + "</d>" * 62, "deeper than 64"),
    ("<d " + " ".join(f"a{n}=''" for n in range(100)) + "/>", ""),
    ("<d " + " ".join(f"a{n}=''" for n in range(101)) + "/>", "more than 100 attributes"),
    ("<Page><ClientID>1</ClientID></Page><Page><ClientID>1</ClientID></Page>", ""),
    ("<Page><ClientID>1</ClientID></Page><Page><ClientID>2</ClientID></Page>", "two clients"),
])  # fmt: skip
def test_where_the_limits_are(office, inside, words):
    body = _envelope(f'<GetContractsResponse xmlns="urn:broker:backoffice:v1">{inside}</GetContractsResponse>')
    if not words:
        _contracts(office).read(body)
        return
    with pytest.raises(xml.Bad, match=words):
        _contracts(office).read(body)


def test_rows_count_only_below_the_answer_itself(office):
    """Contracts of somebody else beside it, or in a second answer, are not taken for the client's."""
    row = "<Contract><ContractNumber>FOREIGN</ContractNumber></Contract>"
    start, end = '<GetContractsResponse xmlns="urn:broker:backoffice:v1">', "</GetContractsResponse>"
    page = "<Page><ClientID>1</ClientID></Page>"
    for body in (
        f'<x xmlns="urn:broker:backoffice:v1">{row}</x>{start}{page}{end}', f"{start}{page}<Other>{row}</Other>{end}",
    ):  # fmt: skip
        reader = _contracts(office)
        assert reader.read(_envelope(body)).client_id == "1" and reader.tables[0].cells == []
    two = f"{start}<Page><ClientID>2</ClientID></Page>{row}{end}{start}{page}{end}"
    with pytest.raises(xml.Bad, match="two clients"):
        _contracts(office).read(_envelope(two))


def test_what_a_fault_says_gives_no_orders_and_fills_no_log(office):
    said = "\x1b[2J\u202e" + "A" * 500
    found = errors.ours(Faulted(said, said, said, "Client"), maybe=False)
    assert isinstance(found, Rejected) and len(found.vendor_code) <= 60 and len(str(found)) < 500
    assert (found.vendor_code + found.request_id + str(found)).isprintable()


@pytest.mark.parametrize("status", [200, 403, 502])
@pytest.mark.parametrize("page", [
    b"<html><body/></html>", b'\xef\xbb\xbf  <!DOCTYPE HTML>\n<html></html>',
    b'<?xml version="1.0"?>\n<!-- a -->\n<!doctype html PUBLIC "x"><html/>',
])  # fmt: skip
def test_a_web_page_is_known_whatever_it_is_called(status, page):
    assert errors.is_html(Answer(status, {"Content-Type": "text/xml"}, b""), page)
    assert not errors.is_html(Answer(status, {"Content-Type": "text/xml"}, b""), b"<htmlx/>")


def test_a_heap_of_comments_costs_no_time():
    """A pattern that tried every way to read them would never end."""
    assert not errors.is_html(Answer(200, {}, b""), b"<!---->" * 9000 + b"<a/>")


# -- where a request may go


def test_a_redirection_is_not_followed_and_its_query_is_not_told(office, capfd):
    office.fault(redirect="302", redirect_to="http://elsewhere.invalid/x?api_key=planted-key")
    with pytest.raises(Moved) as raised:
        office.source().read("contracts", CLIENT)
    assert "elsewhere.invalid" in str(raised.value) and "planted-key" not in str(raised.value)
    assert "planted-key" not in "".join(capfd.readouterr()) and len(office.requests) == 1


def test_the_address_in_a_wsdl_is_nobodys_business(office):
    office.fault(wsdl_address="http://bo.inside.invalid")
    assert office.source().read("contracts", CLIENT).outcome == "ok"
    assert not any("wsdl" in str(one) for one in office.requests)


@pytest.mark.parametrize(
    ("address", "outside", "local"),
    [
        ("203.0.113.7", True, True), ("10.0.0.5", True, True), ("192.168.1.1", True, True), ("127.0.0.1", False, True),
        ("::1", False, True), ("::ffff:127.0.0.1", False, True), ("169.254.169.254", False, False),
        ("::ffff:169.254.169.254", False, False), ("fe80::1", False, False), ("fd00:ec2::254", False, False),
        ("0.0.0.0", False, False), ("224.0.0.1", False, False), ("100.100.100.200", False, False),
        ("64:ff9b::a9fe:a9fe", False, False), ("64:ff9b::7f00:1", False, True), ("64:ff9b::cb00:7107", True, True),
        ("2002:a9fe:a9fe::1", False, False), ("2002:7f00:1::", False, True), ("::127.0.0.1", False, True),
        ("::", False, False),
        ("2001:db8::7", True, True), ("192.0.0.192", False, False), ("fd20:ce::254", False, False),
    ],
)  # fmt: skip
def test_which_addresses_a_system_outside_may_have(address, outside, local):
    assert allowed(ip_address(address), local=False) is outside
    assert allowed(ip_address(address), local=True) is local


def test_a_name_that_stands_for_this_machine_leads_nowhere(office, database, monkeypatch):
    """The settings name a host outside; whoever rules its name points it here, or changes that between look-up and use."""
    port = int(office.address.rpartition(":")[2])
    looked_up: list[str] = []

    def resolve(host: str, *_: object, **__: object) -> list[object]:
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    source = BackOffice(connection_to(f"http://bo.example.com:{port}", database))
    with pytest.raises(Unreachable):
        source.read("contracts", CLIENT)
    assert looked_up and set(looked_up) == {"bo.example.com"}
    monkeypatch.undo()
    assert not office.requests


@pytest.mark.parametrize(
    "path", ["http://evil.invalid/x", "//evil.invalid/x", "/../../x", "/a/../b", "bo/x", "/x?y=1", "/x#y", "/x y", "/@evil"]
)  # fmt: skip
def test_a_mapping_cannot_leave_the_host(path, tmp_path):
    home = tmp_path / "evil"
    home.mkdir()
    (home / "portal.toml").write_text('connector = "bitrix24"\n')
    (home / "set.a.toml").write_text(
        f'name = "a"\ntitle = "A"\nof = ["contact"]\n'
        f'service = {{ face = "soap", path = "{path}", operation = "Get", ask = {{ C = "{{client_id}}" }} }}\n'
        '[table.a]\ntitle = "A"\nrows = "A"\ncolumns = [\n  { name = "a", title = "A", from = "A" },\n]\n'
    )
    with pytest.raises(Misconfigured, match=r"evil/set\.a\.toml, line 4: service\.path: .*no path below"):
        load_set(home)


# -- secrets and people


def test_no_secret_stands_in_any_word_of_ours(start: Callable[..., Office], capfd):
    planted = "planted-Passw0rd-of-ours"
    for auth in ("basic", "header", "wsse"):
        office = start(auth=auth)
        settings = {"BACKOFFICE_AUTH": auth, "BACKOFFICE_USER": "annex", "BACKOFFICE_HEADER": "X-Api-Key"}
        connection = office.connected(**settings, BACKOFFICE_PASSWORD=planted)
        with pytest.raises(NoRight) as raised:
            BackOffice(connection).read("contracts", CLIENT)
        lines = list(connection.connector.doctor(connection)) if connection.connector.doctor else []
        words = f"{raised.value!r} {raised.value.__cause__!r} {lines} {connection.connector} {connection.full_name}"
        assert planted not in words and "YW5uZXg6" not in words
        assert "BACKOFFICE_PASSWORD" in "".join(lines)
    out = "".join(capfd.readouterr())
    assert planted not in out and "YW5uZXg6" not in out and "PasswordDigest" not in out


@pytest.mark.parametrize("faults", [{}, {"down": "closed"}, {"half": "short"}, {"html_502": "on"}, {"fault": "BUSY"}])
def test_whom_is_asked_for_stands_in_no_log_and_no_error(office, tmp_path, capfd, faults):
    """Plain XML asks by the address; what stands there are ИНН and phone."""
    service = 'face = "xml", path = "/bo/open.xml", status = "/bo/request.xml", find = "/bo/clients.xml"'
    push = f'name = "open"\nonce = "lookup"\nservice = {{ {service} }}\n'
    accounts = office.source(declared(tmp_path, push_open=push)).accounts
    office.fault(**faults)
    said = ""
    for asked in ({"inn": "770123456703"}, {"phone": "+79001112233"}):
        try:
            assert [one.client_id for one in accounts.find("open", **asked)] == [CLIENT]
        except AnnexError as exc:
            said += f"{exc!r} {exc} {getattr(exc, 'sample', '')}"
    assert bool(said) == bool(faults)
    said += "".join(capfd.readouterr())
    assert "clients.xml" in said, "it was logged"
    assert "770123456703" not in said and "9001112233" not in said


def test_the_password_itself_never_leaves_with_wsse():
    moment = datetime(2026, 11, 21, 9, 0, 0, 250_000, tzinfo=UTC)
    made = wsse.header("annex", "pass & word", moment, b"0123456789abcdef")
    assert "pass" not in made.replace("PasswordDigest", "").replace("Password", "").replace("password", "")
    assert "<wsu:Created>2026-11-21T09:00:00.250Z</wsu:Created>" in made
    assert wsse.header("a", "b", moment) != wsse.header("a", "b", moment), "a nonce counts once"


def test_the_digest_is_the_profiles_own():
    """An example that anybody can reckon: base64(sha1(nonce + created + password))."""
    import base64
    import hashlib

    expected = base64.b64encode(hashlib.sha1(b"n" * 16 + b"2026-11-21T09:00:00Z" + b"secret").digest()).decode()
    assert wsse.digest(b"n" * 16, "2026-11-21T09:00:00Z", "secret") == expected


def test_what_is_kept_of_a_bad_answer_names_nobody(office):
    office.fault(half="short")
    with pytest.raises(BadAnswer) as raised:
        office.source().read("position", CLIENT)
    assert "GetPositionResponse" in raised.value.sample and CLIENT not in raised.value.sample
    text = '<a inn="770123456703" born="1984-03-07" mail="semenov@example.org">+7 900 111-22-33 40817810099910004312</a>'
    masked = errors.masked(text.encode("windows-1251"))
    for private in ("770123456703", "1984", "semenov", "900", "40817", "4312"):
        assert private not in masked, masked
    assert len(errors.masked(b"<a>" + b"x" * 10_000)) <= limits.SAMPLE_BYTES


def test_an_answer_for_somebody_else_is_never_shown(office):
    office.fault(foreign_client="on")
    told: list[object] = []
    with pytest.raises(BadAnswer) as raised:
        office.source().read("usage", CLIENT, progress=told.append)
    assert raised.value.vendor_code == "FOREIGN_CLIENT" and told == []
