"""Helpers of the pages: amounts as staff read them, filters from addresses, and rows shaped for templates."""

from __future__ import annotations

import re
from calendar import monthrange
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from kernel.errors import BadInput
from kernel.extension.portal import Portal, Unit
from kernel.ledger import Entry
from kernel.values import Currencies, Currency, from_micros, parse_day, parse_moment, plain, to_decimal, to_micros, to_minor
from plugins.exchange.board import COLUMNS, Board, Line, Worth
from plugins.exchange.explain import DERIVED, LEGS, PENDING, Group, Question
from plugins.exchange.model import KINDS, Money
from plugins.exchange.rates import Rates
from plugins.exchange.reports import Filter, operation_rows
from plugins.exchange.settings import ExchangeSettings
from plugins.exchange.shown import DECIMAL_COMMA, UNKNOWN, money_text

MINUS = "\u2212"
WORTH = "worth_"
GROUPS_PER_PAGE = 200
ROWS_PER_PAGE = 200
BARS_MAX = 20
PROBLEMS_MAX = 50
Args = Mapping[str, str]
Say = Callable[..., str]


# --- amounts --------------------------------------------------------------------------------------------------------


def money(value: Money | None, language: str) -> str:
    """`1 234,50 UAH` with a true minus sign and without line breaks inside; «—» for unknown."""
    return money_text(value, language).replace("-", MINUS).replace(" ", "\u00a0")


def amount(value: Money | None, language: str) -> str:
    """The same without the currency's code, for columns that say it elsewhere."""
    return money(value, language).rpartition("\u00a0")[0] if value is not None else UNKNOWN


def number(value: Decimal | str | None, language: str) -> str:
    if value is None or value == "":
        return UNKNOWN
    text = (value if isinstance(value, str) else plain(value)).replace("-", MINUS)
    return text.replace(".", ",") if language in DECIMAL_COMMA else text


def from_data(data: Mapping[str, Any] | None, currencies: Currencies) -> Money | None:
    """Money from the shape of the interfaces."""
    if data is None or data["amount"] is None:
        return None
    currency = currencies.get(data["currency"])
    return Money(to_minor(Decimal(data["amount"]), currency), currency)


def marks(value: Money | None) -> str:
    """The class of a cell."""
    if value is None or value.minor == 0:
        return "zero"
    return "neg" if value.minor < 0 else ""


# --- what is asked for ----------------------------------------------------------------------------------------------


def moment_from(args: Args, portal: Portal) -> datetime | None:
    """The past moment asked for, in the desk's zone; None for now."""
    text = args.get("at", "").strip()
    return parse_moment(text, portal.zone).astimezone(portal.zone) if text else None


def at_text(at: datetime | None) -> str | None:
    """The moment as it stands in our addresses and in the form's field."""
    return at.replace(tzinfo=None).isoformat() if at else None


def page_from(args: Args) -> int:
    text = args.get("page", "1")
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 10**6:
        raise BadInput.of("not_number", text=text[:20], field="page")
    return int(text)


def months(today: date) -> tuple[tuple[date, date], tuple[date, date]]:
    """This month and the one before, first and last day of each."""
    first = today.replace(day=1)
    before = (first - timedelta(days=1)).replace(day=1)
    return (first, first.replace(day=monthrange(first.year, first.month)[1])), (before, first - timedelta(days=1))


def filter_from(args: Args, *, default: tuple[date, date] | None = None) -> Filter:
    """The filter in the address. Without `from` and `to` the default period counts; empty ones mean all time."""
    if default and "from" not in args and "to" not in args:
        start: date | None = default[0]
        end: date | None = default[1]
    else:
        start, end = (parse_day(args[name]) if args.get(name, "").strip() else None for name in ("from", "to"))
    kind = args.get("kind", "")
    if kind and kind not in KINDS:
        raise BadInput.of("not_choice", text=kind[:40], choices=", ".join(KINDS), field="kind")
    rest = {name: args.get(name, "").strip() for name in ("place", "manager", "partner", "client")}
    return Filter(start, end, kind=kind, currency=args.get("currency", "").strip().upper(), **rest)


