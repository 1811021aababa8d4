"""Settings: each mistake names the setting, and no secret is in the words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.backoffice import connector, settings
from connectors.backoffice.tests.office import connection_to
from kernel.errors import Misconfigured

pytestmark = pytest.mark.row("BR-20")

GOOD = {"BACKOFFICE_URL": "https://bo.example.com/api"}
PASSWORD = {"BACKOFFICE_PASSWORD": "planted-password", "BACKOFFICE_USER": "annex"}


def test_what_is_not_said_has_a_default():
    read = settings.read(GOOD)
    assert (read.auth, read.parallel, read.timeout_s, read.host) == ("none", 4, 8.0, "bo.example.com")
    assert "planted" not in repr(settings.read({**GOOD, **PASSWORD, "BACKOFFICE_AUTH": "basic"}))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"BACKOFFICE_URL": ""}, "BACKOFFICE_URL is not set"),
        ({"BACKOFFICE_URL": "bo.example.com"}, "BACKOFFICE_URL must begin"),
        ({"BACKOFFICE_URL": "ftp://bo.example.com"}, "BACKOFFICE_URL must begin"),
        ({"BACKOFFICE_URL": "https://bo.example.com:x"}, "BACKOFFICE_URL is not an address"),
        ({"BACKOFFICE_URL": "http://bo.example.com"}, "BACKOFFICE_PLAIN_HTTP=yes"),
        ({"BACKOFFICE_URL": "https://annex:planted-password@bo.example.com"}, "BACKOFFICE_URL holds a name or a password"),
        ({"BACKOFFICE_URL": "https://bo.example.com/?a=b"}, "nothing behind it"),
        ({"BACKOFFICE_URL": "https://bo.example.com/a/../b"}, "nothing behind it"),
        ({"BACKOFFICE_PLAIN_HTTP": "maybe"}, "BACKOFFICE_PLAIN_HTTP is «maybe»"),
        ({"BACKOFFICE_AUTH": "kerberos"}, "BACKOFFICE_AUTH is «kerberos»"),
        ({"BACKOFFICE_AUTH": "basic"}, "BACKOFFICE_PASSWORD is not set"),
        ({"BACKOFFICE_AUTH": "wsse", "BACKOFFICE_PASSWORD": "planted-password"}, "BACKOFFICE_USER is not set"),
        ({**PASSWORD, "BACKOFFICE_AUTH": "basic", "BACKOFFICE_USER": "a:b"}, "BACKOFFICE_USER has a colon"),
        ({**PASSWORD, "BACKOFFICE_AUTH": "header"}, "BACKOFFICE_HEADER is no name"),
        ({**PASSWORD, "BACKOFFICE_AUTH": "header", "BACKOFFICE_HEADER": "X-Key: a\r\nY"}, "BACKOFFICE_HEADER is no name"),
        (
            {"BACKOFFICE_AUTH": "header", "BACKOFFICE_HEADER": "X-Key", "BACKOFFICE_PASSWORD": "planted\r\npassword"},
            "BACKOFFICE_PASSWORD holds",
        ),
        ({"BACKOFFICE_CA": "/nowhere/ca.pem"}, "BACKOFFICE_CA names /nowhere/ca.pem"),
        ({"BACKOFFICE_KEY": __file__}, "BACKOFFICE_CERT is not"),
        ({"BACKOFFICE_PARALLEL": "0"}, "BACKOFFICE_PARALLEL"),
        ({"BACKOFFICE_PARALLEL": "2.5"}, "BACKOFFICE_PARALLEL"),
        ({"BACKOFFICE_TIMEOUT_S": "soon"}, "BACKOFFICE_TIMEOUT_S"),
        ({"BACKOFFICE_TIMEOUT_S": "nan"}, "BACKOFFICE_TIMEOUT_S"),
    ],
)
def test_a_mistake_names_the_setting(given, words):
    with pytest.raises(Misconfigured, match=words) as raised:
        settings.read({**GOOD, **given})
    assert "planted" not in str(raised.value)


def test_the_connection_says_its_own_names(database):
    connection = connection_to("https://bo.example.com", database, BACKOFFICE_AUTH="basic")
    with pytest.raises(Misconfigured) as raised:
        connection.source.read("contracts", "1000417")
    assert "BACKOFFICE_BROKER_PASSWORD" in connection.in_words(str(raised.value))


def test_without_an_address_it_is_off(database):
    connection = connection_to("", database)
    assert connection.off and not replace(connection, settings=GOOD).off
    assert connector.source is not None and connector.crm is None
