"""History import against the oracle: thousands of rows in every format, twice, corrected, extended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

import mappings
from kernel import texts
from kernel.clock import SystemClock, TimeIds
from kernel.extension.portal import Portal
from kernel.jobs import Job
from kernel.ledger import Books, Bulk, check
from kernel.mapping import load_set
from kernel.storage import Database, Tx
from kernel.values import format_minor, from_micros
from plugins.exchange import handlers, history, store
from plugins.exchange.accounts import CHART
from plugins.exchange.history_names import op_order
from plugins.exchange.model import Deal, Operation, Party
from plugins.exchange.settings import ExchangeSettings
from plugins.exchange.tests import oracle

HERE = Path(history.__file__).parent
SETTINGS = ExchangeSettings(places=list(oracle.PLACES))
for folder in ("locale", "locale_history"):
    texts.add_folder(HERE / folder)


class QuietQueue:
    def enqueue(self, tx: Tx, job: Job) -> None:
        pass


def portal_on(database: Database) -> Portal:
    clock = SystemClock()
    return Portal(
        name="planfix/main",
        mapping=load_set(Path(mappings.__file__).parent / "exchange-desk-planfix"),
        crm=cast(Any, None),
        database=database,
        books=Books(clock, [CHART]),
        clock=clock,
        ids=TimeIds(clock),
        queue=QuietQueue(),
        plugin_settings={"exchange": SETTINGS},
    )


@pytest.fixture
def portals(fresh_sqlite: Callable[[], str]) -> Iterator[Callable[[], Portal]]:
    made: list[Database] = []

    def make() -> Portal:
        made.append(Database(fresh_sqlite()))
        return portal_on(made[-1])

    yield make
    for database in made:
        database.close()


@pytest.fixture
def portal(portals: Callable[[], Portal]) -> Portal:
    return portals()


def head(portal: Portal) -> tuple[int, str]:
    with portal.read() as unit:
        return portal.books.head(unit.tx)


def dump(portal: Portal) -> dict[str, list[Any]]:
    """All rows of the desk's tables and of the balances."""
    tables = ("exchange_deal", "exchange_operation", "exchange_pending", "ledger_balance")
    with portal.read() as unit:
        return {table: sorted(map(str, unit.tx.all(f"SELECT * FROM {table}"))) for table in tables}


def balances(portal: Portal) -> dict[str, dict[Any, int]]:
    found: dict[str, dict[Any, int]] = defaultdict(lambda: defaultdict(int))
    with portal.read() as unit:
        for row in unit.tx.all("SELECT * FROM ledger_balance"):
            match row["account"]:
                case "place":
                    found["held"][row["currency"], row["place"]] += row["amount"]
                case "client" | "custody" as account:
                    name = "owed" if account == "client" else "custody"
                    found[name][row["currency"], row["party"].removeprefix("name:")] -= row["amount"]
                case "profit":
                    found["profit"][row["currency"]] -= row["amount"]
                    found["own"][row["currency"]] -= row["amount"]
                case _:
                    found["own"][row["currency"]] -= row["amount"]
    return found


def kept(sums: dict[Any, int]) -> dict[Any, int]:
    return {key: amount for key, amount in sums.items() if amount}


def agree(portal: Portal, rows: list[oracle.Row]) -> None:
    """The books say what the oracle says, to the last unit."""
    wanted, found = oracle.expected(rows), balances(portal)
    for name in ("held", "owed", "custody", "profit"):
        assert kept(found[name]) == kept(getattr(wanted, name)), name
    own: dict[str, int] = defaultdict(int)
    for sums, sign in ((wanted.held, 1), (wanted.owed, -1), (wanted.custody, -1)):
        for (currency, _), amount in sums.items():
            own[currency] += sign * amount
    assert kept(found["own"]) == kept(own)
    with portal.read() as unit:
        assert list(check.faults(unit.tx)) == []
        table = {
            (row["subject"].removeprefix("history/"), row["op"]): tuple(
                None if row[side] is None else (row[side], row[f"{side}_currency"])
                for side in ("gives", "gets", "takes", "pays", "profit")
            )
            for row in unit.tx.all("SELECT * FROM exchange_operation WHERE pair LIKE '%/%'")
        }
    assert table == {
        key: (part.gives, part.gets, part.takes, part.pays, part.profit) for key, part in wanted.figures.items()
    }


