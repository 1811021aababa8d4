"""The back office fetches the feeds while people work: it reads, stops in the middle of the day, goes on where it stopped.
In the end it must know what the portal knows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import requests
from lxml import etree

from kernel.errors import Unreachable
from kernel.testing.demo import DemoStory, Desk, Result

FEEDS = ("clients", "deals", "terms", "statuses")
NAMESPACE = "{urn:annex:feeds:v1}"
LIMIT = 25  #: rows of a read: several are needed
PAUSE_SECONDS = 1.5  #: with one key sixty reads a minute are allowed
PAGE_SECONDS = 60
STATUSES = {"Кандидат": "candidate", "Действующий": "active", "Договор расторгнут": "closed"}
YES = "да"
TERMS = {
    "margin": "Маржинальная торговля", "derivatives": "Срочный рынок", "currency": "Валютный рынок",
    "iis": "Индивидуальный инвестиционный счёт", "lending": "Использование ценных бумаг брокером",
    "edo": "Электронный документооборот", "qualified": "Квалифицированный инвестор",
}  # fmt: skip
Rows = dict[str, dict[str, str]]


class Consumer:
    """Keeps rows and cursor of each feed, only of whole answers."""

    def __init__(self, address: str, key: str) -> None:
        self._address, self.rows = address, dict[str, Rows]((feed, {}) for feed in FEEDS)
        self.deleted: dict[str, set[str]] = {feed: set() for feed in FEEDS}
        self._cursors: dict[str, str] = {}
        self._numbers: dict[str, list[int]] = {feed: [] for feed in FEEDS}
        self.reads, self.trouble = 0, ""
        self._headers = {"Authorization": f"Bearer {key}"}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while not self._stop.is_set():
                for feed in FEEDS:
                    try:
                        self._read(session, feed)
                    except (Unreachable, requests.RequestException) as exc:
                        self.trouble = self.trouble or str(exc)
                    if self._stop.wait(PAUSE_SECONDS):
                        return

    def finish(self) -> None:
        """Until there is nothing more in any feed."""
        with requests.Session() as session:
            session.trust_env = False
            for feed in FEEDS:
                while self._read(session, feed):
                    pass

    def _read(self, session: requests.Session, feed: str) -> bool:
        """Whether there is more."""
        asked = {"limit": str(LIMIT), **({"since": self._cursors[feed]} if feed in self._cursors else {})}
        answer = session.get(
            f"{self._address}/feeds/{feed}.xml", params=asked, headers=self._headers, timeout=PAGE_SECONDS
        )  # fmt: skip
        if answer.status_code == 429:
            self._stop.wait(float(answer.headers["Retry-After"]))
            return True
        if answer.status_code != 200:
            raise Unreachable(f"feed {feed}: HTTP {answer.status_code} {answer.text[:200]}")
        root = etree.fromstring(answer.content)
        self.reads += 1
        for row in list(root)[:-1]:
            self._numbers[feed].append(int(row.get("seq", "0")))
            ident = str(row.get("id"))
            if row.tag == f"{NAMESPACE}deleted":
                self.rows[feed].pop(ident, None)
                self.deleted[feed].add(ident)
            else:
                self.rows[feed][ident] = {etree.QName(one).localname: one.text or "" for one in row}
        self._cursors[feed] = str(root[-1].get("cursor"))
        return root[-1].get("more") == "true"

    def out_of_order(self) -> list[str]:
        """Feeds in which a number came twice, or after a higher one."""
        return [feed for feed, numbers in self._numbers.items() if numbers != sorted(set(numbers))]


class FeedsDemo(DemoStory):
    """Plays its work when leads have been given out and deals moved, and before they become clients."""

    after = ("assignment", "stage_lock")
    connectors = frozenset({"bitrix24"})
    agreement = "feeds as their consumer knows them = the portal"

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._consumer: Consumer | None = None
        self._gone = ""
        self._stopped_at = 0

    def begin(self, days: Sequence[date]) -> None:
        code, key = self.desk.annex("feeds", "key", "add", "backoffice", "--feeds", ",".join(FEEDS), "--personal")
        if code:
            raise Unreachable(f"annex feeds key add: {key}")
        self.desk.secrets.append(key.strip())
        self._consumer = Consumer(self.desk.address, key.strip())
        self._consumer.start()

    def work(self, day: date, number: int) -> None:
        if number != 1 or self._consumer is None:
            return
        office = self.desk.office
        self._gone = str(office.add(office.head, office.CONTACT, {}, name="Ошибочная карточка"))
        self.desk.quiet()
        self._consumer.finish()
        self._consumer.stop()
        self._stopped_at = self._consumer.reads
        self._seen = self._gone in self._consumer.rows["clients"]
        self.desk.announce(f"the consumer of the feeds stops after {self._stopped_at} reads")

    def evening(self, day: date, number: int) -> None:
        if number != 1 or self._consumer is None:
            return
        office = self.desk.office
        office.delete_record(office.head, office.CONTACT, self._gone)
        self._consumer.start()
        self.desk.announce("… and goes on where it stopped")

    def checks(self) -> Iterable[Result]:
        consumer = self._consumer
        if consumer is None:
            return
        consumer.stop()
        consumer.finish()
        yield (
            f"the feeds' consumer stopped after {self._stopped_at} reads, and goes on: {consumer.reads}, no number twice",
            consumer.trouble or ", ".join(consumer.out_of_order()),
        )
        office = self.desk.office
        wanted = {"clients": self._clients(), "deals": self._deals(), "terms": self._terms()}
        for feed, records in wanted.items():
            shown = consumer.rows[feed]
            wrong = [
                f"{ident}: {shown.get(ident)}, in the portal {records.get(ident)}" for ident in sorted({*records, *shown})
                if not _agrees(records.get(ident), shown.get(ident))
            ]  # fmt: skip
            yield f"{len(records)} records of the feed «{feed}» are as in the portal", "; ".join(wrong[:3])
        moves = {}
        for one in consumer.rows["statuses"].values():
            if one["kind"] == "deal":
                moves[one["record"]] = one["toName"]
        wrong = [f"{deal['id']}: {moves.get(str(deal['id']))}" for deal in self._in_pipelines()
                 if moves.get(str(deal["id"])) != office.label[deal["stageId"]]]  # fmt: skip
        yield "the last move of each deal leads to where it stands", "; ".join(wrong[:3])
        deleted = self._seen and self._gone in consumer.deleted["clients"]
        yield "a deleted card is a deletion in the feed", "" if deleted else f"card {self._gone}, seen before: {self._seen}"

    # --- the portal, as its staff see it ----------------------------------------------------------------------------------

    def _clients(self) -> Mapping[str, Mapping[str, str]]:
        office = self.desk.office
        found = {}
        for number, kind, start in ((office.CONTACT, "person", ""), (office.COMPANY, "company", "company:")):
            for item in office.items(number, {}):
                shown = office.shown(number, item)
                status = STATUSES.get(str(shown["Статус клиента"]), "")
                found[f"{start}{item['id']}"] = {"clientId": shown["ClientID"] or "", "status": status, "kind": kind}
        return found

    def _in_pipelines(self) -> list[dict[str, Any]]:
        office = self.desk.office
        return [item for item in office.items(office.DEAL, {}) if item["stageId"] in office.label]

    def _deals(self) -> Mapping[str, Mapping[str, str]]:
        office = self.desk.office
        return {
            str(item["id"]): {
                "title": item["title"], "stageName": office.label[item["stageId"]],
                "client": str(item.get("contactId") or ""),
                "company": str(item.get("companyId") or ""),
            }
            for item in self._in_pipelines()
        }  # fmt: skip

    def _terms(self) -> Mapping[str, Mapping[str, str]]:
        office, found = self.desk.office, {}
        for item in self._in_pipelines():
            shown = office.shown(office.DEAL, item)
            answers = {element: shown[label] for element, label in TERMS.items()}
            if all(answers.values()):
                found[str(item["id"])] = {
                    element: "true" if answer == YES else "false" for element, answer in answers.items()
                }  # fmt: skip
        return found


def _agrees(record: Mapping[str, str] | None, shown: Mapping[str, str] | None) -> bool:
    """What is empty is absent in a feed."""
    if record is None or shown is None:
        return record is shown
    return all(shown.get(name, "") == value for name, value in record.items())