def period_chips(wanted: Filter, today: date) -> list[tuple[str, dict[str, str], bool]]:
    """Quick choices of a period: text code, arguments, whether it is the one shown."""
    this, last = months(today)
    periods = [("today", (today, today)), ("month", this), ("last_month", last), ("all", (None, None))]
    return [
        (
            name,
            {"from": start.isoformat() if start else "", "to": end.isoformat() if end else ""},
            (wanted.start, wanted.end) == (start, end),
        )
        for name, (start, end) in periods
    ]


def choices(unit: Unit) -> dict[str, list[tuple[str, str]]]:
    """What the filter's lists offer: value and name, as far as it occurs."""
    settings = unit.portal.settings("exchange", ExchangeSettings)
    codes = unit.tx.all("SELECT DISTINCT gives_currency AS c FROM exchange_operation UNION "
                        "SELECT DISTINCT gets_currency FROM exchange_operation")  # fmt: skip
    places = unit.tx.all("SELECT DISTINCT place AS p FROM exchange_operation WHERE place <> ''")
    managers = unit.tx.all("SELECT DISTINCT manager AS m FROM exchange_operation WHERE manager <> '' ORDER BY 1")
    partners = unit.tx.all(
        "SELECT partner, MAX(partner_name) AS name FROM exchange_operation WHERE partner <> '' GROUP BY partner ORDER BY 2"
    )
    known = [*settings.places, *sorted({row["p"] for row in places} - set(settings.places))]
    return {
        "currency": [(code, code) for code in sorted({row["c"] for row in codes} - {""})],
        "place": [(place, place) for place in known],
        "manager": [(row["m"], row["m"]) for row in managers],
        "partner": [(row["partner"], row["name"] or row["partner"]) for row in partners],
    }


# --- the board ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """One currency on the board: its total, and a line for each place where there is more than one."""

    total: Line
    rows: Sequence[Line]

    @property
    def only_place(self) -> str:
        return self.rows[0].place if len(self.rows) == 1 else ""


def blocks(board: Board) -> list[Block]:
    by_code: dict[str, list[Line]] = defaultdict(list)
    for row in board.rows:
        by_code[row.currency.code].append(row)
    return [Block(total, by_code[total.currency.code]) for total in board.totals]


def last_delivery(unit: Unit) -> datetime | None:
    """When a CRM last told us anything; by the index, for the inbox may be long."""
    found = [
        unit.tx.value("SELECT received_at FROM inbox WHERE state = :s ORDER BY received_at DESC LIMIT 1", s=state)
        for state in ("new", "done", "failed", "dropped")
    ]
    known = [at for at in found if at is not None]
    return from_micros(max(known), unit.portal.zone) if known else None


def problems(unit: Unit) -> list[dict[str, str]]:
    """Deals that stand in the CRM but could not be booked as they stand, with what their people were told."""
    portal = unit.portal
    rows = unit.tx.all(
        "SELECT t.subject, t.problem, d.number, d.url FROM exchange_told t LEFT JOIN exchange_deal d "
        "ON d.subject = t.subject WHERE t.problem <> '' ORDER BY t.subject LIMIT :most",
        most=PROBLEMS_MAX,
    )
    found = []
    for row in rows:
        head, _, record_id = row["subject"].rpartition("/")
        url = row["url"] or (portal.crm.link("deal", record_id) if head == portal.name else "")
        found.append({
            "subject": row["subject"] if row["number"] else "", "number": row["number"] or record_id,
            "text": row["problem"], "url": url,
        })  # fmt: skip
    return found


# --- explaining -----------------------------------------------------------------------------------------------------


def question_from(args: Args, portal: Portal) -> Question:
    figure = args.get("figure", "")
    if not (figure in LEGS or figure in PENDING or figure in DERIVED or figure.removeprefix(WORTH) in COLUMNS):
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
    table = "ledger_leg" if question.at else "ledger_balance"
    rows = unit.tx.all(
        f"SELECT party, SUM(amount) AS amount FROM {table} WHERE account = 'client' AND currency = :c{where} "
        "GROUP BY party HAVING SUM(amount) > 0 ORDER BY 2 DESC, party",
        c=currency.code, **values,
    )  # fmt: skip
    names = party_names(unit)
    return [(row["party"], names.get(row["party"]) or row["party"], Money(int(row["amount"]), currency)) for row in rows]