FILES: dict[str, Callable[[Path, list[oracle.Row]], Path]] = {
    "comma": lambda folder, rows: oracle.write_csv(folder / "a.csv", rows),
    "semicolon": lambda folder, rows: oracle.write_csv(folder / "b.csv", rows, mark=";", comma=True),
    "bom": lambda folder, rows: oracle.write_csv(folder / "c.csv", rows, mark=";", encoding="utf-8-sig"),
    "windows": lambda folder, rows: oracle.write_csv(folder / "d.csv", rows, mark=";", encoding="cp1251", comma=True),
    "jsonl numbers": lambda folder, rows: oracle.write_jsonl(folder / "e.jsonl", rows, strings=False),
    "jsonl strings": lambda folder, rows: oracle.write_jsonl(folder / "f.jsonl", rows, strings=True),
    "xlsx numbers": lambda folder, rows: oracle.write_xlsx(folder / "g.xlsx", rows, texts=False),
    "xlsx texts": lambda folder, rows: oracle.write_xlsx(folder / "h.xlsx", rows, texts=True),
}


@pytest.mark.row("EX-16")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_thousands_of_rows_come_to_what_the_oracle_says(portal: Portal, tmp_path: Path, seed: int) -> None:
    rows = oracle.generate(seed, 2500)
    path = FILES["semicolon"](tmp_path, rows)
    seen: list[tuple[int, int]] = []
    result = history.import_file(portal, path, progress=lambda done, total: seen.append((done, total)))
    assert result.bad == () and (result.rows, result.imported, result.unchanged) == (len(rows), len(rows), 0)
    assert seen == sorted(seen) and seen[-1] == (2 * len(rows), 2 * len(rows))
    agree(portal, rows)
    assert {one.currency for one in result.warnings} == oracle.expected(rows).short()
    before = head(portal)
    again = history.import_file(portal, path)
    assert (again.imported, again.unchanged, again.bad) == (0, len(rows), ())
    assert again.warnings == result.warnings
    assert head(portal) == before


@pytest.mark.row("EX-16")
def test_every_format_says_the_same(portal: Portal, tmp_path: Path) -> None:
    rows = oracle.generate(7, 1200)
    with portal.read() as unit:
        found = {name: history.check(portal, unit, write(tmp_path, rows)) for name, write in FILES.items()}
    first = found["comma"]
    assert first.bad == () and first.rows == len(rows)
    for name, checked in found.items():
        assert checked.bad == (), name
        assert checked.deals == first.deals, name
    history.import_file(portal, tmp_path / "g.xlsx")
    agree(portal, rows)
    before = head(portal)
    for name in FILES:  # in whatever shape it comes again, it is the same
        assert history.import_file(portal, FILES[name](tmp_path, rows)).unchanged == len(rows)
    assert head(portal) == before


@pytest.mark.row("EX-16")
def test_many_thousand_rows_come_in(portal: Portal, tmp_path: Path) -> None:
    rows = oracle.generate(11, 6_000)  # `make bench` has more
    path = FILES["semicolon"](tmp_path, rows)
    assert history.import_file(portal, path).imported == len(rows)
    agree(portal, rows)


@pytest.mark.row("EX-16")
def test_dry_run_says_what_the_import_would_and_changes_nothing(portal: Portal, tmp_path: Path) -> None:
    path = FILES["comma"](tmp_path, oracle.generate(4, 300))
    before = dump(portal), head(portal)
    dry = history.import_file(portal, path, dry_run=True)
    assert (dump(portal), head(portal)) == before
    real = history.import_file(portal, path)
    assert dry.data() == real.data() | {"dry_run": True}
    assert dry.imported == dry.rows > 0 and dry.warnings


