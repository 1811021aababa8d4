"""How one system may be reached, where more is to be said than its address: certificates, time-outs, and which addresses of
the network its name may stand for.

A name is looked up once per connection, what it stands for is checked, and the connection goes to just that address: a name
that means something else a moment later leads nowhere.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from kernel.errors import Misconfigured

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
#: Where clouds answer with keys of the machine, beside the link-local address.
METADATA = frozenset(map(ip_address, (
    "169.254.169.254", "fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192",
)))  # fmt: skip
#: IPv6 addresses whose last four bytes are an IPv4 address that a gateway leads to.
TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"), IPv6Network("::/96"))


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


def is_local(url: str) -> bool:
    """A system on this machine, an emulated one say: there https is not asked for."""
    try:
        return (urlsplit(url).hostname or "") in LOCAL_NAMES
    except ValueError:
        return False


def https_address(setting: str, url: str, *, why: str = "") -> SplitResult:
    """The parts of a vendor's address: https, or http to this machine. Raises Misconfigured, which names the setting and
    ends with `why`."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as exc:
        raise Misconfigured(f"{setting} is not an address") from exc
    if not host or parts.scheme not in ("https", "http") or (parts.scheme == "http" and not is_local(url)):
        raise Misconfigured(f"{setting} must begin with https:// and name the host{why}")
    return parts


def allowed(address: IPv4Address | IPv6Address, *, local: bool) -> bool:
    """Whether a system outside may have that address; this machine itself only where the settings name it."""
    plain = _meant(address)
    if plain in METADATA or plain.is_link_local or plain.is_multicast or plain.is_unspecified:
        return False
    return local or not plain.is_loopback


def _meant(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address behind one of IPv6, where it is one of those that only carry another."""
    if isinstance(address, IPv4Address) or address.is_loopback or address.is_unspecified:
        return address
    if any(address in one for one in TRANSLATED):
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None) or address


class TooLate(Exception):
    """The whole answer took longer than it may."""


class _Watch:
    """The connection that one thread waits for. It is cut when the time is over, wherever the wait is: in a status line or
    headers that never end no single wait need be long."""

    def __init__(self) -> None:
        self.over = False
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()

    def on(self, waited_for: socket.socket) -> None:
        with self._lock:
            self._socket = waited_for
            if self.over:
                self._cut(waited_for)

    def end(self) -> None:
        with self._lock:
            self.over = True
            if self._socket is not None:
                self._cut(self._socket)

    def _cut(self, waited_for: socket.socket) -> None:
        with suppress(OSError):  # it may have ended meanwhile
            socket.socket.shutdown(waited_for, socket.SHUT_RDWR)


_watches = threading.local()


@contextmanager
def in_time(seconds: float) -> Iterator[None]:
    """What this thread asks by a connection of a Reach ends by then. Raises TooLate."""
    watch = _Watch()
    timer = threading.Timer(seconds, watch.end)
    timer.daemon = True
    timer.start()
    _watches.current = watch
    try:
        yield
    except Exception as exc:
        if watch.over:
            raise TooLate(f"the answer took longer than {seconds:g} s") from exc
        raise
    else:
        if watch.over:  # it looks whole, where nothing said how long it was to be
            raise TooLate(f"the answer took longer than {seconds:g} s")
    finally:
        _watches.current = None
        timer.cancel()


class _Watched:
    """A connection whose answer is waited for no longer than its thread may."""

    sock: socket.socket | None

    def getresponse(self, *args: Any, **kwargs: Any) -> Any:
        watch = getattr(_watches, "current", None)
        if watch is not None and self.sock is not None:
            watch.on(self.sock)
        return super().getresponse(*args, **kwargs)  # type: ignore[misc]


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

    class Plain(_Watched, HTTPConnection):
        expected = named

        def _new_conn(self) -> socket.socket:
            return _connect(self, local)

    class Secure(_Watched, HTTPSConnection):
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
