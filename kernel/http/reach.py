"""How one system may be reached, where more is to be said than its address: certificates, time-outs, and which addresses of
the network its name may stand for.

A name is looked up once per connection, what it stands for is checked, and the connection goes to just that address: a name
that means something else a moment later leads nowhere.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
#: Where clouds answer with keys of the machine, beside the link-local address.
METADATA = frozenset(map(ip_address, ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16")))


class Forbidden(OSError):
    """The name stands for an address that no system outside has."""


@dataclass(frozen=True)
class Reach:
    """`host` is the one that the settings name."""

    host: str
    connect_seconds: float
    answer_seconds: float
    """For a whole answer, however it trickles in, from the request on. One wait may end that much later at the most."""
    ca: str = ""  #: a file of authorities; "": those of the machine's Python
    certificate: str = ""
    key: str = ""

    def prepare(self, session: requests.Session) -> None:
        session.adapters.clear()
        for scheme in ("https://", "http://"):
            session.mount(scheme, _Adapter(self.host))
        if self.ca:
            session.verify = self.ca
        if self.certificate:
            session.cert = (self.certificate, self.key) if self.key else self.certificate


def allowed(address: IPv4Address | IPv6Address, *, local: bool) -> bool:
    """Whether a system outside may have that address; this machine itself only where the settings name it."""
    plain = getattr(address, "ipv4_mapped", None) or address
    if plain in METADATA or plain.is_link_local or plain.is_multicast or plain.is_unspecified:
        return False
    return local or not plain.is_loopback


def _connect(connection: Any, local: bool) -> socket.socket:
    host, port = connection._dns_host, connection.port
    if str(host).strip("[]").lower() != connection.expected:
        raise NewConnectionError(connection, "another host than the settings name")
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except OSError as exc:
        raise NameResolutionError(host, connection, socket.gaierror(str(exc))) from exc
    problem: Exception = OSError("the name stands for nothing")
    for family, kind, protocol, _, target in found:
        if not allowed(ip_address(str(target[0]).partition("%")[0]), local=local):
            problem = Forbidden("its name stands for an address that no system outside has")
            continue
        made = socket.socket(family, kind, protocol)
        try:
            for option in connection.socket_options or ():
                made.setsockopt(*option)
            made.settimeout(connection.timeout)
            made.connect(target)
            return made
        except TimeoutError as exc:
            made.close()
            raise ConnectTimeoutError(connection, "no connection in time") from exc
        except OSError as exc:
            made.close()
            problem = exc
    raise NewConnectionError(connection, f"no connection: {problem}") from problem


def _pools(host: str) -> dict[str, type[HTTPConnectionPool]]:
    named, local = host.lower().strip("[]"), host.lower().strip("[]") in LOCAL_NAMES

    class Plain(HTTPConnection):
        expected = named

        def _new_conn(self) -> socket.socket:
            return _connect(self, local)

    class Secure(HTTPSConnection):
        expected = named

        def _new_conn(self) -> socket.socket:
            return _connect(self, local)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class _Adapter(HTTPAdapter):
    def __init__(self, host: str) -> None:
        self._host = host
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self._host)
