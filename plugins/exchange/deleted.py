"""A deal or a card that was deleted in the CRM: its people are told once, the books stay, and the owner decides.

Restored (by the owner's button, or by staff in the CRM), the deal is read again and the books follow it again. Reversed, it
counts as cancelled until then: its postings are answered by reversals, and the journal keeps who decided so and why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from kernel.crm.gone import gone_ids, gone_since
from kernel.crm.unconfigured import UnconfiguredCRM
from kernel.errors import BadInput
from kernel.extension.portal import Portal, Unit
from kernel.extension.roles import ALL, rights_of, roles_of
from kernel.jobs import outgoing
from kernel.storage import Row, Tx
from kernel.texts import translate
from kernel.values import to_micros
from plugins.exchange import cards, projection, store
from plugins.exchange.accounts import BALANCES, BOOK
from plugins.exchange.booking import accept
from plugins.exchange.formats import money_text
from plugins.exchange.model import CANCELLED, Deal, Money
from plugins.exchange.people import manager_of

DECIDE = "exchange.deleted"  #: the right to restore or reverse what was deleted
CARD_SETTLES_SECONDS = 300  #: a merged card's deals follow the survivor within so long
REASON_CHARACTERS_MAX = 300
CLAIMS = "('client', 'custody', 'partner')"


# --- what the sweep asks for -----------------------------------------------------------------------------------------


def deal_ids(tx: Tx, portal: str, after: str, most: int) -> list[str]:
    """The deals we know, by rising id."""
    rows = tx.all(
        "SELECT record_id FROM exchange_deal WHERE subject > :s AND portal = :p AND record_id <> '' ORDER BY subject "
        "LIMIT :m",
        s=f"{portal}/{after}", p=portal, m=most,
    )  # fmt: skip
    return [row["record_id"] for row in rows]


def card_ids(tx: Tx, portal: str, after: str, most: int) -> list[str]:
    """The cards of the clients and partners of these deals, by rising id."""
    rows = tx.all(
        "SELECT client AS id FROM exchange_deal WHERE portal = :p AND record_id <> '' AND client > :a UNION "
        "SELECT o.partner FROM exchange_operation o JOIN exchange_deal d ON d.subject = o.subject "
        "WHERE d.portal = :p AND d.record_id <> '' AND o.partner > :a ORDER BY 1 LIMIT :m",
        p=portal, a=after, m=most,
    )  # fmt: skip
    return [row["id"] for row in rows]


# --- what happens ----------------------------------------------------------------------------------------------------


def deal_gone(unit: Unit, record_id: str) -> None:
    deal = store.load_deal(unit.tx, f"{unit.portal.name}/{record_id}")
    if deal is not None:
        _tell_deal(unit, deal)
    unit.tx.after_commit(unit.portal.changed)


def deal_back(unit: Unit, _record_id: str) -> None:
    """The reading that found it books what it says."""
    unit.tx.after_commit(unit.portal.changed)


def card_gone(unit: Unit, party: str) -> None:
    """Merged cards leave their deals to the survivor, and no event tells of those: all of them are read again."""
    for row in _deals_of(unit, party):
        unit.resync("deal", row["record_id"])
    unit.tx.after_commit(unit.portal.changed)


def card_back(unit: Unit, party: str) -> None:
    """What was not written meanwhile is written now."""
    subject = f"card:{unit.portal.name}/{party}"
    store.keep_notice(unit.tx, subject, replace(store.notice_state(unit.tx, subject), card=""))
    cards.refresh(unit, party)
    card_gone(unit, party)


def tell_of_deleted(portal: Portal) -> None:
    """Regular work: cards with money whose deals have had time to follow another card, and what was told to nobody."""
    portal.people()  # nobody is asked while the database is open
    with portal.unit() as unit:
        for record_id in gone_ids(unit.tx, portal.name, "deal"):
            if deal := store.load_deal(unit.tx, f"{portal.name}/{record_id}"):
                _tell_deal(unit, deal)
        settled = to_micros(unit.now) - CARD_SETTLES_SECONDS * 1_000_000
        for party, since in gone_ids(unit.tx, portal.name, "contact").items():
            if since <= settled:
                _tell_card(unit, party, since)


# --- telling ---------------------------------------------------------------------------------------------------------


def _tell_deal(unit: Unit, deal: Deal) -> None:
    portal = unit.portal
    since = gone_since(unit.tx, portal.name, "deal", deal.record_id)
    if since is None or not portal.books.book(BOOK).standing(unit.tx, deal.subject):
        return
    text = translate(
        portal.mapping.portal.language, "deleted_deal", deal=deal.number,
        client=deal.client.name if deal.client else "—",
        url=f"{portal.public_url}/exchange/deals/{deal.subject}" if portal.public_url else "",
    )  # fmt: skip
    places = [("contact", deal.client.key)] if deal.client else []
    to = (*manager_of(unit, deal.record_id), *owners(portal))
    _tell(unit, text, to, f"deleted:{deal.subject}:{since}", [*places, *journal(unit)])


def _tell_card(unit: Unit, party: str, since: int) -> None:
    held = money_of(unit, party)
    if not held:
        return
    portal, rows = unit.portal, _deals_of(unit, party)
    language = portal.mapping.portal.language
    text = translate(
        language, "deleted_card", client=name_of_party(unit.tx, party),
        amounts=", ".join(money_text(one, language) for one in held),
        url=f"{portal.public_url}/exchange/contacts/{party}" if portal.public_url else "",
    )  # fmt: skip
    places = [("deal", row["record_id"]) for row in rows[:1]]
    _tell(unit, text, owners(portal), f"deleted:{portal.name}/{party}:{since}", [*places, *journal(unit)])


def _tell(unit: Unit, text: str, to: Sequence[str], key: str, places: Sequence[tuple[str, str]]) -> None:
    """Once, in the first of the places that is there. Where it came to nothing, the next run takes the next place."""
    for entity, record_id in places:
        if gone_since(unit.tx, unit.portal.name, entity, record_id) is not None:
            continue
        its_key = f"{key}:{entity}:{record_id}"
        call = outgoing.by_key(unit.tx, unit.portal.name, its_key)
        if call is None:
            unit.comment(entity, record_id, text.strip(), to=tuple(dict.fromkeys(to)), key=its_key)
            return
        if call.state != "dropped":
            return


def journal(unit: Unit) -> list[tuple[str, str]]:
    """The CRM's record with the daily heads: there is no other place of which we know that it is there."""
    portal = unit.portal
    call = outgoing.by_key(unit.tx, portal.name, f"journal:{portal.name}")
    return [("journal", call.result)] if call and call.result else []