def party_names(unit: Unit) -> dict[str, str]:
    found: dict[str, str] = {}
    for role in ("partner", "client"):
        rows = unit.tx.all(
            f"SELECT {role} AS k, MAX({role}_name) AS name FROM exchange_operation WHERE {role} <> '' GROUP BY {role}"
        )
        found |= {row["k"]: row["name"] or row["k"] for row in rows}
    return found


def shown_groups(found: Sequence[Group], page: int, currency: Currency) -> tuple[list[Group], Money, int]:
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
        rows = unit.tx.all(f"SELECT seq, reverses FROM ledger_journal WHERE reverses IN ({marked})", **names)
        found |= {row["reverses"]: row["seq"] for row in rows}
    return found


def total_parts(unit: Unit, wanted: Filter, figure: str, currency: Currency) -> list[dict[str, Any]]:
    """What a total of the operations report is made of: an amount for each operation that has a share in it."""
    rows = operation_rows(unit.tx, wanted, unit.portal.zone)
    moved: dict[tuple[str, str], int] = {}
    if figure in ("in", "out"):
        sign = 1 if figure == "in" else -1
        for row in unit.tx.all(
            "SELECT subject, op, SUM(amount) AS amount FROM ledger_leg WHERE account = 'place' AND flow = :f "
            "AND currency = :c GROUP BY subject, op",
            f=figure, c=currency.code,
        ):  # fmt: skip
            moved[row["subject"], row["op"]] = sign * int(row["amount"])
    found = []
    for row in rows:
        if figure in ("in", "out"):
            share = moved.get((row["subject"], row["op"]))
        else:
            code = row["profit_currency"] if figure == "profit" else row["gets_currency"]
            share = row[figure] if row["recognised"] and code == currency.code else None
        if share:
            found.append({
                "subject": row["subject"], "deal": row["deal_number"], "op": row["number"], "who": row["client_name"],
                "at": from_micros(row["at"], unit.portal.zone), "kind": row["kind"], "amount": Money(int(share), currency),
            })  # fmt: skip
    return found


# --- a deal ---------------------------------------------------------------------------------------------------------


def fact_changes(entries: Sequence[Entry], portal: Portal, language: str) -> list[dict[str, Any]]:
    """Who changed which input, when, from what to what; an operation added or taken away is one line."""
    found = []
    before: Mapping[str, Any] = {}
    for entry in entries:
        if entry.kind != "deal":
            continue
        facts = entry.body["facts"]
        items: list[dict[str, str]] = []
        for change in entry.body["changes"]:
            old_op, new_op = (_operation(source, change["op"]) for source in (before, facts))
            if change["op"] and (old_op is None or new_op is None):
                what = {"op": change["op"], "field": "", "what": "added" if old_op is None else "removed"}
                if what not in items:
                    items.append(what)
                continue
            items.append({
                "op": change["op"], "field": change["field"], "what": "changed",
                "old": changed_text(change["field"], change["old"], old_op, portal, language),
                "new": changed_text(change["field"], change["new"], new_op, portal, language),
            })  # fmt: skip
        if items:
            at = from_micros(entry.recorded_at, portal.zone)
            found.append({"at": at, "author": entry.author, "trace": entry.trace, "items": items})
        before = facts
    return found


def _operation(facts: Mapping[str, Any], op_number: str) -> Mapping[str, Any] | None:
    return next((op for op in facts.get("operations", ()) if op["number"] == op_number), None)


