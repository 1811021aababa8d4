"""What a connector's folder says of itself, and what one connection to an outside system is made of.

A set has one connection to its CRM and any number of others. Everything that is per outside system is per connection:
settings, vault, gate, verbs, doctor, metrics.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from kernel.conversations import Channel, Incoming
from kernel.crm import CRM, Event, Sight
from kernel.errors import AnnexError, Misconfigured
from kernel.http import OpenWindow
from kernel.jobs.outgoing import Call, Receipt
from kernel.telemetry import mask

if TYPE_CHECKING:
    from kernel.clock import Clock
    from kernel.datasets import DataSource
    from kernel.files import FileStore
    from kernel.http import HttpClient, Transport, Vault, Window
    from kernel.mapping import MappingSet, Setup
    from kernel.texting import Texting

Capability = Literal["crm", "channel", "telephony", "source", "texting", "receive"]
BODY_BYTES_MAX = 256 * 1024


class NotProven(AnnexError):
    """The delivery does not prove where it comes from."""

    def __init__(self, text: str = "", *, status: int = 403, told: str = "") -> None:
        super().__init__(text)
        self.status = status  #: 401 when the proof is missing, 403 when it is wrong
        self.told = told  #: what whoever calls may know of it; they are proven but for that


class TooOften(AnnexError):
    """More deliveries than are allowed in that time."""

    def __init__(self, wait_seconds: int) -> None:
        super().__init__()
        self.wait_seconds = wait_seconds


@dataclass(frozen=True)
class SettingLine:
    """One setting of a connector, from the environment or the settings file. Its name begins with the connector's."""

    name: str
    help: str
    default: str = ""
    secret: bool = False
    required: bool = False
    switch: bool = False  #: while it is empty, the connection is off: nothing is asked of it, and nobody misses it


@dataclass(frozen=True)
class Delivery:
    """An HTTP request as it arrived at our door, before anyone believed it."""

    headers: Mapping[str, str]  #: names in lower case
    body: bytes
    rest: str = ""  #: what follows the connection's address, if anything: "deal.changed"
    method: str = "POST"
    query: Mapping[str, str] = field(default_factory=dict)  #: the last value of each name
    caller: str = ""  #: the other end of the connection: a proxy of ours, where there is one


@dataclass(frozen=True)
class Reply:
    """What this vendor wants to hear."""

    body: bytes = b""
    status: int = 200
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


OK = Reply(b'{"ok": true}', 200, "application/json")  #: in its place the door says what it has stored


@dataclass(frozen=True)
class Received:
    """What a proven delivery holds. All of it is stored before the reply leaves."""

    events: tuple[Event, ...] = ()  #: something changed in the CRM: look it up again
    messages: tuple[Incoming, ...] = ()  #: content that cannot be read again: stored whole
    reply: Reply = OK
    receipts: tuple[Receipt, ...] = ()  #: what became of calls of ours
    told: Callable[[str], Reply] | None = None
    """In place of `reply`, where that names what was stored: gets the id of the first part, the same one at a repeat."""


@dataclass(frozen=True)
class FrameRequest:
    """A page of ours as the CRM opens it inside a frame of its own, before anyone believed it."""

    query: Mapping[str, str]
    form: Mapping[str, str]


@dataclass(frozen=True)
class Visitor:
    """Who opened a page, by the CRM's own proof."""

    person_id: str
    context: Mapping[str, str] = field(default_factory=dict)  #: what they opened it on: {"deal": "5121"}
    sight: Sight | None = None  #: what the CRM shows them, as long as their proof is good


@dataclass(frozen=True)
class Verb:
    """What an outgoing call may do. `run` returns what the other side calls the thing made, or ""."""

    run: Callable[[Connection, Call, bool], str]  #: the bool: an earlier try may have arrived
    repeat: Literal["safe", "lookup", "never"]
    """safe: doing it twice is as good as once. lookup: `run` looks for an earlier try before it repeats. never: an answer
    that got lost leaves the call `uncertain` until a receipt or a person decides; it is never sent again by itself. Where
    `run` sends by another way than `connection.http`, it calls `kernel.http.leaving()` right before the bytes leave."""
    pauses: tuple[float, ...] = ()
    """Seconds to wait after the first, second … try that got no answer; the last of them goes on for good: such a call is
    never given up for its age, and holds no place of a worker while it waits."""