def owners(portal: Portal) -> tuple[str, ...]:
    """Whoever may decide about what was deleted."""
    declared = portal.mapping.portal
    found = []
    for person in portal.staff.known():  # nobody is asked while the database is open, however old the list is
        rights = rights_of(declared, roles_of(declared, person))
        if person.role != "robot" and rights & {ALL, DECIDE}:
            found.append(person.id)
    return tuple(found)


def money_of(unit: Unit, party: str) -> list[Money]:
    """What the books owe them, keep for them or have lying with them, whatever its sign."""
    rows = unit.tx.all(
        f"SELECT currency, SUM(amount) AS amount FROM {BALANCES} AS b WHERE party = :k AND account IN {CLAIMS} "
        "GROUP BY account, currency HAVING SUM(amount) <> 0 ORDER BY currency",
        k=party,
    )
    return [Money(abs(int(row["amount"])), unit.portal.currencies.get(row["currency"])) for row in rows]


def _deals_of(unit: Unit, party: str) -> list[Row]:
    """Deals of the CRM in which they take part, the newest first, without those that are deleted themselves."""
    return unit.tx.all(
        "SELECT d.record_id FROM exchange_deal d LEFT JOIN exchange_operation o ON o.subject = d.subject AND o.partner = :k "
        "LEFT JOIN crm_gone g ON g.portal = d.portal AND g.entity = 'deal' AND g.id = d.record_id "
        "WHERE d.portal = :p AND d.record_id <> '' AND g.id IS NULL AND (d.client = :k OR o.partner = :k) "
        "GROUP BY d.record_id, d.created_at ORDER BY d.created_at DESC, d.record_id DESC",
        k=party, p=unit.portal.name,
    )  # fmt: skip


# --- what the owner decides ------------------------------------------------------------------------------------------

Outcome = Literal["done", "already", "there"]


def reverse(portal: Portal, subject: str, *, author: str, reason: str) -> Outcome:
    """Answer all that stands for a deleted deal by reversals; "there" if it is not deleted (any more)."""
    why = " ".join(reason.split())[:REASON_CHARACTERS_MAX]
    if not why:
        raise BadInput.of("deleted_reason_lacks", field="reason")
    with portal.unit(author=author) as unit:
        deal = _held(unit, subject)
        if deal is None:
            return "there"
        if deal.stage == CANCELLED:
            return "already"
        reversed_deal = deal.at_stage(CANCELLED)
        accept(unit, deal, reversed_deal, more={"reversed": why, "stage_before": deal.stage})
        projection.close_custody(unit, deal)
        for party in cards.touched(deal, reversed_deal):
            cards.refresh(unit, party)
    return "done"


