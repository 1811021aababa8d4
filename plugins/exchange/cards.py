"""The client's and the partner's card: this month's operations and where the account stands.

The texts are made anew after each posting and written only when they changed; the whole history is on our own page.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from kernel.crm.gone import gone_since
from kernel.extension.portal import Portal, Unit
from kernel.texts import translate
from kernel.values import Currency, from_micros, to_micros
from plugins.exchange import store
from plugins.exchange.accounts import BALANCES, CLIENT, CUSTODY, PARTNER
from plugins.exchange.formats import money_text
from plugins.exchange.model import Deal, Money

LINES_MAX = 200


def touched(before: Deal | None, deal: Deal) -> list[str]:
    """Whose cards a change of this deal may alter."""
    keys = []
    for one in (before, deal):
        if one is not None:
            keys += [one.client.key] if one.client else []
            keys += [op.partner.key for op in one.operations if op.partner]
    return list(dict.fromkeys(keys))


def refresh(unit: Unit, party: str) -> None:
    """Write the card's two texts if they are no longer what was written last."""
    portal = unit.portal
    if gone_since(unit.tx, portal.name, "contact", party) is not None:
        return  # written when it comes back
    month, balance = month_text(unit, party), balance_text(unit, party)
    subject = f"card:{portal.name}/{party}"
    known, text = store.notice_state(unit.tx, subject), f"{month}\x1f{balance}"
    if known.card != text and (known.card or month or balance):
        store.keep_notice(unit.tx, subject, replace(known, card=text))
        unit.update("contact", party, {"month": month, "balance": balance})


def refresh_all(portal: Portal) -> None:
    """At the turn of a month: every card that was ever written."""
    with portal.read() as unit:
        cards = [
            row["subject"].removeprefix(f"card:{portal.name}/")
            for row in unit.tx.all("SELECT subject FROM exchange_told WHERE subject LIKE :p", p=f"card:{portal.name}/%")
        ]
    for party in cards:
        with portal.unit() as unit:
            refresh(unit, party)


def month_text(unit: Unit, party: str) -> str:
    portal = unit.portal
    language = portal.mapping.portal.language
    local = unit.now.astimezone(portal.zone)
    start = to_micros(datetime(local.year, local.month, 1, tzinfo=portal.zone))
    rows = unit.tx.all(
        "SELECT * FROM exchange_operation WHERE (client = :k OR partner = :k) AND at >= :start AND stage NOT IN "
        "('new', 'cancelled') ORDER BY at DESC, subject, position LIMIT :most",
        k=party, start=start, most=LINES_MAX,
    )  # fmt: skip
    return "\n".join(_line(unit, row, party, language) for row in rows)


def _line(unit: Unit, row: Any, party: str, language: str) -> str:
    portal = unit.portal
    day = from_micros(row["at"], portal.zone).strftime("%d.%m")
    sides = ("takes", "pays") if party == row["partner"] and party != row["client"] else ("gives", "gets")
    amounts = []
    for side in sides:
        code = row[f"{side}_currency"]
        amounts.append(money_text(Money(row[side], portal.currencies.get(code)) if code else None, language))
    number = unit.tx.value("SELECT number FROM exchange_deal WHERE subject = :s", s=row["subject"])
    return f"{day} №{number}/{row['number']}: {amounts[0]} → {amounts[1]}"


def balance_text(unit: Unit, party: str) -> str:
    """What the desk owes them, keeps for them, or has lying with them; empty when all is settled."""
    portal = unit.portal
    language = portal.mapping.portal.language
    words = {CLIENT: "owed", CUSTODY: "kept", PARTNER: "lies"}
    message = []
    for row in unit.tx.all(
        f"SELECT account, currency, SUM(amount) AS amount FROM {BALANCES} AS b WHERE party = :k "
        "AND account IN ('client', 'custody', 'partner') GROUP BY account, currency ORDER BY account, currency",
        k=party,
    ):
        minor = int(row["amount"])
        if minor:
            sign = 1 if row["account"] == PARTNER else -1
            text = money_text(Money(sign * minor, portal.currencies.get(row["currency"])), language)
            word = translate(language, "card_" + words[row["account"]])
            message.append(f"{word}: {text}")
    return "\n".join(message)


def partner_balances(unit: Unit, partner_id: str) -> list[tuple[Currency, int]]:
    """What lies with a partner, by currency, in minor units; negative: what the desk owes them."""
    rows = unit.tx.all(
        f"SELECT currency, SUM(amount) AS amount FROM {BALANCES} AS b WHERE party IN (:k, :prefixed) "
        "AND account = 'partner' GROUP BY currency ORDER BY currency",
        k=partner_id, prefixed=f"contact:{partner_id}",
    )  # fmt: skip
    return [(unit.portal.currencies.get(row["currency"]), int(row["amount"])) for row in rows]