def test_result_has_the_shape_of_the_interfaces(portal: Portal, tmp_path: Path) -> None:
    path = FILES["comma"](tmp_path, [BUY, DEPOSIT])
    data = history.import_file(portal, path).data()
    assert data == {
        "file": str(path), "rows": 2, "deals": 2, "imported": 2, "unchanged": 0, "bad": [], "warnings": [], "dry_run": False,
        "below_zero": {"moments": 0, "first": []},
    }  # fmt: skip


@pytest.mark.row("EX-16")
@pytest.mark.parametrize("dry_run", [True, False])
def test_moments_at_which_a_place_did_not_hold_what_left_it_are_counted(
    portal: Portal, tmp_path: Path, dry_run: bool
) -> None:
    """Adding up leg by leg what the import booked: as many, and the first is named with its deal, operation and place."""
    rows = oracle.generate(4, 300)
    found = history.import_file(portal, FILES["comma"](tmp_path, rows), dry_run=dry_run).data()["below_zero"]
    if dry_run:
        history.import_file(portal, FILES["comma"](tmp_path, rows))
    deltas: dict[tuple[int, str, str], int] = defaultdict(int)
    with portal.read() as unit:
        for leg in unit.tx.all("SELECT * FROM ledger_leg WHERE account = 'place'"):
            deltas[leg["at"], leg["currency"], leg["place"]] += leg["amount"]
    held, low = defaultdict[tuple[str, str], int](int), []
    for (at, code, place), delta in sorted(deltas.items()):
        held[code, place] += delta
        if delta < 0 and held[code, place] < 0:
            low.append((at, code, place, held[code, place]))
    assert found["moments"] == len(low) > 5 and len(found["first"]) == 5
    for one, (at, code, place, minor) in zip(found["first"], low, strict=False):
        assert (one["currency"], one["place"], one["at"]) == (code, place, from_micros(at, portal.zone).isoformat())
        assert one["held"] == format_minor(minor, portal.currencies.get(code))
        assert any(row["deal"] == one["deal"] and row["op"] == one["op"] for row in rows)


# --- what a second file changes --------------------------------------------------------------------------------------

BUY = dict.fromkeys(oracle.HEADER, "") | {
    "deal": "17", "op": "1", "at": "2024-05-06 10:30", "client": "Олена", "kind": "buy", "pair": "USD/UAH",
    "amount": "100", "client_rate": "41.2", "partner_rate": "41.35", "partner": "Обмін+",
}  # fmt: skip
DEPOSIT = dict.fromkeys(oracle.HEADER, "") | {
    "deal": "1", "op": "1", "at": "2024-05-01", "kind": "deposit", "pair": "UAH", "amount": "50000", "place": "Каса",
}  # fmt: skip


def bring(portal: Portal, folder: Path, *rows: oracle.Row, **options: Any) -> history.Result:
    return history.import_file(portal, oracle.write_csv(folder / "file.csv", list(rows), mark=";"), **options)


def deal_of(portal: Portal, number: str) -> Deal:
    with portal.read() as unit:
        deal = store.load_deal(unit.tx, f"history/{number}")
    assert deal is not None
    return deal