@dataclass(frozen=True)
class Sweeping:
    """How often a CRM may be asked what changed: at most 5 of 100 requests of its budget."""

    every_seconds: float = 20.0
    calm_seconds: float = 20.0  #: after a while without any change
    turns: Mapping[str, int] = field(default_factory=dict)  #: entity -> only every so many sweeps
    existing_turns: int = 4  #: every so many sweeps the CRM is asked whether it still has some records
    existing_ids: int = 100  #: about so many, as one request answers


class Deliver(Protocol):
    """What a listener gets: where to bring what it heard, and when to end."""

    stopped: threading.Event

    def __call__(self, received: Received) -> None:
        """Store it; only then may the vendor be told that it arrived. Raises if it could not be stored."""

    def connected(self) -> None:
        """The socket stands and we are subscribed: what came while we were away is fetched now."""

    def on_stop(self, close: Callable[[], None]) -> None:
        """What to do when it is time to end, from another thread: close the socket, so that `listen` returns."""


@dataclass(frozen=True)
class Connector:
    """An outside system: its protocol, limits, errors and proof of origin. Every capability is optional."""

    name: str
    title: str
    settings: tuple[SettingLine, ...] = ()
    receive: Callable[[Delivery, Connection], Received] | None = None
    """Its door. Is it really them, and what happened. Asks nobody but the vault, except at an installation. Raises
    NotProven, or BadInput naming the field. Nothing in it: proven, and nothing to look at."""
    methods: tuple[str, ...] = ("POST",)  #: those that its door takes
    at_portal: bool = False
    """Its door's address names the portal, since whoever calls knows no more: `/hooks/site/main/FORM`. Where several
    connections share it, each is asked in turn, and the first that does not raise NotProven has it."""
    published: Mapping[str, Callable[[], Reply]] = field(default_factory=dict)
    """What anybody may read below the door, by its name: `/hooks/state/application.xsd`."""
    body_bytes_max: int = BODY_BYTES_MAX
    listen: Callable[[Connection, Deliver], None] | None = None
    """It has a socket of its own. Runs in one worker at a time and returns when stopped; raising or returning before that
    means that the connection was lost: it is started again after a pause."""
    catch_up: Callable[[Connection], Received] | None = None
    """What came while we were away: asked at each `connected`, and now and then where there is no `listen`."""
    crm: Callable[[Connection], CRM] | None = None
    channel: Callable[[Connection], Channel] | None = None  #: sends messages and fetches their files
    telephony: Callable[[Connection], Any] | None = None
    source: Callable[[Connection], DataSource] | None = None  #: answers questions about a client (kernel.datasets)
    texting: Callable[[Connection], Texting] | None = None  #: sends short texts to telephones (kernel.texting)
    sign_in: Callable[[FrameRequest, Connection], Visitor] | None = None
    """Who opened a page inside the CRM. Raises NotProven, or a Fault if the CRM cannot be asked."""
    prove: Callable[[FrameRequest, Connection], Visitor] | None = None
    """The same for a page that is open already and brings a fresh proof: whoever asks compares the person with their
    session."""
    verbs: Mapping[str, Verb] = field(default_factory=dict)
    framed_by: Callable[[Mapping[str, str]], Sequence[str]] = lambda settings: ()
    """From the settings: whose pages show ours in a frame (CSP sources)."""
    setup: Callable[[Connection], Setup] | None = None
    """What `annex plan` and `annex apply` work with."""
    sweeping: Callable[[Mapping[str, str]], Sweeping] = lambda settings: Sweeping()
    doctor: Callable[[Connection], Iterable[str]] | None = None
    """What is wrong with settings, token, rights and reachability: one line each, saying what to do."""


def _none() -> Connector:
    return Connector("none", "None")


def _no_files() -> FileStore:
    nothing: Any = None
    return cast("FileStore", nothing)