def changed_text(field: str, value: Any, op: Mapping[str, Any] | None, portal: Portal, language: str) -> str:
    """One side of a change as a person reads it."""
    if value is None or value == "":
        return UNKNOWN
    if field == "stage":
        return stage_text(portal, value)
    if field in ("client", "partner"):
        return str(value[1] or value[0])
    if field == "amount_in":
        return str(value[0])
    if field == "amount" and op:
        return money(Money(value, Currency(*op["amount_in"])), language)
    if field in ("commission_fixed", "network_fee") and op and op["pair"]:
        side = 1 if op["kind"] == "buy" else 0
        return money(Money(value, Currency(op["pair"].split("/")[side], op["scales"][side])), language)
    if field in ("client_rate", "partner_rate", "commission_percent"):
        return number(value, language)
    if field == "at":
        return from_micros(value, portal.zone).strftime("%d.%m.%Y %H:%M:%S")
    if field in ("issue_date", "custody_until"):
        return date.fromisoformat(value).strftime("%d.%m.%Y")
    if isinstance(value, bool):
        return "✓" if value else "✗"
    return str(value)


def stage_text(portal: Portal, stage: str) -> str:
    """The stage as the portal's staff know it."""
    known = portal.mapping.entity("deal").stage.get(stage)
    return known.label if known else stage


def field_text(name: str, portal: Portal, language: str, say: Say) -> str:
    """An input by the name staff know; the mapping's labels are in the portal's language."""
    entity = portal.mapping.entity("deal")
    table = entity.table.get("operation")
    known = (table.field.get(name) if table else None) or entity.field.get(name)
    if known and known.label and language == portal.mapping.portal.language:
        return known.label
    return say(f"pg_field_{name}") if name in FIELDS else name


FIELDS = (
    "stage", "client", "manager", "custody", "custody_until", "number", "record_id", "kind", "pair", "amount", "amount_in",
    "client_rate", "partner_rate", "partner", "commission_percent", "commission_fixed", "network_fee", "issue_date", "place",
    "to_place", "comment", "at",
)  # fmt: skip


def source_text(source: str, say: Say) -> str:
    """Where a rate came from, in words; a source's own name stays as it is."""
    if source == "same currency":
        return say("pg_source_same")
    if mark := re.fullmatch(r"client's rate of operation (.+)", source):
        return say("pg_source_own", n=mark[1])
    return re.sub(r"(\d{4})-(\d\d)-(\d\d)", r"\3.\2.\1", source)


def formula_text(text: str, language: str) -> str:
    """`10000.00 USD × 41.2` as staff write numbers."""
    grouped = re.sub(r"(?<![\d.])\d{4,}", lambda digits: f"{int(digits[0]):,}".replace(",", "\u00a0"), text)
    return grouped.replace(".", ",") if language in DECIMAL_COMMA else grouped


def exact_text(exact: Decimal, language: str) -> str:
    """The exact product; a quotient without end is cut, and says so."""
    shown = plain(exact)
    whole, _, fraction = shown.partition(".")
    return formula_text(f"{whole}.{fraction[:18]}…" if len(fraction) > 18 else shown, language)


# --- contacts -------------------------------------------------------------------------------------------------------

SORTS = ("contact", "role", "deals", "operations", "turnover", "profit", "margin", "last")


def sorted_contacts(unit: Unit, data: Mapping[str, Any], by: str, *, down: bool) -> list[dict[str, Any]]:
    """The report's rows in the order asked for; what has no such figure comes last, either way."""
    portal = unit.portal
    settings = portal.settings("exchange", ExchangeSettings)
    rates = Rates.load(unit.tx, days_max=settings.rate_days)
    report, today = portal.currencies.get(settings.report_currency), unit.now.astimezone(portal.zone).date()

    def turnover(row: Mapping[str, Any]) -> Decimal | None:
        worth = [
            rates.value(one, report, today) for one in (from_data(d, portal.currencies) for d in row["turnover"]) if one
        ]
        known = [to_decimal(one.money.minor, report) for one in worth if one is not None]
        return sum(known, Decimal(0)) if known else None

    def margin(row: Mapping[str, Any]) -> Decimal | None:
        known = [Decimal(one["percent"]) for one in row["margin"] if one["percent"] is not None]
        return max(known) if known else None

    keys: dict[str, Callable[[Mapping[str, Any]], Any]] = {
        "contact": lambda row: row["contact"].casefold(),
        "role": lambda row: row["role"],
        "deals": lambda row: row["deals"],
        "operations": lambda row: row["operations"],
        "turnover": turnover,
        "profit": lambda row: None if row["profit_reported"] is None else Decimal(row["profit_reported"]),
        "margin": margin,
        "last": lambda row: row["last_at"],
    }
    key = keys[by]
    known = [(key(row), row) for row in data["rows"]]
    having = sorted((pair for pair in known if pair[0] is not None), key=lambda pair: pair[0], reverse=down)
    return [row for _, row in having] + [row for value, row in known if value is None]


