"""The exchange desk: operations, chains, custody, books, board and reports."""

from datetime import timedelta
from pathlib import Path

from kernel.extension import Command, Keeps, Plugin, RunsEvery, Watch
from plugins.exchange import commands, deleted
from plugins.exchange.accounts import CHART
from plugins.exchange.check import faults
from plugins.exchange.handlers import deal_seen
from plugins.exchange.links import ANSWERS
from plugins.exchange.pages import pages
from plugins.exchange.regular import HEAD_DONE, journal_made, publish_head, remind_custody, turn_month
from plugins.exchange.settings import ExchangeSettings

_here = Path(__file__).parent

plugin = Plugin(
    name="exchange",
    title="Обмін",
    settings=ExchangeSettings,
    fields={
        "deal": (
            "client", "manager", "executor", "partner", "custody", "custody_until", "analytics", "profit",
            "profit_reported", "remainder", "check",
            *(f"operation.{name}" for name in (
                "kind", "pair", "amount", "amount_in", "client_rate", "partner_rate", "partner", "commission_percent",
                "commission_fixed", "network_fee", "issue_date", "comment", "place", "to_place", "gives", "gets",
                "partner_takes", "partner_gives", "profit",
            )),
        ),
        "contact": ("month", "balance", *(f"custody.{n}" for n in ("currency", "amount", "until", "deal", "status"))),
        "journal": ("name",),
    },
    watches=(Watch("deal", deal_seen, tables=("operation",)),),
    keeps=(
        Keeps("deal", deleted.deal_ids, deleted.deal_gone, deleted.deal_back),
        Keeps("contact", deleted.card_ids, deleted.card_gone, deleted.card_back),
    ),
    answers=ANSWERS,
    books=(CHART,),
    every=(
        RunsEvery("exchange.custody", timedelta(minutes=10), remind_custody, "reminders of custody that ends"),
        RunsEvery("exchange.deleted", timedelta(minutes=10), deleted.tell_of_deleted, "tells of deleted cards with money"),
        RunsEvery("exchange.head", timedelta(minutes=10), publish_head, "daily head of the books into the CRM"),
        RunsEvery("exchange.cards", timedelta(hours=6), turn_month, "cards at the turn of a month"),
    ),
    done={HEAD_DONE: journal_made},
    pages=pages,
    rights={
        "exchange": "the board, what its figures are made of, deals and reports",
        deleted.DECIDE: "restoring or reversing a deal that was deleted in the CRM, and hearing of it",
    },
    commands=(
        Command("board", "balances per currency and place", commands.board_arguments, commands.run_board),
        Command("report", "operations, control, contacts", commands.report_arguments, commands.run_report),
        Command("import", "operations from a file (history)", commands.import_arguments, commands.run_import),
        Command("rates", "reference rates from a file", commands.rates_arguments, commands.run_rates),
    ),
    verify=faults,
    migrations=_here / "migrations",
)  # fmt: skip
