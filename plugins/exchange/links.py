"""The button «Відкрити табло»: the CRM names who pressed, we answer with a one-time link for that very person.

What they may see is what their roles say. A button that names nobody gets a link to a page that says what to do.
"""

from __future__ import annotations

from collections.abc import Mapping

from kernel.crm import Event
from kernel.extension.portal import Portal


def board_link(portal: Portal, event: Event) -> Mapping[str, str]:
    """The answer that the CRM's script puts into the field «Табло»."""
    if portal.links is None:
        return {}
    return {"board_url": portal.links.for_person(event.author, "/exchange/board")}
