"""Before anything is sent after a restored copy: what became of requests that this database does not know.

The look-up by RequestID answers that, or by ИНН or phone where the push names only such a one. With neither, a person has to
look, unless the back office promises that a RequestID is done once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from kernel.crm import Record
from kernel.extension.portal import Portal, Unit
from kernel.jobs import outgoing
from kernel.jobs.outgoing import Call
from kernel.mapping import PushMap
from kernel.storage import Tx
from kernel.values import from_micros
from plugins.opening import store
from plugins.opening.settings import settings_of
from plugins.opening.store import Deal

ASKED = "asked"
VERB = "ask_accounts"
CLOCKS_APART = timedelta(hours=1)  #: the CRM's clock and ours, at most
Way = Literal["ask", "send", "person"]


def is_due(unit: Unit, one: Deal, record: Record | None = None) -> bool:
    """Whether requests may have been sent for that deal of which this database knows nothing. `record`: one that was made
    after the restore has none."""
    restored = store.restored_at(unit.tx, one.portal)
    if one.asked_at >= restored:
        return False
    made = record.created_at if record else None
    return made is None or made <= from_micros(restored) + CLOCKS_APART


def way(push: PushMap) -> Way:
    if push.once != "none" and (push.service.status or (push.once == "lookup" and push.service.find)):
        return "ask"
    return "send" if push.once == "request_id" else "person"


def stem(portal: Portal, deal: str) -> str:
    """What the RequestIDs of a deal begin with; its number follows."""
    return f"annex:{portal.name.partition('/')[2]}:{deal}:"


def ask(unit: Unit, one: Deal, push: PushMap, number: int, looked_up_by: Mapping[str, str]) -> None:
    """From that number on; `looked_up_by`: ИНН or phone. The plugin's `asked` hears what came of it."""
    payload = {"push": push.name, "stem": stem(unit.portal, one.deal), "number": number, **looked_up_by}
    payload |= {"record": f"{push.entity}:{one.deal}", "person": one.owner}
    unit.call(
        settings_of(unit.portal).source, VERB, payload, lane=f"client:{one.client}", key=_key(unit.tx, one), done=ASKED,
        context={"deal": one.deal},
    )  # fmt: skip


def call_of(tx: Tx, portal: Portal, one: Deal) -> Call | None:
    """The call that asks."""
    return outgoing.by_key(tx, portal.connection(settings_of(portal).source).full_name, _key(tx, one))


def _key(tx: Tx, one: Deal) -> str:
    return f"asked:{one.portal}:{one.deal}:{store.restored_at(tx, one.portal)}"
