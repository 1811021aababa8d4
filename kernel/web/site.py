"""What the web side is put together from; made in one place by app."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from flask import current_app

from kernel.clock import Clock, Ids
from kernel.extension.connector import FrameRequest, Visitor
from kernel.extension.model import Plugin
from kernel.extension.portal import Portal
from kernel.settings import Known, Settings
from kernel.storage import Database, MigrationSet
from kernel.web.links import Links
from kernel.web.live import Live

EXTENSION = "annex"
WEB_SETTINGS = (
    Known(
        "ANNEX_FRAME_ANCESTORS", "who may show our pages in a frame (a CSP source list); empty: ourselves and the CRM", ""
    ),
    Known("ANNEX_IDLE_MINUTES", "a session that nobody uses for so long ends; an open page is use; 0: no limit", "120"),
    Known("ANNEX_FRAMED", "yes: sign-in works inside a frame of another site, too (needs https)", "no"),
)  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """One portal's way to open our pages."""

    portal: Portal
    identify: Callable[[FrameRequest], Visitor]
    prove: Callable[[FrameRequest], Visitor] | None = None  #: anew, from a page that is open already


@dataclass
class Site:
    """`plugins` are those switched on; `ready` checks return what is wrong or None."""

    portal: Portal
    plugins: Sequence[Plugin]
    settings: Settings
    database: Database
    clock: Clock
    ids: Ids
    live: Live
    links: Links
    ready: Sequence[Callable[[], str | None]] = field(default_factory=list)
    migration_sets: Sequence[MigrationSet] = ()  #: whose migrations must stand for /readyz to say yes
    frames: Mapping[tuple[str, str], Frame] = field(default_factory=dict)  #: by connector and connection
    framed_by: Sequence[str] = ()  #: CSP sources of the CRMs that show our pages
    opened: dict[str, Callable[[Visitor, str], bool]] = field(default_factory=dict)
    """By plugin: whether a visitor may see that page of its pages, asked when the CRM opens it."""

    @property
    def default_language(self) -> str:
        return self.portal.mapping.portal.language


def site() -> Site:
    """The site that the request in hand belongs to."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Site)
    return found
