"""The eight tables of a client, column by column: how each is called in doors and seeds, in SOAP, in plain XML, and in the
XML of the other broker. What a table says here is all that the faces know of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

Row = dict[str, str]  # by the column's name; figures and dates as text, "" is no value


class Column(NamedTuple):
    """`name` in doors and seeds; `soap` an element's name; `xml` and `other` an attribute's, "" where the face has none."""

    name: str
    soap: str
    xml: str
    other: str = ""
    kind: str = "text"  # text, date, datetime, money, decimal, count, currency, list
    required: bool = False
    part: str = ""  # the element it stands in, below the row's own
    nil: bool = False  # without a value it goes out with xsi:nil, in SOAP


@dataclass(frozen=True)
class Table:
    """One kind of rows. `columns` in the order of the schema."""

    name: str  # in doors and seeds, and the XML data set
    element: str  # of a row, in SOAP
    other: str  # file and data id of the other broker
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    dated: str = ""  # the column that From and Till are about

    def column(self, name: str) -> Column:
        for one in self.columns:
            if one.name == name:
                return one
        raise ValueError(f"{self.name} has no column {name!r}; there are: {', '.join(c.name for c in self.columns)}")

    @cached_property
    def parts(self) -> tuple[tuple[str, tuple[Column, ...]], ...]:
        """The columns that SOAP shows, by the element they stand in; "" is the row itself."""
        shown = [one for one in self.columns if one.soap]
        return tuple((part, tuple(columns)) for part, columns in groupby(shown, key=lambda one: one.part))

    def key_of(self, row: Row) -> tuple[str, ...]:
        return tuple(row.get(name, "") for name in self.key)


CONTRACTS = Table("contracts", "Contract", "dogovory", ("number",), (
    Column("number", "ContractNumber", "NUMBER", "NOMER", required=True),
    Column("kind", "Kind", "KIND", "VID", required=True),
    Column("opened", "OpenDate", "OPENED", "OTKRYT", "date", required=True),
    Column("closed", "CloseDate", "CLOSED", "ZAKRYT", "date", nil=True),
    Column("tariff", "TariffCode", "TARIFF", "TARIF", required=True),
    Column("markets", "Market", "MARKETS", "RYNKI", "list", required=True),
    Column("state", "State", "STATE", "STATUS", required=True),
))  # fmt: skip
CASH = Table("position_cash", "Cash", "dengi", ("contract", "market", "currency"), (
    Column("contract", "", "CONTRACT", "DOGOVOR", required=True),
    Column("market", "", "MARKET", "RYNOK", required=True),
    Column("currency", "Currency", "CURRENCY", "VALYUTA", "currency", required=True),
    Column("balance", "Balance", "BALANCE", "OSTATOK", "money", required=True),
    Column("available", "Available", "AVAILABLE", "DOSTUPNO", "money", required=True),
    Column("blocked", "Blocked", "BLOCKED", "BLOKIROVANO", "money", required=True),
))  # fmt: skip
SECURITIES = Table("position_securities", "Security", "bumagi", ("contract", "market", "isin", "board"), (
    Column("contract", "", "CONTRACT", "DOGOVOR", required=True),
    Column("market", "", "MARKET", "RYNOK", required=True),
    Column("isin", "ISIN", "ISIN", "ISIN", required=True),
    Column("sec_code", "SecCode", "SECID", "KOD", required=True),
    Column("board", "ClassCode", "BOARD", "REZHIM", required=True),
    Column("quantity", "Quantity", "QTY", "KOLICHESTVO", "decimal", required=True),
    Column("blocked", "Blocked", "BLOCKED", "BLOKIROVANO", "decimal"),
    Column("price", "Price", "PRICE", "TSENA", "decimal", nil=True),
    Column("value", "MarketValue", "VALUE", "STOIMOST", "money"),
    Column("currency", "Currency", "CURRENCY", "VALYUTA", "currency", required=True),
))  # fmt: skip
SERVICES = Table("services", "PaidService", "uslugi", ("code", "from"), (
    Column("code", "Code", "CODE", "KOD", required=True),
    Column("name", "Name", "NAME", "NAZVANIE", required=True),
    Column("from", "From", "FROM", "S", "date", required=True),
    Column("till", "Till", "TILL", "PO", "date"),
    Column("fee", "Fee", "FEE", "PLATA", "money", required=True),
    Column("currency", "Currency", "CURRENCY", "VALYUTA", "currency", required=True),
    Column("period", "Period", "PERIOD", "PERIOD", required=True),
    Column("state", "State", "STATE", "STATUS"),
))  # fmt: skip
WITHDRAWALS = Table("withdrawals", "Withdrawal", "vyvody", ("number",), (
    Column("number", "Number", "NUMBER", "NOMER", required=True),
    Column("created", "Created", "CREATED", "PODANA", "datetime", required=True),
    Column("state", "State", "STATE", "STATUS", required=True),
    Column("reason", "Reason", "REASON", "PRICHINA"),
    Column("amount", "Amount", "AMOUNT", "SUMMA", "money", part="CashPart"),
    Column("currency", "Currency", "CURRENCY", "VALYUTA", "currency", part="CashPart"),
    Column("account", "AccountMasked", "ACCOUNT", "SCHET", part="CashPart"),
    Column("isin", "ISIN", "ISIN", "ISIN", part="SecurityPart"),
    Column("quantity", "Quantity", "QTY", "KOLICHESTVO", "decimal", part="SecurityPart"),
    Column("depository", "Depository", "DEPOSITORY", "DEPOZITARIY", part="SecurityPart"),
), "created")  # fmt: skip
BLOCKS = Table("blocks", "Block", "blokirovki", ("code", "since", "currency", "isin"), (
    Column("code", "Code", "CODE", "KOD", required=True),
    Column("scope", "Scope", "SCOPE", "OBLAST", required=True),
    Column("since", "Since", "SINCE", "S", "datetime", required=True),
    Column("reason", "Reason", "REASON", "OSNOVANIE", required=True),
    Column("document", "Document", "DOCUMENT", "DOKUMENT"),
    Column("amount", "Amount", "AMOUNT", "SUMMA", "money", part="CashPart"),
    Column("currency", "Currency", "CURRENCY", "VALYUTA", "currency", part="CashPart"),
    Column("isin", "ISIN", "ISIN", "ISIN", part="SecurityPart"),
    Column("sec_code", "SecCode", "SECID", "BUMAGA", part="SecurityPart"),
    Column("quantity", "Quantity", "QTY", "KOLICHESTVO", "decimal", part="SecurityPart"),
))  # fmt: skip
ACTIVITY = Table("activity", "Activity", "aktivnost", ("date", "market", "currency"), (
    Column("date", "Date", "DATE", "DATA", "date", required=True),
    Column("market", "Market", "MARKET", "RYNOK", required=True),
    Column("trades", "Trades", "TRADES", "SDELOK", "count", required=True),
    Column("turnover", "Turnover", "TURNOVER", "OBOROT", "money", required=True),
    Column("commission", "Commission", "COMMISSION", "KOMISSIYA", "money", required=True),
    Column("currency", "Currency", "CURRENCY", "VALYUTA", "currency", required=True),
), "date")  # fmt: skip
USAGE = Table("usage", "Usage", "produkty", ("product", "at", "event"), (
    Column("product", "ProductCode", "CODE", "KOD", required=True),
    Column("event", "Event", "EVENT", "SOBYTIE", required=True),
    Column("at", "At", "AT", "KOGDA", "datetime", required=True),
    Column("detail", "Detail", "DETAIL", "PODROBNO"),
    Column("name", "Name", "NAME", "NAZVANIE"),
    Column("until", "Until", "UNTIL", "PO", "date"),
), "at")  # fmt: skip
#: Only the other broker shows it: margin per contract.
MARGIN = Table("margin", "", "marzha", ("contract", "currency"), (
    Column("contract", "", "", "DOGOVOR", required=True),
    Column("currency", "", "", "VALYUTA", "currency", required=True),
    Column("portfolio", "", "", "PORTFEL", "money", required=True),
    Column("initial", "", "", "NACHALNAYA", "money", required=True),
    Column("minimal", "", "", "MINIMALNAYA", "money", required=True),
    Column("level", "", "", "UROVEN", required=True),
))  # fmt: skip

TABLES = {
    one.name: one
    for one in (CONTRACTS, CASH, SECURITIES, SERVICES, WITHDRAWALS, BLOCKS, ACTIVITY, USAGE, MARGIN)
}  # fmt: skip
OTHER = {one.other: one for one in TABLES.values()}
PARTS = {"CashPart": "CASH", "SecurityPart": "SEC"}  # as the attribute KIND says it


class Reader(NamedTuple):
    """An operation that answers with a client's rows."""

    service: str
    operation: str
    tables: tuple[Table, ...]
    set: str  # as the switch `only` and the counters call it