def bars(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The chart: contacts by profit in the report currency, the largest first, each with its share of a common scale."""
    known = [(Decimal(row["profit_reported"]), row) for row in rows if row["profit_reported"] is not None]
    known = sorted((pair for pair in known if pair[0]), key=lambda pair: -abs(pair[0]))[:BARS_MAX]
    known.sort(key=lambda pair: -pair[0])
    if not known:
        return []
    high, low = max(Decimal(0), known[0][0]), min(Decimal(0), known[-1][0])
    span = high - low
    zero = 100 * -low / span
    found = []
    for value, row in known:
        width = max(Decimal("0.4"), 100 * abs(value) / span)
        left = zero if value > 0 else zero - width
        found.append({
            "row": row, "value": row["profit_reported"], "loss": value < 0, "x": f"{max(Decimal(0), left):.3f}",
            "width": f"{width:.3f}", "zero": f"{zero:.3f}",
        })  # fmt: skip
    return found


def contact_rows(unit: Unit, key: str) -> list[Mapping[str, Any]]:
    """All operations in which he took part, newest first, each with the role he had."""
    zone, seen = unit.portal.zone, set()
    found: list[dict[str, Any]] = []
    for role, wanted in (("client", Filter(client=key)), ("partner", Filter(partner=key))):
        for row in operation_rows(unit.tx, wanted, zone):
            if row[role] == key and (row["subject"], row["op"]) not in seen:
                seen.add((row["subject"], row["op"]))
                found.append({**row, "role": role, "local": from_micros(row["at"], zone)})
    return sorted(found, key=lambda row: (-row["at"], row["subject"], row["position"]))


def by_month(rows: Sequence[Mapping[str, Any]], currencies: Currencies) -> list[dict[str, Any]]:
    """Operations by month, newest first, with turnover and recognised profit per currency."""
    groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["local"].strftime("%Y-%m")].append(row)
    found = []
    for month, inside in groups.items():
        turnover: dict[str, int] = defaultdict(int)
        profit: dict[str, int | None] = {}
        for row in inside:
            side = "takes" if row["role"] == "partner" else "gives"
            if row[side] is not None and row["stage"] != "cancelled":
                turnover[row[f"{side}_currency"]] += row[side]
            if row["recognised"] and row["profit_currency"]:
                so_far = profit.get(row["profit_currency"], 0)
                known = so_far is not None and row["profit"] is not None
                profit[row["profit_currency"]] = so_far + row["profit"] if known else None
        found.append({
            "month": month, "rows": inside, "deals": len({row["subject"] for row in inside}),
            "turnover": [Money(minor, currencies.get(code)) for code, minor in sorted(turnover.items())],
            "profit": [(code, None if m is None else Money(m, currencies.get(code))) for code, m in sorted(profit.items())],
        })  # fmt: skip
    return found


def side_money(row: Mapping[str, Any], side: str, currencies: Currencies) -> Money | None:
    if row[side] is None:
        return None
    return Money(row[side], currencies.get(row[f"{side}_currency"]))


def balances_of(unit: Unit, key: str) -> list[tuple[str, Money]]:
    """Figure of the board and amount, for what the desk owes him, keeps for him, or has lying with him."""
    figures = {"client": ("owed", -1), "custody": ("custody", -1), "partner": ("with_partners", 1)}
    rows = unit.tx.all(
        "SELECT account, currency, SUM(amount) AS amount FROM ledger_balance WHERE party = :k AND account IN "
        "('client', 'custody', 'partner') GROUP BY account, currency HAVING SUM(amount) <> 0 ORDER BY account, currency",
        k=key,
    )
    found = []
    for row in rows:
        figure, sign = figures[row["account"]]
        found.append((figure, Money(sign * int(row["amount"]), unit.portal.currencies.get(row["currency"]))))
    return found
