"""A card was merged into another: its chat follows the survivor, after a person's click, for no CRM says which card that is.

What the deals say now is a good guess: those of the merged card name the survivor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from kernel.conversations import timeline
from kernel.errors import BadInput
from kernel.extension.portal import Unit
from kernel.telemetry import log
from kernel.texts import translate
from plugins.exchange.api import load_deal, open_deals, partner_names
from plugins.partners import announcing, binding, cards, commenting, keeping, store, store_following
from plugins.partners.settings import ENTITY
from plugins.partners.sight import Sight
from plugins.partners.store import Announcement, GroupStanding, Partner

LOOKED_AT_MAX, GUESSES_MAX = 50, 3


@dataclass(frozen=True)
class Guess:
    """A card that the deals of the merged one name now."""

    id: str
    name: str
    refusal: str  #: the code of the words that say why the chat cannot follow it; empty: it can


@dataclass(frozen=True)
class Choice:
    """What a person may choose from, on the page of a card that is gone."""

    guesses: list[Guess]
    others: list[Partner]


def choice(unit: Unit, sight: Sight, one: Partner) -> Choice | None:
    """None where there is nothing to follow: the card is there, it has no chat, or the reader may not decide."""
    if not one.thread or not sight.whole(one.id) or not keeping.is_gone(unit.tx, unit.portal.name, one.id):
        return None
    named = _named_now(unit, one)
    guesses = [
        Guess(key, name, why)
        for key, name in named.items()
        if (why := refusal(unit, sight, key)) != "pt_follow_not_yours" or sight.partner(key)
    ]
    known = {guess.id for guess in guesses} | {one.id}
    others = [
        other for other in store.partners(unit.tx)
        if other.id not in known and not other.thread and not refusal(unit, sight, other.id)
    ]  # fmt: skip
    return Choice(guesses[:GUESSES_MAX], others)


def _named_now(unit: Unit, one: Partner) -> dict[str, str]:
    """By card: the name under which the deals of this one's chat have it now, the likeliest first. Whoever was told of a
    deal beside this one is less likely; a deal that was taken back may have gone to anybody."""
    told = store.announcements_to(unit.tx, one.id)
    standing = [each for each in told if each.state in (announcing.ANNOUNCED, announcing.CLOSED)]
    return _counted(unit, one, standing) or _counted(unit, one, told)


def _counted(unit: Unit, one: Partner, told: Iterable[Announcement]) -> dict[str, str]:
    fresh, known, names = Counter[str](), Counter[str](), dict[str, str]()
    for each in list(told)[:LOOKED_AT_MAX]:
        deal = load_deal(unit.tx, each.subject)
        now = {store.plain_id(key): name for key, name in partner_names(deal).items()} if deal else {}
        if one.id in now:
            continue
        others = {other.partner for other in store.announcements_of(unit.tx, each.subject) if other.state}
        for key, name in now.items():
            names[key] = name
            (known if key in others else fresh)[key] += 1
    return {key: names[key] for key, _ in (fresh or known).most_common()}


def refusal(unit: Unit, sight: Sight, survivor: str) -> str:
    """Why a chat cannot follow that card, as the code of the words; empty where it can. Whoever does not lead it does not
    learn whether there is such a card."""
    if not survivor:
        return "pt_follow_nobody"
    known = store.partner(unit.tx, survivor)
    if known is None:
        return "pt_follow_no_partner"
    if not sight.whole(survivor):
        return "pt_follow_not_yours"
    if keeping.is_gone(unit.tx, unit.portal.name, survivor):
        return "pt_follow_no_partner"
    return "pt_follow_own_chat" if known.thread else ""


def follow(unit: Unit, sight: Sight, one_id: str, survivor: str, person: str) -> None:
    """Once: whoever clicks a second time finds it done. Raises BadInput, in words for whoever clicked."""
    found = {key: store.lock_partner(unit.tx, key) for key in sorted({one_id, survivor})}
    one, into = found[one_id], found[survivor]
    if one is not None and not one.thread and one.followed_by == survivor:
        return
    if one is None or not one.thread or not keeping.is_gone(unit.tx, unit.portal.name, one.id):
        raise BadInput.of("pt_follow_nothing", field="survivor")
    code = refusal(unit, sight, survivor)
    if code or into is None:
        named = _named_now(unit, one)
        if into is None and survivor and not sight.everything and survivor not in named:
            code = "pt_follow_not_yours"
        name = into.name if into and sight.partner(into.id) else named.get(survivor, survivor)
        raise BadInput.of(code, field="survivor", name=name)
    _bring_over(unit, one, into, person)


def _bring_over(unit: Unit, one: Partner, into: Partner, person: str) -> None:
    tx = unit.tx
    thread = timeline.thread(tx, one.thread)
    assert thread is not None
    room = store.room(tx, thread.id) or GroupStanding(thread.id, "member")
    told = store.announcements_to(tx, one.id)
    left = replace(one, thread="", shown={**(one.shown or {}), "followed_by": into.id})
    store.keep_partner(tx, store.in_state(left, store.DETACHED, unit.now, into.name), unit.now)
    store_following.hand_over(tx, one.id, into.id)
    timeline.refile(tx, one.subject, into.subject)
    timeline.bind(tx, thread.id, into.subject)
    for each in (one, into):
        store.use_links(tx, each.id, unit.now)
    why = "" if room.inside else translate(_language(unit), f"partners_room_{room.state}")
    into = binding.opened(unit, replace(into, thread=thread.id, reason=why), thread, room)
    store.keep_partner(tx, into, unit.now)
    cards.show(unit, into)
    commenting.write_missed(unit, into)
    text = translate(
        _language(unit), "partners_followed", partner=one.name, title=thread.title or thread.address, person=person
    )
    to = (into.responsible,) if into.responsible else ()
    unit.write_comment(ENTITY, into.id, text, to=to, key=f"partners:followed:{one.id}:{into.id}")
    still_open = open_deals(unit).get(into.id, frozenset())
    for each_told in told:  # what changed of them meanwhile is told now, and what is not the survivor's is taken back
        if each_told.state == announcing.ANNOUNCED or each_told.record_id in still_open:
            unit.resync("deal", each_told.record_id)
    log.info("partners.followed", partner=one.id, into=into.id, state=into.state)


def _language(unit: Unit) -> str:
    return unit.portal.mapping.portal.language
