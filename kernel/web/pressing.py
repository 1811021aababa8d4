"""A button of the CRM that gives out a link: only the person who pressed it gets one, and only where the delivery proves
who that was. What they may see is what their roles say; the button grants nothing.

The CRM's script puts our answer into a field that others can see, too: an address good for two minutes, or words that say
why there is none. Whoever has a role with `private_link` gets the address as a private comment instead.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from kernel.crm import AUTHOR_ID, PROOF, WHOLE, Event, Person
from kernel.errors import AnnexError
from kernel.extension.portal import Portal
from kernel.extension.roles import roles_of
from kernel.jobs import old_proofs
from kernel.storage import Tx
from kernel.telemetry import log
from kernel.texts import translate
from kernel.values import to_micros
from kernel.web import field, private
from kernel.web.identity import JUST_NOW_SECONDS
from kernel.web.links import FIELD_LINK_SECONDS, LINK_SECONDS, Links, hashed

ROBOT = "robot"


class NoLink(Exception):
    """There is no address to show; `code` names the text that says why."""

    def __init__(self, code: str, **values: str) -> None:
        super().__init__(code)
        self.code, self.values = code, values


def answer_press(portal: Portal, event: Event, to: str) -> dict[str, str]:
    """For `Plugin.answers`: the link that opens `to`, or words in the portal's language. `board_url` is what the script puts
    into the field; `say` is empty where that is an address."""
    links: Links | None = portal.links
    if links is None:
        return {}
    say, person = "", None
    try:
        _require_proof(event)
        person = who_pressed(portal, event)
    except NoLink as why:
        say = _words(portal, why)
    with portal.database.write() as tx:
        noted = portal.memory.setdefault("old proofs", {})
        old_proofs.note(tx, portal.name, [event], portal.clock, noted)
        address = ""
        try:
            if event.delivery and not _is_first(tx, portal, event):
                raise NoLink("web_press_again")
            if person:
                address = _given(tx, portal, links, event, person, to)
        except NoLink as why:
            say = _words(portal, why)
        link = hashed(address.rpartition("/")[2]) if address else ""
        field.shown(tx, event.entity, event.record_id, link, portal.clock)
    log.info("link.pressed", event_name=event.name, entity=event.entity, record=event.record_id, given=not say)
    return {"board_url": address or say, "say": say}


def _words(portal: Portal, why: NoLink) -> str:
    return translate(portal.mapping.portal.language, why.code, **why.values)


def _require_proof(event: Event) -> None:
    if event.details.get(PROOF) != WHOLE:
        raise NoLink("web_press_proof")
    if not event.delivery:  # one that has no name could be brought a second time
        raise NoLink("web_press_delivery")


def who_pressed(portal: Portal, event: Event) -> Person:
    """The active person who did it; whom the list at hand does not name is asked for once more. Raises NoLink."""
    number, name = event.details.get(AUTHOR_ID, ""), event.author
    try:
        for within in ({}, {"within": JUST_NOW_SECONDS}):
            found = _named(portal.staff.people(**within), number, name)
            if len(found) == 1:
                return found[0]
    except AnnexError as exc:
        log.warning("link.nobody_asked", reason=str(exc))
        raise NoLink("web_press_silent") from exc
    if len(found) > 1:
        raise NoLink("web_press_two", name=name)
    if number:
        raise NoLink("web_press_no_number", number=number)
    raise NoLink("web_press_nobody", name=name) if name else NoLink("web_press_unnamed")


def _named(people: Sequence[Person], number: str, name: str) -> list[Person]:
    """By the CRM's id, where it was sent; else by the whole name and nothing else, which people choose themselves."""
    staff = [one for one in people if one.active and one.role != ROBOT]
    if number:
        return [one for one in staff if one.id == number]
    wanted = " ".join(name.split()).casefold()
    return [one for one in staff if wanted and " ".join(one.name.split()).casefold() == wanted]


def _is_first(tx: Tx, portal: Portal, event: Event) -> bool:
    """Whether this press is new. They are kept for ever: an old one brought once more opens nothing."""
    pressed = "|".join((portal.name, event.name, event.entity, event.record_id, event.delivery))
    return bool(
        tx.run(
            "INSERT INTO web_press (hash, at) VALUES (:h, :at) ON CONFLICT (hash) DO NOTHING",
            h=hashed(pressed), at=to_micros(portal.clock.now()),
        )
    )  # fmt: skip


def _given(tx: Tx, portal: Portal, links: Links, event: Event, person: Person, to: str) -> str:
    """The address to show. Raises NoLink where it goes to them alone."""
    declared: Mapping[str, object] = portal.mapping.portal.role
    private_roles = {name for name in declared if portal.mapping.portal.role[name].private_link}
    if not private_roles & roles_of(portal.mapping.portal, person):
        return links.keep(tx, secrets.token_urlsafe(32), person.id, to, FIELD_LINK_SECONDS)
    if private.private_comments(portal.crm) is None:
        raise NoLink("web_press_no_private")
    number = secrets.token_hex(16)
    links.keep(tx, links.private_token(number), person.id, to, LINK_SECONDS)
    private.send_link(tx, portal, number, person, event.entity, event.record_id)
    raise NoLink("web_press_private", name=person.name)
