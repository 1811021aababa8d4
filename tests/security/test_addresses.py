"""Where our requests go: to the addresses of the settings, whatever a delivery, an answer or a redirect may say."""

from __future__ import annotations

import ast
from urllib.parse import urlsplit

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from connectors.bitrix24 import settings as bitrix
from connectors.planfix import settings as planfix
from kernel.clock import SystemClock
from kernel.errors import AnnexError, Misconfigured
from kernel.http import Answer, HttpClient
from tests.conformance.checkout import ROOT, sources
from tests.security.whole import BROKER, DESK, PROOF, SECRETS, Whole

OURS = "https://broker.bitrix24.ru/"
INNER = [
    "http://169.254.169.254/latest/meta-data/", "https://127.0.0.1/", "https://localhost:8080/", "https://10.0.0.5/",
    "https://[::1]/", "file:///etc/passwd", "gopher://127.0.0.1:6379/", "//evil.example/",
]  # fmt: skip
LIKE_OURS = [
    "https://evil.example/", "http://new.bitrix24.ru/", "https://new.bitrix24.ru.evil.example/", "https://bitrix24.ru/",
    "https://new.bitrix24.ru@evil.example/", "https://user:pass@new.bitrix24.ru/", "https://new.bitrix24.ru:8443/",
    "https://evil.example#new.bitrix24.ru", "https://evil.example\\.bitrix24.ru/", "https://new.bitrix24.com/",
    "https://newbitrix24.ru/", "https://a.b.bitrix24.ru/", "https://new.bitrix24.ru\t.evil.example/",
]  # fmt: skip


@pytest.mark.parametrize("location", [*INNER, *LIKE_OURS, "", "/local", "https://[broken"])
def test_a_redirect_leads_to_nobody_else(broker: Whole, location: str) -> None:
    broker.outside.before = lambda method, params: Answer(302, {"Location": location}, b"")
    broker.outside.urls.clear()
    with pytest.raises(AnnexError):
        broker.annex.runtime.portal.crm.people.all()
    assert broker.outside.urls and all(url.startswith(OURS) for url in broker.outside.urls)
    assert broker.annex.runtime.connection.vault.get("domain") is None


def test_a_renamed_portal_of_the_same_vendor_is_followed(broker: Whole) -> None:
    """Which shows that the test above would see a request to another host."""
    moved = Answer(302, {"Location": "https://new.bitrix24.ru/"}, b"")
    broker.outside.before = lambda method, params: moved if broker.outside.urls[-1].startswith(OURS) else None
    assert broker.annex.runtime.portal.crm.people.all()
    assert broker.outside.urls[-1].startswith("https://new.bitrix24.ru/rest/")


@pytest.mark.parametrize("address", [*INNER, *LIKE_OURS])
def test_no_address_in_a_delivery_or_a_page_is_called(broker: Whole, address: str) -> None:
    broker.outside.urls.clear()
    received = {
        "domain": urlsplit(address).netloc or address, "client_endpoint": address, "server_endpoint": address,
        "access_token": SECRETS["access"], "refresh_token": SECRETS["refresh"],
    }  # fmt: skip
    broker.event("ONAPPINSTALL", {**PROOF, **received})
    broker.event("ONCRMDEALUPDATE", {**PROOF, **received}, ID="5", URL=address)
    broker.frame(DOMAIN=address, SERVER_ENDPOINT=address, PLACEMENT_OPTIONS='{"page": "' + address + '"}')
    assert broker.outside.urls and all(url.startswith(OURS) for url in broker.outside.urls)


