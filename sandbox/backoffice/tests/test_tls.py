"""https, and callers who must have a certificate of their own."""

from __future__ import annotations

import pytest
import requests
import trustme

from sandbox.backoffice import Options, Sandbox

pytestmark = pytest.mark.row("PL-08", "BR-23")


@pytest.fixture
def papers(tmp_path):
    """An authority, and what it gave to the office and to a caller: paths."""
    authority, made = trustme.CA(), {}
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for name, kept in (("office", authority.issue_cert("127.0.0.1")), ("caller", authority.issue_cert("annex.example"))):
        kept.private_key_and_cert_chain_pem.write_to_path(tmp_path / f"{name}.pem")
        made[name] = str(tmp_path / f"{name}.pem")
    return {**made, "ca": str(tmp_path / "ca.pem")}


def ask(sandbox, papers, **more):
    return requests.get(f"{sandbox.address}/bo/blocks.xml?client_id=1000417", verify=papers["ca"], timeout=120, **more)


def test_https(papers):
    with Sandbox(Options(tls=(papers["office"], papers["office"]))) as sandbox:
        assert sandbox.address.startswith("https://")
        assert ask(sandbox, papers).status_code == 200
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(f"{sandbox.address}/bo?wsdl", timeout=120)


def test_nobody_without_a_certificate(papers):
    with Sandbox(Options(tls=(papers["office"], papers["office"]), client_ca=papers["ca"])) as sandbox:
        with pytest.raises(requests.exceptions.RequestException):
            ask(sandbox, papers)
        assert ask(sandbox, papers, cert=papers["caller"]).status_code == 200
