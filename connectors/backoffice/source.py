"""Reading a set: its services asked page by page, their tables gathered, and judged before anybody sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

from connectors.backoffice import errors, limits
from connectors.backoffice.client import Client, Received, connect, element, jitter, question
from connectors.backoffice.opening import OpenedAccounts
from connectors.backoffice.reading import Faulted, Page, PageReader
from connectors.backoffice.xml import Bad
from kernel.datasets import Accounts, Answer, DataSource, Outcome, Rows, outcome_of
from kernel.datasets.model import Patience
from kernel.errors import AnnexError, Misconfigured, NotFound, Throttled, Unreachable
from kernel.extension import Connection
from kernel.mapping import ServiceMap, SetMap
from kernel.storage.text import storable
from kernel.telemetry import log, metrics

UNKNOWN = "unknown"  #: in the vault: columns that no set names, by set
Progress = Callable[[Answer], None]


class BackOffice(DataSource):
    """The back office behind one connection."""

    accounts: Accounts

    def __init__(self, connection: Connection) -> None:
        self._connection, self._clock = connection, connection.clock
        self._unknown: dict[str, list[str]] = {}
        self.accounts = OpenedAccounts(connection, lambda: self._client)

    @cached_property
    def _client(self) -> Client:
        return connect(self._connection)

    def read(
        self,
        name: str,
        client_id: str,
        *,
        tables: Sequence[str] = (),
        patience: Patience = "page",
        progress: Progress | None = None,
    ) -> Answer:
        declared = self._set(name, tables)
        began = self._clock.monotonic()
        outcome: Outcome = "unavailable"
        try:
            answer = self._read(declared, client_id, tuple(tables), patience, progress)
            outcome = answer.outcome
        except AnnexError as exc:
            outcome = outcome_of(exc)
            code, trace = getattr(exc, "vendor_code", ""), getattr(exc, "request_id", "")
            log.warning(
                "source.failed",
                system=errors.NAME,
                set=name,
                outcome=outcome,
                code=code,
                vendor_trace=trace,
                reason=str(exc),
            )
            raise
        finally:
            metrics.source_read(self._connection.full_name, name, outcome, self._clock.monotonic() - began)
        log.info("source.read", system=errors.NAME, set=name, rows=answer.count, pages=answer.pages, bytes=answer.bytes)
        return answer

    def _set(self, name: str, tables: Sequence[str]) -> SetMap:
        declared = self._connection.mapping.sets.get(name)
        if declared is None:
            raise Misconfigured(f"mapping set «{self._connection.mapping.name}» has no set.{name}.toml")
        for table in tables:
            if table not in declared.table:
                raise Misconfigured(f"set.{name}.toml has no table «{table}»")
        return declared

    def _read(
        self, declared: SetMap, client_id: str, tables: tuple[str, ...], patience: Patience, progress: Progress | None
    ) -> Answer:
        if not client_id or len(client_id) > limits.CLIENT_ID_CHARACTERS_MAX or not client_id.isprintable():
            raise NotFound("a ClientID is a short text; this one is empty, too long or no text")
        gathered = _Gathered(declared, client_id, self._connection, progress)
        for service, names in declared.services(tables):
            one = _Question(self._client, self._connection, declared, service, names, client_id, patience, gathered)
            one.ask()
        answer = gathered.answer(complete=True)
        if answer.count:
            self._note_unknown(declared.name, answer.unknown)
        return answer

    def _note_unknown(self, name: str, unknown: tuple[str, ...]) -> None:
        """For the doctor, who says it once; written down only when it is new."""
        now = sorted(map(storable, unknown))
        if self._unknown.get(name) != now:
            self._unknown[name] = now
            kept = self._connection.vault.get(UNKNOWN) or {}
            if kept.get(name, []) != now:
                self._connection.vault.put(UNKNOWN, {**kept, name: now})


class _Gathered:
    """What has been read of an answer so far."""

    def __init__(self, declared: SetMap, client_id: str, connection: Connection, progress: Progress | None) -> None:
        self._declared, self._client_id, self._connection, self._progress = declared, client_id, connection, progress
        self._began, self._asked_at = connection.clock.monotonic(), connection.clock.now()
        self.readers: dict[ServiceMap | int, PageReader] = {}
        self.pages = self.bytes = 0
        self.cut = False
        self.confirmed = True
        self.page = Page()

    @property
    def seconds(self) -> float:
        return self._connection.clock.monotonic() - self._began

    @property
    def rows(self) -> int:
        return sum(len(one.cells) for reader in self.readers.values() for one in reader.tables)

    def tell(self) -> None:
        if self._progress is not None:
            self._progress(self.answer(complete=False))

    def answer(self, *, complete: bool) -> Answer:
        tables = {
            one.name: Rows(tuple(one.rows), one.bad_cells, one.keyless, one.doubled)
            for reader in self.readers.values()
            for one in reader.tables
        }
        order = [name for name in self._declared.table if name in tables]
        unknown = dict.fromkeys(name for reader in self.readers.values() for name in reader.unknown)
        return Answer(
            self._declared.name, self._client_id, self._asked_at, {name: tables[name] for name in order},
            as_of=self.page.as_of, complete=complete, cut=self.cut, confirmed=self.confirmed, unknown=tuple(unknown),
            pages=self.pages, bytes=self.bytes, seconds=self.seconds,
        )  # fmt: skip


class _Question:
    """One service asked for one client, over all its pages."""

    def __init__(
        self,
        client: Client,
        connection: Connection,
        declared: SetMap,
        service: ServiceMap,
        names: tuple[str, ...],
        client_id: str,
        patience: Patience,
        gathered: _Gathered,
    ) -> None:
        self._client, self._clock = client, connection.clock
        self._service, self._client_id, self._patience = service, client_id, patience
        self._tables = [(name, declared.table[name]) for name in names]
        self._gathered, self._slot = gathered, len(gathered.readers)
        own = next((name for name, table in self._tables if table.service is not None), "")
        key = f"table.{own}.service.path" if own else "service.path"
        self._where = f"{connection.mapping.name}/set.{declared.name}.toml: {key} = «{service.path}»"

    def ask(self) -> None:
        """Raises the tree under Fault, or Misconfigured."""
        for _ in range(limits.STARTED_ANEW_MAX + 1):
            reader = self._gathered.readers[self._slot] = PageReader(self._service, self._tables)
            try:
                sample = self._pages(reader)
                break
            except errors.Expired:
                continue
        else:
            raise errors.bad("its pages expire, or their number changes, faster than they can be read")
        try:
            reader.check()
        except Bad as exc:
            raise errors.bad(str(exc), sample) from None

    def _pages(self, reader: PageReader) -> bytes:
        """The beginning of the first page, for whoever has to look at a bad answer."""
        start, token, total = 0, "", None
        sample = b""
        while True:
            page, head = self._page(reader, start, token)
            self._gathered.pages += 1
            self._gathered.page = page
            sample = sample or head
            start += page.rows
            if self._service.face == "soap":
                more = bool(page.token)
            else:
                if total is not None and page.total != total:
                    raise errors.Expired
                total = page.total
                more = total is not None and (page.index or 0) + page.rows < total
                if more and not page.rows:
                    raise errors.bad(f"it says {total} rows, and gives {start}", head)
            if not more:
                return sample
            if page.token and page.token == token:
                raise errors.bad("its next page is the same one again", head)
            token = page.token
            if (
                self._gathered.pages >= limits.PAGES_MAX
                or self._gathered.rows >= limits.ROWS_MAX
                or self._gathered.seconds >= limits.PAGING_SECONDS_MAX
            ):
                self._gathered.cut = True
                for one in reader.tables:
                    one.cut(limits.ROWS_MAX)
                return sample
            self._gathered.tell()

    def _page(self, reader: PageReader, start: int, token: str) -> tuple[Page, bytes]:
        waits = limits.RETRY_SECONDS if self._patience == "background" else (0.0,)
        for wait in waits:
            try:
                return self._once(reader, start, token)
            except (Unreachable, Throttled) as exc:
                if isinstance(exc, Throttled) and exc.wait_seconds > wait:
                    raise
                if self._patience == "page" and not errors.never_left(exc):
                    raise
                log.info("source.again", system=errors.NAME, path=self._service.path, reason=str(exc), seconds=wait)
                if wait:
                    self._clock.sleep(jitter(wait))
        return self._once(reader, start, token)

    def _once(self, reader: PageReader, start: int, token: str) -> tuple[Page, bytes]:
        with self._exchange(start, token) as received:
            head = received.head()
            try:
                page = reader.read(received.file)
            except Bad as exc:
                raise errors.bad(str(exc), head) from None
            except Faulted as fault:
                raise errors.ours(fault, maybe=False) from None
            self._gathered.bytes += received.bytes
            self._confirm(page, head)
        return page, head

    def _confirm(self, page: Page, head: bytes) -> None:
        if not self._service.client_at:
            self._gathered.confirmed = False
        elif page.client_id != self._client_id:
            what = "for another client" if page.client_id else "for nobody: it does not say whose rows these are"
            raise errors.bad(f"an answer {what}", code="FOREIGN_CLIENT" if page.client_id else "NO_CLIENT")

    @contextmanager
    def _exchange(self, start: int, token: str) -> Iterator[Received]:
        service = self._service
        asked = {
            "client_id": self._client_id, "start": str(start), "limit": str(service.page_size), "page_token": token,
        }  # fmt: skip
        texts, most = question(service.ask, asked), service.max_mb * limits.MEGABYTE
        if service.face == "soap":
            if token and not any("{page_token}" in text for text in service.ask.values()):
                texts["PageToken"] = token
            body = element(service.operation, service.namespace, texts)
            with self._client.soap(service.path, service.soap_action, body, self._where, most=most) as received:
                yield received
            return
        if not any("{start}" in text for text in service.ask.values()):
            texts |= {"start": asked["start"], "limit": asked["limit"]}
        with self._client.plain(service.path, texts, self._where, most=most) as received:
            yield received
