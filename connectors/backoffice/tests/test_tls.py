"""Certificates: the other side's is always checked, by the settings' own authorities where they name some; ours is shown."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from connectors.backoffice.source import BackOffice
from connectors.backoffice.tests.office import CLIENT, connection_to
from kernel.errors import Unreachable
from sandbox.backoffice import Options, Sandbox

pytestmark = pytest.mark.row("BR-20")


@pytest.fixture
def files(tmp_path) -> dict[str, str]:
    """Authorities, a server of theirs, a client of theirs, and authorities of somebody else."""
    ours, others = trustme.CA(), trustme.CA()
    made = {}
    for name, authority in (("ca", ours), ("others", others)):
        authority.cert_pem.write_to_path(str(tmp_path / f"{name}.pem"))
    for name, authority, identity in (("server", ours, "localhost"), ("client", ours, "annex.example")):
        issued = authority.issue_cert(identity)
        issued.private_key_pem.write_to_path(str(tmp_path / f"{name}.key"))
        Path(tmp_path / f"{name}.pem").write_bytes(b"".join(one.bytes() for one in issued.cert_chain_pems))
    for path in tmp_path.iterdir():
        made[path.name] = str(path)
    return made


@pytest.fixture
def secured(files) -> Iterator[Sandbox]:
    with Sandbox(Options(tls=(files["server.pem"], files["server.key"]), client_ca=files["ca.pem"])) as sandbox:
        yield sandbox


def source(secured: Sandbox, database, **settings: str) -> BackOffice:
    port = secured.address.rpartition(":")[2].rstrip("/")
    return BackOffice(connection_to(f"https://localhost:{port}", database, BACKOFFICE_PLAIN_HTTP="no", **settings))


def test_both_certificates(secured, files, database):
    ours = {"BACKOFFICE_CERT": files["client.pem"], "BACKOFFICE_KEY": files["client.key"]}
    assert source(secured, database, BACKOFFICE_CA=files["ca.pem"], **ours).read("contracts", CLIENT).outcome == "ok"


@pytest.mark.parametrize("authorities", ["others.pem", ""])
def test_a_server_of_other_authorities_gets_nothing(secured, files, database, authorities):
    ours = {"BACKOFFICE_CERT": files["client.pem"], "BACKOFFICE_KEY": files["client.key"]}
    ca = {"BACKOFFICE_CA": files[authorities]} if authorities else {}
    with pytest.raises(Unreachable) as raised:
        source(secured, database, **ca, **ours).read("contracts", CLIENT)
    assert "SSL" in str(raised.value) or isinstance(raised.value.__cause__, ssl.SSLError | OSError)


def test_without_our_certificate_it_does_not_answer(secured, files, database):
    with pytest.raises(Unreachable):
        source(secured, database, BACKOFFICE_CA=files["ca.pem"]).read("contracts", CLIENT)


def test_a_certificate_for_another_name_is_none(files, tmp_path, database):
    """Of the right authorities, but somebody else's; and a question that opens an account has done nothing then."""
    authority = trustme.CA()
    issued = authority.issue_cert("other.example")
    authority.cert_pem.write_to_path(str(tmp_path / "right.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "theirs.key"))
    Path(tmp_path / "theirs.pem").write_bytes(b"".join(one.bytes() for one in issued.cert_chain_pems))
    with Sandbox(Options(tls=(str(tmp_path / "theirs.pem"), str(tmp_path / "theirs.key")))) as sandbox:
        office = source(sandbox, database, BACKOFFICE_CA=str(tmp_path / "right.pem"))
        request = b'<OpenAccount xmlns="urn:broker:backoffice:v1"><RequestID>r-1</RequestID></OpenAccount>'
        with pytest.raises(Unreachable) as raised:
            office.accounts.open("open_account", request)
    assert not raised.value.maybe_done, "no byte of it was sent"