@pytest.mark.row("EX-16")
@pytest.mark.parametrize(
    ("column", "value", "notice"),
    [
        ("client_rate", "41,3", "client_rate 41.2 -> 41.3"),
        ("amount", "101", "amount 100 -> 101"),
        ("amount_in", "UAH", "amount_in USD -> UAH"),
        ("partner_rate", "", "partner_rate 41.35 -> "),
        ("partner", "Інший", "partner Обмін+ -> Інший"),
        ("client", "Інша", "client Олена -> Інша"),
        ("stage", "new", "stage closed -> new"),
        ("custody_until", "2024-06-01", "custody_until  -> 2024-06-01"),
        ("comment", "інше", "comment  -> інше"),
        ("place", "Банк", "place Каса -> Банк"),
        ("kind", "sell", "kind buy -> sell"),
        ("pair", "EUR/UAH", "pair USD/UAH -> EUR/UAH"),
        ("at", "2024-05-06 10:31", "at 2024-05-06T10:30:00+03:00 -> 2024-05-06T10:31:00+03:00"),
    ],
)
def test_other_values_are_refused_or_correct(portal: Portal, tmp_path: Path, column: str, value: str, notice: str) -> None:
    bring(portal, tmp_path, BUY, DEPOSIT)
    before = head(portal)
    changed = BUY | {column: value}
    result = bring(portal, tmp_path, changed, DEPOSIT)
    reasons = {one.column: str(one.error) for one in result.bad}
    assert reasons[column] == f"already imported with other values: {notice}"
    assert result.imported == 0 and head(portal) == before
    dry = bring(portal, tmp_path, changed, DEPOSIT, correct=True, dry_run=True)
    assert head(portal) == before
    result = bring(portal, tmp_path, changed, DEPOSIT, correct=True)
    assert (result.bad, result.imported, result.unchanged) == ((), 1, 1)
    assert dry.warnings == result.warnings
    plain = changed | {"client_rate": changed["client_rate"].replace(",", ".")}
    agree(portal, [plain, DEPOSIT])
    before = head(portal)
    assert bring(portal, tmp_path, changed, DEPOSIT).unchanged == 2 and head(portal) == before


@pytest.mark.row("EX-16")
def test_correction_keeps_who_when_and_from_what_to_what(portal: Portal, tmp_path: Path) -> None:
    bring(portal, tmp_path, BUY)
    bring(portal, tmp_path, BUY | {"client_rate": "41.3"}, correct=True)
    with portal.read() as unit:
        facts = portal.books.book("exchange").facts(unit.tx, "deal")
    assert [fact.author for fact in facts] == ["import", "import"] and all(fact.trace for fact in facts)
    assert facts[1].body["changes"] == [{"op": "1", "field": "client_rate", "old": "41.2", "new": "41.3"}]


def test_numbers_written_differently_are_the_same(portal: Portal, tmp_path: Path) -> None:
    bring(portal, tmp_path, BUY)
    before = head(portal)
    same = BUY | {
        "client_rate": "41,2000", "amount": "1e2".replace("1e2", "100,00"), "amount_in": "usd", "stage": "closed",
        "at": "2024-05-06T07:30:00Z", "place": "Каса", "kind": "BUY", "pair": "usd / uah", "client": " Олена ",
    }  # fmt: skip
    assert bring(portal, tmp_path, same).unchanged == 1
    assert head(portal) == before


@pytest.mark.row("EX-16")
def test_a_new_operation_extends_the_deal_and_missing_rows_change_nothing(portal: Portal, tmp_path: Path) -> None:
    bring(portal, tmp_path, BUY, DEPOSIT)
    more = BUY | {"op": "2", "pair": "EUR/UAH", "kind": "sell", "amount_in": "UAH", "amount": "4120", "client_rate": "44.8"}
    result = bring(portal, tmp_path, more | {"partner_rate": "44.7"})
    assert (result.bad, result.imported, result.unchanged) == ((), 1, 0)
    assert [op.number for op in deal_of(portal, "17").operations] == ["1", "2"]
    agree(portal, [BUY, more | {"partner_rate": "44.7"}, DEPOSIT])
    broken = bring(portal, tmp_path, BUY | {"op": "3", "pair": "USD/UAH"})
    assert [(one.line, one.column) for one in broken.bad] == [(2, "pair")] and "operation 3" in str(broken.bad[0].error)
    early = bring(portal, tmp_path, BUY | {"op": "0", "pair": "EUR/USD"})
    assert early.bad == () and [op.number for op in deal_of(portal, "17").operations] == ["0", "1", "2"]
    stranger = bring(portal, tmp_path, BUY | {"op": "4", "pair": "EUR/UAH", "client": "Хтось"})
    assert [one.column for one in stranger.bad] == ["client"]


