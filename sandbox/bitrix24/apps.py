"""Applications, what they have bound, their tokens, and outgoing webhooks."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(eq=False)
class Binding:
    """One event.bind. An offline one has no handler."""

    id: int
    event: str
    handler: str = ""
    auth_type: str = "0"  #: whose token is sent; "0" = the actor's
    offline: bool = False
    connector: str = ""
    min_timeout_s: float = 1.0


@dataclass(eq=False)
class App:
    """An application as the portal knows it."""

    client_id: str
    client_secret: str
    application_token: str
    id: int = 5
    title: str = "Annex"
    scopes: frozenset[str] = frozenset()
    handler: str = ""  #: install address; empty before /sandbox/app/install
    redirect_uri: str = ""
    kind: str = "script"
    version: int = 1
    present: bool = True  #: known to the portal: tokens work
    installed: bool = False  #: events and widgets work
    installer: str = "1"
    bindings: list[Binding] = field(default_factory=list)


@dataclass(eq=False)
class OutgoingWebhook:
    """A webhook of the portal's own that posts to somebody: no application, no tokens."""

    id: int
    handler: str
    token: str
    events: frozenset[str] = frozenset()


@dataclass(eq=False)
class Token:
    """An access token with its refresh token, times in sandbox seconds."""

    access: str
    refresh: str
    client_id: str
    user_id: str
    issued: float
    expires: float
    refresh_expires: float
