"""What a figure of the board is made of: the question in the address, and the answer page by page."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.errors import BadInput
from kernel.extension.portal import Portal, Unit
from kernel.values import Currency, to_micros
from plugins.exchange.accounts import BALANCES, JOURNAL, LEGS
from plugins.exchange.board import COLUMNS, Board, Worth
from plugins.exchange.explain import DERIVED, FIGURES, PENDING, Group, Question
from plugins.exchange.model import Money
from plugins.exchange.views_asked import Args, moment_from
from plugins.exchange.views_text import party_names

WORTH = "worth_"
GROUPS_PER_PAGE = 200


def question_from(args: Args, portal: Portal) -> Question:
    figure = args.get("figure", "")
    if not (figure in FIGURES or figure in PENDING or figure in DERIVED or figure.removeprefix(WORTH) in COLUMNS):
        raise BadInput.of("no_such_figure", figure=figure[:40])
    currency = args.get("currency", "").strip().upper()
    if not figure.startswith(WORTH):
        currency = portal.currencies.get(currency).code
    place, party = args.get("place", ""), args.get("party", "")
    return Question(figure, currency, place, moment_from(args, portal), party)


def board_figure(board: Board, question: Question) -> Money | None:
    """What the board itself shows for the figure asked about; None where the board has no such line."""
    lines = board.rows if question.place else board.totals
    for line in lines:
        if line.currency.code == question.currency and line.place == question.place:
            return Money(getattr(line, question.figure), line.currency)
    return None


def worth_of(board: Board, question: Question) -> Worth | None:
    return next((worth for worth in board.worth if WORTH + worth.column == question.figure), None)


def debtors(unit: Unit, question: Question) -> list[tuple[str, str, Money]]:
    """Clients who owe the desk: key, name, how much. Their sum is the figure `owed_by_clients`."""
    currency = unit.portal.currencies.get(question.currency)
    where, values = "", {}
    if question.at is not None:
        where, values = " AND at <= :until", {"until": to_micros(question.at)}
    table = LEGS if question.at else BALANCES
    rows = unit.tx.all(
        f"SELECT party, SUM(amount) AS amount FROM {table} AS x WHERE account = 'client' AND currency = :c{where} "
        "GROUP BY party HAVING SUM(amount) > 0 ORDER BY 2 DESC, party",
        c=currency.code, **values,
    )  # fmt: skip
    names = party_names(unit)
    return [(row["party"], names.get(row["party"]) or row["party"], Money(int(row["amount"]), currency)) for row in rows]


def groups_of_page(found: Sequence[Group], page: int, currency: Currency) -> tuple[list[Group], Money, int]:
    """The groups of one page, and what all others add up to, with how many they are."""
    start = (page - 1) * GROUPS_PER_PAGE
    here = list(found[start : start + GROUPS_PER_PAGE])
    rest = sum(group.amount.minor for group in found) - sum(group.amount.minor for group in here)
    return here, Money(rest, currency), len(found) - len(here)


def reversed_rows(unit: Unit, seqs: Sequence[int]) -> dict[int, int]:
    """Of these journal rows, which were answered by a reversal, and by which row."""
    found: dict[int, int] = {}
    wanted = sorted(set(seqs))
    for start in range(0, len(wanted), 400):
        names = {f"s{i}": seq for i, seq in enumerate(wanted[start : start + 400])}
        marked = ", ".join(f":{name}" for name in names)
        rows = unit.tx.all(f"SELECT seq, reverses FROM {JOURNAL} AS j WHERE reverses IN ({marked})", **names)
        found |= {row["reverses"]: row["seq"] for row in rows}
    return found
