"""What `annex doctor` says of the lists: elements that the CRM does not take, doubled keys, a queue that does not move."""

from __future__ import annotations

from collections.abc import Iterator

from kernel.extension.portal import Portal
from kernel.texts import translate
from kernel.values import from_micros, to_micros
from plugins.dossier_lists import store
from plugins.dossier_lists.settings import settings_of

BEHIND_SECONDS = 3600


def doctor(portal: Portal) -> Iterator[str]:
    language, lists, settings = portal.mapping.portal.language, portal.mapping.lists, settings_of(portal)
    if settings.lists != "off" and portal.mapping.sets and portal.crm.lists is None:
        yield translate(language, "lists_doctor_none")
        return
    if settings.log_list and settings.log_list not in lists:
        yield translate(language, "lists_doctor_no_log", list=settings.log_list)
    with portal.database.read() as tx:
        refused, doubled = store.refusals(tx, portal.name), store.doubles(tx, portal.name)
        count, since = store.waiting_count(tx, portal.name)
    for name, number, reason in refused:
        label = lists[name].label if name in lists else name
        yield translate(language, "lists_doctor_refused", list=label, count=number, reason=reason)
    for name, client_id, number in doubled:
        label = lists[name].label if name in lists else name
        yield translate(language, "lists_doctor_doubled", list=label, client=client_id, count=number)
    if count and to_micros(portal.clock.now()) - since > BEHIND_SECONDS * 1_000_000:
        at = from_micros(since).astimezone(portal.zone)
        yield translate(language, "lists_doctor_behind", count=count, since=f"{at:%d.%m.%Y %H:%M}")