READERS = {
    one.operation: one
    for one in (
        Reader("ContractsService", "GetContracts", (CONTRACTS,), "contracts"),
        Reader("PositionService", "GetPosition", (CASH, SECURITIES), "position"),
        Reader("PaidServicesService", "GetPaidServices", (SERVICES,), "services"),
        Reader("WithdrawalsService", "GetWithdrawals", (WITHDRAWALS,), "withdrawals"),
        Reader("BlocksService", "GetBlocks", (BLOCKS,), "blocks"),
        Reader("ActivityService", "GetTradingActivity", (ACTIVITY,), "activity"),
        Reader("UsageService", "GetProductUsage", (USAGE,), "usage"),
    )
}
OPENING = "OpeningService"
LOOKUPS = ("GetRequest", "FindClient")
#: Service -> its operations, as the WSDL has them.
SERVICE_OPERATIONS = {one.service: (one.operation,) for one in READERS.values()} | {OPENING: ("OpenAccount", *LOOKUPS)}
SETS = (*(one.set for one in READERS.values()), "margin", "open", "request", "clients")


def part_of(table: Table, row: Row) -> str:
    """Which of the alternatives the row has: CashPart, SecurityPart or none."""
    for column in table.columns:
        if column.part and column.kind in ("money", "decimal") and row.get(column.name):
            return column.part
    return ""
