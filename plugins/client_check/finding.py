"""What differs now: from our own tables and the registrations that are not over. Nobody outside is asked."""

from __future__ import annotations

from collections.abc import Iterator

from kernel.extension.portal import Portal, Unit
from kernel.jobs import outgoing
from kernel.texts import translate
from kernel.values import from_micros, to_micros
from plugins.client_check import rules, store
from plugins.client_check.model import Card, Difference, Number
from plugins.client_check.settings import settings_of
from plugins.opening import api as opening

DAY_AND_TIME = "%d.%m.%Y %H:%M"


def differences(unit: Unit) -> list[Difference]:
    """By kind, the oldest first. A card that misses the ClientID it had is one difference, not two."""
    removed = list(_removed(unit))
    back = {(one.remedy.entity, one.remedy.target) for one in removed if one.remedy.action == "write"}
    without = [one for one in _no_number(unit) if (one.entity, one.record) not in back]
    return [*without, *_twice(unit), *_registrations(unit), *_unknown(unit), *removed]


def _no_number(unit: Unit) -> Iterator[Difference]:
    for card in store.without_number(unit.tx, unit.portal.name, settings_of(unit.portal).active):
        yield rules.no_number(card, _known(unit, card))


def _unknown(unit: Unit) -> Iterator[Difference]:
    for card, number in store.not_known(unit.tx, unit.portal.name):
        yield rules.unknown(card, number, _known(unit, card))


def _known(unit: Unit, card: Card) -> rules.Known:
    tx, portal = unit.tx, unit.portal.name
    elsewhere = {
        one.client_id: found[0] for one in card.found or () if (found := store.cards_with(tx, portal, one.client_id))
    }
    return rules.Known(opening.registered(tx, portal, *card.key), elsewhere)


def _twice(unit: Unit) -> Iterator[Difference]:
    for cards in store.in_several_cards(unit.tx, unit.portal.name):
        ours = [
            one for one in cards if opening.registered(unit.tx, unit.portal.name, *one.key) == one.client_id
        ]  # fmt: skip
        yield rules.twice(cards, f"{ours[0].entity}:{ours[0].record}" if ours else "")


def _registrations(unit: Unit) -> list[Difference]:
    settings, now = settings_of(unit.portal), to_micros(unit.now)
    found = []
    for one in opening.unfinished(unit):
        card = store.card(unit.tx, unit.portal.name, one.client_entity, one.client_record)
        difference = rules.registration(
            one, card, now, unfinished_minutes=settings.unfinished_minutes, uncertain_minutes=settings.uncertain_minutes
        )
        if difference is not None:
            found.append(difference)
    return sorted(found, key=lambda one: one.kind != "unfinished")


def _removed(unit: Unit) -> Iterator[Difference]:
    for number in store.in_no_card(unit.tx, unit.portal.name):
        successor = store.card(unit.tx, unit.portal.name, number.entity, number.moved_to) if number.moved_to else None
        difference = rules.removed(number, successor, _bin(unit, number))
        if difference is not None:
            yield difference


def restore_key(number: Number) -> str:
    """Of the call that brings a card back: one for each time it went."""
    return f"client_check:{number.entity}:{number.record}:{number.lost_at}:restore"


def _bin(unit: Unit, number: Number) -> rules.Bin:
    if unit.portal.crm.bin is None:
        return rules.Bin()
    call = outgoing.by_key(unit.tx, unit.portal.name, restore_key(number))
    trying = call is not None and call.state in ("waiting", "sending", "done")
    return rules.Bin(True, trying, call is not None and not trying)


# --- in words ---------------------------------------------------------------------------------------------------------


def what(one: Difference, language: str) -> str:
    return translate(language, one.code, **one.values)


def why(one: Difference, language: str) -> str:
    return translate(language, one.why, **one.values) if one.why else ""


def since(portal: Portal, one: Difference) -> str:
    return from_micros(one.since, portal.zone).strftime(DAY_AND_TIME)


def lines(unit: Unit) -> Iterator[str]:
    """For `annex verify`: each difference with its card, since when, and what helps."""
    portal, language = unit.portal, unit.portal.mapping.portal.language
    for one in differences(unit):
        who = f"{one.entity} {one.record}" + (f" «{one.name}»" if one.name else "")
        text = f"{what(one, language)} {why(one, language)}".strip()
        yield translate(language, "chk_line", who=who, text=text, since=since(portal, one))
