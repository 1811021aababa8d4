"""The desk's buttons in the CRM that open a page of ours: the board, the deal. Who pressed is proven, and gets a one-time
link; what they may see is what their roles say.
"""

from __future__ import annotations

from collections.abc import Mapping

from kernel.crm import Event
from kernel.extension.portal import Portal
from kernel.web import answer_press


def board_link(portal: Portal, event: Event) -> Mapping[str, str]:
    """The answer that the CRM's script puts into the field «Табло»."""
    return answer_press(portal, event, "/exchange/board")


def deal_link(portal: Portal, event: Event) -> Mapping[str, str]:
    return answer_press(portal, event, f"/exchange/deals/{portal.name}/{event.record_id}")


ANSWERS = {"board.link": board_link, "deal.link": deal_link}
