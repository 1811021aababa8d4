"""The desk's book: its accounts, and what to read instead of the tables that all books share.

Sign: what the desk has is positive, what it owes or keeps for others is negative. So for any currency, at any moment and in
any place: held = own + owed + custody, with own = what is neither owed to clients nor kept for them.
"""

from __future__ import annotations

from kernel.ledger.chart import Account, Chart, rows_of

BOOK = "exchange"
PLACE = "place"
CLIENT = "client"
CUSTODY = "custody"
PARTNER = "partner"
EQUITY = "equity"
TRADING = "trading"
PROFIT = "profit"
COMMISSION = "commission"
FEES = "fees"
TRANSFER = "transfer"

CHART = Chart(
    BOOK,
    (
        Account(PLACE, "asset", "money the desk holds, by place"),
        Account(CLIENT, "liability", "what the desk owes a client (negative), or they owe the desk (positive)"),
        Account(CUSTODY, "liability", "clients' money kept until a date"),
        Account(EQUITY, "equity", "the owners' money put in and taken out"),
        Account(TRADING, "clearing", "the open position between the client's side and the partner's side of a deal"),
        Account(PROFIT, "income"),
        Account(COMMISSION, "income"),
        Account(FEES, "expense", "network fees paid"),
        Account(TRANSFER, "clearing", "passes money between places without anyone earning"),
        Account(PARTNER, "asset", "the desk's money that lies with a partner"),
    ),
)
CLAIMS = CHART.of_kind("liability")  #: what is not the desk's own of what it holds
OWN_ACCOUNTS = tuple(account.name for account in CHART.accounts if account.name != PLACE and account.name not in CLAIMS)

JOURNAL, LEGS, BALANCES = (rows_of(BOOK, table) for table in ("ledger_journal", "ledger_leg", "ledger_balance"))