def test_custody_that_is_gone_from_the_file_is_told(portal: Portal, tmp_path: Path) -> None:
    two = BUY | {"op": "2", "pair": "UAH/EUR", "client_rate": "0.02", "partner_rate": "", "custody_until": "01.07.2024"}
    two |= {"stage": "partner_paid"}
    one = BUY | {"stage": "partner_paid"}
    assert bring(portal, tmp_path, one, two).bad == ()
    assert deal_of(portal, "17").custody and str(deal_of(portal, "17").custody_until) == "2024-07-01"
    assert bring(portal, tmp_path, one).unchanged == 1  # the other row may hold it
    gone = bring(portal, tmp_path, one, two | {"custody_until": ""})
    assert [(bad.line, bad.column) for bad in gone.bad] == [(3, "custody_until")]
    assert bring(portal, tmp_path, one, two | {"custody_until": ""}, correct=True).bad == ()
    assert not deal_of(portal, "17").custody
    agree(portal, [one, two | {"custody_until": ""}])


# --- who is who ------------------------------------------------------------------------------------------------------


def known_deal(portal: Portal, record: str, client: Party, partner: Party | None = None) -> None:
    with portal.unit() as unit:
        usd = portal.currencies.get("USD")
        op = Operation("1", "1", "deposit", 100, usd, place="Каса", partner=partner)
        handlers.accept(unit, None, Deal(f"{portal.name}/{record}", record, "new", (op,), 1, client, record_id=record))


def test_parties_are_found_by_id_by_one_name_or_made(portal: Portal, tmp_path: Path) -> None:
    known_deal(portal, "1", Party("contact:812", "Олена"), Party("contact:900", "Обмін+"))
    known_deal(portal, "2", Party("contact:813", "Іван"))
    known_deal(portal, "3", Party("contact:814", "Іван"))
    result = bring(
        portal, tmp_path, BUY, BUY | {"deal": "18", "client": "contact:812", "partner": "contact:900"},
        BUY | {"deal": "19", "client": "Іван", "partner": ""}, BUY | {"deal": "20", "client": "contact:1"},
    )  # fmt: skip
    assert result.bad == ()
    assert [deal_of(portal, n).client for n in ("17", "18", "19", "20")] == [
        Party("contact:812", "Олена"), Party("contact:812", "Олена"), Party("name:Іван", "Іван"),
        Party("name:contact:1", "contact:1"),
    ]  # fmt: skip
    assert deal_of(portal, "17").operations[0].partner == Party("contact:900", "Обмін+")
    assert deal_of(portal, "18").operations[0].partner == Party("contact:900", "Обмін+")
    with portal.read() as unit:  # cards of those whom the CRM knows, and only theirs
        cards = [row["subject"] for row in unit.tx.all("SELECT subject FROM exchange_told")]
    assert all("name:" not in subject for subject in cards)


def test_a_namesake_that_turns_up_later_changes_nothing(portal: Portal, tmp_path: Path) -> None:
    known_deal(portal, "1", Party("contact:812", "Олена"))
    bring(portal, tmp_path, BUY)
    known_deal(portal, "2", Party("contact:999", "Олена"))
    before = head(portal)
    assert bring(portal, tmp_path, BUY).unchanged == 1
    assert bring(portal, tmp_path, BUY | {"client": "contact:812"}).unchanged == 1
    assert head(portal) == before
    assert [bad.column for bad in bring(portal, tmp_path, BUY | {"client": "contact:999"}).bad] == ["client"]


