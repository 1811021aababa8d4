"""What `annex doctor` has to say of the partners' chats: a bot in no group, chats in which it may too little or nothing."""

from __future__ import annotations

from collections.abc import Iterator

from kernel.conversations import timeline
from kernel.extension.portal import Portal
from kernel.texts import translate
from plugins.partners import store
from plugins.partners.cards import switched_on

CODES = {
    store.DEAF: "partners_doctor_deaf", store.BROKEN: "partners_doctor_broken", store.CONFIRMING: "partners_doctor_confirm",
}  # fmt: skip


def doctor(portal: Portal) -> Iterator[str]:
    """As each chat was last seen: by what Telegram reports of the bot, and by the hourly look. It asks nobody itself."""
    if not switched_on(portal):
        return
    language = portal.mapping.portal.language
    with portal.database.read() as tx:
        if not store.groups_inside(tx):
            yield translate(language, "partners_doctor_no_group")
        for one in store.partners(tx):
            thread = timeline.thread(tx, one.thread) if one.thread else None
            if thread is not None and one.state in CODES:
                title = thread.title or thread.address
                since = (one.state_since or portal.clock.now()).astimezone(portal.zone)
                yield translate(
                    language, CODES[one.state], partner=one.name, title=title, reason=one.reason or "—",
                    since=f"{since:%d.%m.%Y %H:%M}",
                )  # fmt: skip
