"""What people are told, in the deal and as a notice of the CRM: one text per answer, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kernel.crm import Person
from kernel.errors import Fault
from kernel.extension.portal import Portal, Unit
from kernel.mapping import PushMap
from kernel.texts import translate
from plugins.opening import store
from plugins.opening.rules import DUPLICATE, Finding
from plugins.opening.settings import push_of
from plugins.opening.store import Deal

ERRORS_TOLD_MAX = 10
MESSAGE_CHARACTERS_MAX = 300


def tell(unit: Unit, one: Deal, code: str, *, heads: bool = False, **values: Any) -> Deal:
    """A comment in the deal that names its responsible person (with `heads` also who leads them). Where the deal is gone, in
    the client's card and to the heads. Returns the deal with the next number of a notice; the caller keeps it."""
    people, number = _people(unit.portal), one.number + 1
    to = (*_alive(people, one.owner), *(heads_of(people, one.owner) if heads or one.gone else ()))
    text = in_words(unit.portal, code, name=one.name or one.deal, **values)
    push = push_of(unit.portal)
    entity, record = (one.client_entity, one.client_record) if one.gone or push is None else (push.entity, one.deal)
    if entity and record:
        # Numbers go back with a restored copy, and a key must not find what another notice said.
        since = store.restored_at(unit.tx, one.portal)
        key = f"opening:{one.deal}:{number}{f':{since}' if since else ''}"
        tell_in(unit, entity, record, text, tuple(dict.fromkeys(to)), deal=one.deal, key=key)
    return replace(one, number=number)


def tell_in(unit: Unit, entity: str, record: str, text: str, to: tuple[str, ...], *, deal: str, key: str) -> None:
    """A comment, and where the CRM has notices the same as one, in place of what these people were told of that deal
    before."""
    has_notices = unit.portal.crm.notices is not None
    unit.comment(entity, record, text, to=() if has_notices else to, key=key)
    if has_notices and to:
        unit.notify(f"PUSH|{deal}", to, f"{text}\n{unit.portal.crm.link(entity, record)}", key=f"{key}:note")


def in_words(portal: Portal, code: str, **values: Any) -> str:
    return translate(portal.mapping.portal.language, code, **values)


def findings_text(portal: Portal, push: PushMap, one: Deal, language: str = "") -> str:
    """Code, label, card and what to do, a line each."""
    language = language or portal.mapping.portal.language
    lines = [finding_line(portal, push, one, finding, language) for finding in one.findings[:ERRORS_TOLD_MAX]]
    if (more := len(one.findings) - ERRORS_TOLD_MAX) > 0:
        lines.append(translate(language, "opn_and_more", n=more))
    return "\n".join(lines)


def finding_line(portal: Portal, push: PushMap, one: Deal, finding: Finding, language: str) -> str:
    place = ""
    if finding.entity:
        record = one.deal if finding.entity == push.entity else one.client_record
        card = translate(language, _card(push, finding))
        place = f" ({card}, {portal.crm.link(finding.entity, record)})" if record else f" ({card})"
    return f"{finding.code} — «{label(push, finding, language)}»{place} — {advice(push, finding, language)}"


def label(push: PushMap, finding: Finding, language: str) -> str:
    if finding.label:
        return finding.label
    if finding.entity:
        return translate(language, _card(push, finding))
    return translate(language, "opn_no_field", path=finding.path)


def _card(push: PushMap, finding: Finding) -> str:
    return "opn_card_deal" if finding.entity == push.entity else "opn_card_client"


def advice(push: PushMap, finding: Finding, language: str) -> str:
    """What to do: the set's own words, ours, or the back office's as they came."""
    values = {
        "label": label(push, finding, language), "value": finding.value or "—", "message": finding.message,
        "found": found_client(finding),
    }  # fmt: skip
    if own := push.advice.get(finding.code):
        for name, value in values.items():
            own = own.replace(f"{{{name}}}", value)
        return own
    code = f"opn_do_{finding.code.lower()}"
    if finding.code == DUPLICATE and not values["found"]:
        code = "opn_do_duplicate_unknown"
    try:
        return translate(language, code, **values)
    except KeyError:
        return " ".join(finding.message.split())[:MESSAGE_CHARACTERS_MAX] or translate(language, "opn_do_ask")


def found_client(finding: Finding) -> str:
    """The ClientID of the double, where the back office names it or its message has one."""
    return finding.client_id or next(
        (word for word in finding.message.replace(",", " ").split() if word.isdigit() and len(word) > 5), ""
    )


# --- whom -------------------------------------------------------------------------------------------------------------


def _people(portal: Portal) -> Sequence[Person]:
    try:
        return portal.staff.known()
    except Fault:
        return ()


def _alive(people: Sequence[Person], person: str) -> tuple[str, ...]:
    known = next((one for one in people if one.id == person), None)
    return (person,) if person and (known is None or (known.active and known.role != "robot")) else ()


def heads_of(people: Sequence[Person], person: str) -> tuple[str, ...]:
    """Who leads that person; where nobody does, the administrators."""
    known = next((one for one in people if one.id == person), None)
    groups = {group.casefold() for group in known.groups} if known else set()
    found = [one.id for one in people if one.active and {head.casefold() for head in one.heads} & groups]
    return tuple(found or (one.id for one in people if one.active and one.admin))


def administrators(unit: Unit) -> tuple[str, ...]:
    return tuple(one.id for one in _people(unit.portal) if one.active and one.admin)


def changed(unit: Unit, one: Deal) -> None:
    """Keep it, and have the pages show it."""
    store.keep(unit.tx, one)
    unit.tx.after_commit(unit.portal.changed)