# --- the deal as a whole ---------------------------------------------------------------------------------------------


def test_a_deal_as_it_stands(portal: Portal, tmp_path: Path) -> None:
    late = BUY | {"op": "10", "at": "2024-05-08", "pair": "EUR/USD", "kind": "sell", "custody_until": "2024-09-01"}
    late |= {"client_rate": "1.1", "partner_rate": "1.09"}
    assert [str(bad.error) for bad in bring(portal, tmp_path, late, BUY | {"op": "9"}).bad] == [
        "operation 10: the chain is broken: it takes USD, but the operation before gives UAH"
    ]
    assert bring(portal, tmp_path, late, BUY | {"op": "9", "pair": "BTC/USD", "amount": "0.5"}).bad == ()
    deal = deal_of(portal, "17")
    assert [op.number for op in deal.operations] == ["9", "10"]
    assert (deal.subject, deal.stage, deal.custody, dict(deal.entered)) == ("history/17", "closed", True, {})
    assert deal.created_at == min(op.at or 0 for op in deal.operations) == 1714980600_000000
    with portal.read() as unit:
        entries = portal.books.book("exchange").entries(unit.tx, "history/17")
    ats = {op.key: op.at for op in deal.operations}
    assert all(entry.at == ats[entry.op] for entry in entries if entry.kind == "posting")
    assert entries[0].kind == "deal" and entries[0].key == f"history/17/fact/{entries[0].seq}"


def test_a_slash_in_a_number_stays_one_deal_of_the_history(portal: Portal, tmp_path: Path) -> None:
    bring(portal, tmp_path, BUY | {"deal": "2023/15"}, BUY | {"deal": "2023%2F15"})
    with portal.read() as unit:
        rows = unit.tx.all("SELECT number, portal FROM exchange_deal ORDER BY number")
    assert [dict(row) for row in rows] == [
        {"number": "2023%2F15", "portal": "history"}, {"number": "2023/15", "portal": "history"},
    ]  # fmt: skip
    assert bring(portal, tmp_path, BUY | {"deal": "2023/15"}).unchanged == 1


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["10", "9", "1"], ["1", "9", "10"]),
        (["1.5", "2", "1.25"], ["1.25", "1.5", "2"]),
        (["a10", "a2", "b1"], ["a2", "a10", "b1"]),
        (["2", "1a", "10"], ["1a", "2", "10"]),
        (["1-2", "1-10", "1-1"], ["1-1", "1-2", "1-10"]),
    ],
)
def test_order_of_operations(given: list[str], wanted: list[str]) -> None:
    assert op_order(given) == wanted


def test_warnings_name_the_currency_and_what_is_missing(portal: Portal, tmp_path: Path) -> None:
    result = bring(portal, tmp_path, BUY | {"partner_rate": "", "stage": "partner_paid"})
    assert result.data()["warnings"] == [
        "after the import the desk holds 0.00 UAH, but 4120.00 UAH belong to clients; 4120.00 UAH are missing"
    ]
    assert "бракує 4120.00 UAH" in result.warnings[0].message("uk")


def test_a_whole_file_or_nothing(portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: Any, **_options: Any) -> None:
        raise RuntimeError("the disk is full")

    before = dump(portal), head(portal)
    monkeypatch.setattr(Bulk, "post", fail)
    with pytest.raises(RuntimeError):
        bring(portal, tmp_path, BUY)
    assert (dump(portal), head(portal)) == before


def test_texts_are_there_in_both_languages() -> None:
    import tomllib

    english, ours = (tomllib.loads((HERE / "locale_history" / f"{name}.toml").read_text()) for name in ("en", "uk"))
    assert english.keys() == ours.keys()
    fields = {code: {part.split("}")[0] for part in text.split("{")[1:]} for code, text in english.items()}
    assert fields == {code: {part.split("}")[0] for part in text.split("{")[1:]} for code, text in ours.items()}