def _no_windows(_name: str, _limits: object) -> Window:
    return OpenWindow()


@dataclass(frozen=True)
class Connection:
    """One outside system as this set is connected to it: settings, set, and the way out."""

    settings: Mapping[str, str]  #: by the names that the connector declares
    mapping: MappingSet
    http: Callable[..., HttpClient]
    """http(base_url, rate_limit=…, window=…, parallel=…, reach=…, headers=…) -> HttpClient"""
    clock: Clock
    vault: Vault  #: tokens, encrypted
    transport: Transport | None = None
    public_url: str = ""  #: where the other side reaches us
    plugins: Sequence[Any] = ()  #: those switched on: what they watch says which events are wanted
    name: str = "main"  #: the customer's; for the CRM the portal's word
    connector: Connector = field(default_factory=_none)
    files: FileStore = field(default_factory=_no_files)  #: where files of messages are kept
    window: Callable[..., Window] = _no_windows
    """window(address, limits) -> Window: what the vendor allows per address (a chat), shared by all processes."""
    memory: dict[str, Any] = field(default_factory=dict, repr=False)
    """What its connector keeps in this process; may be gone at any time."""
    _built: dict[str, Any] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def off(self) -> bool:
        """Whether a setting that switches it on is empty."""
        return any(line.switch and not self.settings.get(line.name) for line in self.connector.settings)

    @property
    def full_name(self) -> str:
        """Unique in a set, and what stands in our tables: "planfix/main", "telegram/partners"."""
        return f"{self.connector.name}/{self.name}"

    def setting_name(self, declared: str) -> str:
        """How the environment calls that setting of the connector for this connection."""
        return setting_name(self.connector, self.name, declared)

    def part(self, capability: Capability) -> Any:
        """That capability, built at its first use. Raises Misconfigured."""
        with self._lock:
            if capability not in self._built:
                make = getattr(self.connector, capability)
                if make is None:
                    raise Misconfigured(f"connection «{self.name}» ({self.connector.title}) is no {capability}")
                try:
                    self._built[capability] = make(self)
                except Misconfigured as exc:
                    raise self.renamed(exc) from exc
            return self._built[capability]

    def given(self, **parts: Any) -> Connection:
        """The same with these capabilities, ready made."""
        return replace(self, _built={**self._built, **parts}, _lock=threading.Lock())

    @property
    def crm(self) -> CRM:
        return cast("CRM", self.part("crm"))

    @property
    def channel(self) -> Channel:
        return cast("Channel", self.part("channel"))

    @property
    def source(self) -> DataSource:
        return cast("DataSource", self.part("source"))

    @property
    def texting(self) -> Texting:
        return cast("Texting", self.part("texting"))

    def renamed(self, exc: Misconfigured) -> Misconfigured:
        """The same error, naming settings as the environment calls them for this connection."""
        return Misconfigured(self.in_words(str(exc)))

    def in_words(self, text: str) -> str:
        """`text` of the connector, masked, with settings as the environment calls them for this connection."""
        for line in sorted(self.connector.settings, key=lambda line: -len(line.name)):
            ours = self.setting_name(line.name)
            if ours != line.name:
                text = text.replace(line.name, ours)
        return mask(text)


def setting_name(connector: Connector, connection: str, declared: str) -> str:
    """TELEGRAM_TOKEN of the connection `partners` is TELEGRAM_PARTNERS_TOKEN; the CRM's connection keeps the short names."""
    if connector.crm is not None:
        return declared
    prefix = f"{connector.name.upper()}_"
    return f"{prefix}{connection.upper()}_{declared.removeprefix(prefix)}"


CATCH_UP_EVERY = timedelta(minutes=5)  #: where there is no listener that says when it was away

__all__ = [
    "BODY_BYTES_MAX", "CATCH_UP_EVERY", "OK", "Capability", "Connection", "Connector", "Deliver", "Delivery", "FrameRequest",
    "NotProven", "Receipt", "Received", "Reply", "SettingLine", "Sweeping", "TooOften", "Verb", "Visitor", "setting_name",
]  # fmt: skip