def restore(portal: Portal, subject: str, *, author: str) -> Outcome:
    """Have the CRM bring the deal back; the call is sent once, and once more where it failed."""
    with portal.unit(author=author) as unit:
        deal = _held(unit, subject)
        if deal is None or not can_restore(portal):
            return "there"
        call = restore_call(unit, deal)
        if call is None:
            unit.restore("deal", deal.record_id, key=_restore_key(unit, deal))
        elif call.state in ("failed", "dropped"):
            outgoing.again(unit.tx, call, queue=portal.queue, clock=portal.clock)
        else:
            return "already"
    return "done"


def _held(unit: Unit, subject: str) -> Deal | None:
    """The deal, if it is deleted; nobody else decides about it until the unit of work ends."""
    portal, record_id = unit.portal, subject.rpartition("/")[2]
    held = unit.tx.lock(
        "SELECT since FROM crm_gone WHERE portal = :p AND entity = 'deal' AND id = :i", p=portal.name, i=record_id
    )
    return store.load_deal(unit.tx, subject) if held and subject == f"{portal.name}/{record_id}" else None


def can_restore(portal: Portal) -> bool:
    return not isinstance(portal.crm, UnconfiguredCRM) and portal.crm.bin is not None


def restore_call(unit: Unit, deal: Deal) -> outgoing.Call | None:
    """The call that is to bring it back, since it was deleted last."""
    return outgoing.by_key(unit.tx, unit.portal.name, _restore_key(unit, deal))


def _restore_key(unit: Unit, deal: Deal) -> str:
    return f"restore:{deal.subject}:{gone_since(unit.tx, unit.portal.name, 'deal', deal.record_id)}"


# --- what pages and reports show ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mark:
    """What a deal's page says of its deletion."""

    since: int
    reversed_by: str
    reason: str
    restorable: bool
    restoring: outgoing.Call | None


def mark(unit: Unit, deal: Deal) -> Mark | None:
    """None for a deal that the CRM has."""
    portal = unit.portal
    since = gone_since(unit.tx, portal.name, "deal", deal.record_id) if deal.record_id else None
    if since is None:
        return None
    fact = last_fact(unit, deal.subject)
    why = str(fact.body.get("reversed", "")) if fact else ""
    return Mark(since, fact.author if fact and why else "", why, can_restore(portal), restore_call(unit, deal))


def last_fact(unit: Unit, subject: str) -> Any:
    facts = [one for one in unit.portal.books.book(BOOK).entries(unit.tx, subject) if one.kind == "deal"]
    return facts[-1] if facts else None


def before_reversal(unit: Unit, before: Deal | None) -> Deal | None:
    """For a deal that came back after it was reversed: as it stood before, which is where its next stage counts from."""
    if before is None or before.stage != CANCELLED:
        return before
    fact = last_fact(unit, before.subject)
    stage = fact.body.get("stage_before") if fact else None
    return before.at_stage(str(stage)) if stage else before


def deals_shown(unit: Unit) -> Iterator[dict[str, Any]]:
    """Deleted deals that the figures still count, the newest deletion first."""
    for row in unit.tx.all(
        "SELECT d.subject, d.number, d.client_name, g.since FROM crm_gone g JOIN exchange_deal d ON d.portal = g.portal AND "
        "d.record_id = g.id WHERE g.entity = 'deal' AND d.stage <> 'cancelled' ORDER BY g.since DESC, d.subject"
    ):
        yield {"deal": row["number"], "subject": row["subject"], "client": row["client_name"] or None, "since": row["since"]}


def deleted_cards(unit: Unit) -> Iterator[tuple[str, str, list[Money]]]:
    """Deleted cards to which the books still owe something, for which they keep something, or with which ours lies."""
    for party in gone_ids(unit.tx, unit.portal.name, "contact"):
        if held := money_of(unit, party):
            yield party, name_of_party(unit.tx, party), held


def name_of_party(tx: Tx, party: str) -> str:
    named = tx.value("SELECT MAX(client_name) FROM exchange_deal WHERE client = :k", k=party)
    return str(named or tx.value("SELECT MAX(partner_name) FROM exchange_operation WHERE partner = :k", k=party) or party)