@pytest.mark.parametrize("address", [*INNER, "https://evil.example/rest/", "https://oauth.bitrix24.tech.evil.example/"])
def test_the_applications_secret_goes_to_the_vendors_servers_only(broker: Whole, address: str) -> None:
    vault = broker.annex.runtime.connection.vault
    vault.put("app", {**(vault.get("app") or {}), "server_endpoint": address})
    broker.annex.runtime.connection.settings["BITRIX24_WEBHOOK"] = ""  # type: ignore[index]
    broker.outside.before = lambda method, params: Answer(401, {}, b'{"error": "expired_token"}')
    broker.outside.urls.clear()
    with pytest.raises(AnnexError):
        broker.annex.runtime.connector.crm(broker.annex.runtime.connection).people.all()  # type: ignore[misc]
    with_secret = [url for url in broker.outside.urls if SECRETS["client"] in url]
    assert with_secret and all(urlsplit(url).hostname == "oauth.bitrix24.tech" for url in with_secret)
    assert {urlsplit(url).hostname for url in broker.outside.urls} <= {"broker.bitrix24.ru", "oauth.bitrix24.tech"}


@pytest.mark.parametrize(
    "address",
    [
        "http://portal.example/",
        "ftp://portal.example/",
        "file:///etc/passwd",
        "https://",
        "https://user:pw@portal.example/",
        "https://portal.example/?x=1",
        "https://portal.example/#x",
        "https://[broken/",
    ],
)
def test_a_crooked_address_in_the_settings_is_refused(address: str) -> None:
    with pytest.raises(Misconfigured):
        bitrix.read({**BROKER, "BITRIX24_URL": address})
    with pytest.raises(Misconfigured):
        bitrix.read({**BROKER, "BITRIX24_OAUTH_SERVER": address})
    with pytest.raises(Misconfigured):
        planfix.read({**DESK, "PLANFIX_URL": address})


def test_the_way_out_follows_no_redirect_and_no_proxy_of_the_machine(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def handler(request: object) -> Response:
        seen.append(request.path)  # type: ignore[attr-defined]
        return Response("", 307, {"Location": "/inner"})

    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    httpserver.expect_request("/outer").respond_with_handler(handler)
    httpserver.expect_request("/inner").respond_with_handler(handler)
    client = HttpClient("crm", httpserver.url_for("/"), clock=SystemClock(), headers=lambda: {"Authorization": "Bearer t"})
    assert client.send("POST", "outer", payload={}).status == 307 and seen == ["/outer"]


def test_a_path_cannot_lead_to_another_host() -> None:
    asked: list[str] = []

    def transport(method: str, url: str, **more: object) -> Answer:
        asked.append(url)
        return Answer(200, {}, b"{}")

    client = HttpClient("crm", "https://crm.example/rest/", clock=SystemClock(), transport=transport)
    for path in ("//evil.example/x", "@evil.example/", "https://evil.example/", "\\evil.example"):
        client.send("GET", path)
    assert [urlsplit(url).hostname for url in asked] == ["crm.example"] * 4


def test_only_one_place_opens_connections() -> None:
    """No file behind a link is fetched, no name looked up twice: whoever opens a connection elsewhere has to be seen here.

    A name that points elsewhere a moment later (rebinding) finds no use: hosts come from the settings, and TLS asks for
    their certificate.
    """
    opening = {"requests", "urllib3", "urllib.request", "http.client", "socket", "httpx", "aiohttp", "ftplib", "smtplib"}
    found = set()
    for path in sources("kernel", "plugins", "connectors", "webhooks", "app"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names}
        names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        only_errors = names & opening == {"requests"} and not {
            one for one in used if one.startswith("requests.") and not one.startswith("requests.exceptions")
        }
        if names & opening and not only_errors and "demo" not in path.parts:
            found.add(str(path.relative_to(ROOT)))
    # libraries.py opens none by itself: its session has no adapter but ours, which asks the client. reach.py is how a client
    # reaches a system with certificates of its own: it looks a name up once, judges the address, and asks that address.
    assert found == {"kernel/http/client.py", "kernel/http/libraries.py", "kernel/http/reach.py"}


def test_no_certificate_goes_unchecked() -> None:
    for path in sources("kernel", "plugins", "connectors", "webhooks", "app"):
        text = path.read_text(encoding="utf-8")
        assert "verify=False" not in text and "CERT_NONE" not in text and "check_hostname" not in text, path
