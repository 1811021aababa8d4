"""The button «Відкрити табло»: the CRM names who pressed, we answer with a one-time link for that person."""

from __future__ import annotations

from collections.abc import Mapping

from kernel.crm import Event
from kernel.extension.portal import Portal


def board_link(portal: Portal, event: Event) -> Mapping[str, str]:
    """The answer that the CRM's script puts into the field «Табло»."""
    if portal.links is None:
        return {}
    return {"board_url": portal.links.make(event.author or "staff", "staff", "/exchange/board")}
