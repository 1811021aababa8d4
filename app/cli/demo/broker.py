"""A day of a broker's sales department in an emulated Bitrix24, through the portal's own doors; then the reckoning.

Leads arrive by themselves, managers begin their day or do not, move deals as they should and as they should not, by hand,
in a hurry and with the head's right; events get lost, doubled and late, the worker dies and the portal goes silent. What
each deal and each lead must come to is kept here, beside the one who plans it, and compared with the portal in the end.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from app.cli.demo.checks import nothing_failed, print_checks
from app.cli.demo.office_broker import BrokerOffice
from app.cli.demo.processes import Processes, free_port
from app.cli.demo.stages import Bitrix24
from kernel.errors import Unreachable
from kernel.storage import Database

LEADS, EVENING_LEADS, ROUNDS = 40, 3, 3
HEALED_WITHIN_SECONDS = 90
CHAOS = {"drop_rate": 0.3, "duplicate_rate": 0.1, "reorder_rate": 0.2}
CALM = dict.fromkeys(CHAOS, 0)
Result = tuple[str, str]


@dataclass
class Deal:
    """One deal: who moves it where, where it must end, and how many cases it must leave."""

    title: str
    case: str
    owner: str
    moves: list[tuple[str, tuple[str, ...]]]  #: who, and the stages he goes through without a pause
    ends: str
    refused: int = 0
    overrides: int = 0
    id: int = 0
    told: list[str] = field(default_factory=list)


class BrokerDemo:
    """Plays the day and judges it."""

    def __init__(self, args: argparse.Namespace, stage: Bitrix24) -> None:
        self._args, self._stage = args, stage
        self._home: Path = args.home.resolve()
        self._address = f"http://127.0.0.1:{free_port()}"
        self._random = random.Random(args.seed)  # noqa: S311 - a story, not a secret
        self.processes = Processes(
            self._home,
            {
                "ANNEX_HOME": str(self._home),
                "ANNEX_SET": args.set_name,
                "ANNEX_PUBLIC_URL": self._address,
                "ANNEX_OPEN_PAGES": "yes",
                "ANNEX_LOG": os.environ.get("ANNEX_LOG", "info"),
            },
        )
        self._database = Database(f"sqlite:///{self._home / 'annex.db'}")
        self._began = time.monotonic()
        self._results: list[Result] = []

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f} s  {text}", flush=True)

    def run(self) -> int:
        office = self._open()
        late, weary, overloaded = office.managers[-1], office.managers[-2], office.managers[-3]
        ready = office.managers[:-3]
        self._morning(office, ready, late, weary, overloaded)
        leads = self._leads_arrive(office, LEADS, "leads arrive by site, call and mail; events get lost, doubled and late")
        deals = self._deals(office, ready, late)
        self._rounds(office, deals)
        self._judge_leads(office, leads, ready)
        self._judge_deals(office, deals)
        self._evening(office, ready)
        self._judge_pages(office, ready[0])
        self._results += [nothing_failed(self._database), self._stage.limit_kept(office.doors)]
        agreed = print_checks(self._results)
        print("\nAll agree: owners, stages, cases and messages are as meant." if agreed else "\nTHEY DO NOT AGREE.")
        if not self._args.once:
            print(f"\nHeads' page: {self._address}/heads/\nBitrix24:    {self._stage.address} (emulated)\nCtrl-C ends.")
            while True:
                time.sleep(1)
        return 0 if agreed else 1

    # --- the day ----------------------------------------------------------------------------------------------------

    def _open(self) -> BrokerOffice:
        self.say("starting the emulated Bitrix24, the service and a worker")
        self._stage.start(self.processes, self._address, self._args.seed, "broker")
        host, _, port = self._address.removeprefix("http://").partition(":")
        self.processes.start("service", "app", "serve", "--host", host, "--port", port)
        self.processes.wait_ready(self._address)
        self.say(self._stage.set_up(self.processes, self._address))
        again = self.processes.annex("plan")
        self._results.append(("a second plan finds nothing to do", "" if again.returncode == 0 else again.stdout[-400:]))
        self._start_worker()
        return self._stage.broker_office()

    def _start_worker(self) -> None:
        self.processes.start("worker", "app", "worker", "--id", "demo")

    def _morning(self, office: BrokerOffice, ready: list[str], late: str, weary: str, overloaded: str) -> None:
        for who in [*ready, overloaded, office.head]:
            office.day(who, "OPENED")
        office.day(late, "CLOSED")
        office.day(weary, "EXPIRED")
        for number in range(6):
            deal = office.new_deal(overloaded, f"Старая сделка {number}")
            body = {
                "OWNER_TYPE_ID": 2, "OWNER_ID": deal, "TYPE_ID": 2, "SUBJECT": "Перезвонить", "RESPONSIBLE_ID": overloaded,
                "COMPLETED": "N", "DEADLINE": "2026-01-12T10:00:00+03:00", "COMMUNICATIONS": [{"VALUE": "+74950000000"}],
            }  # fmt: skip
            office.ask(overloaded, "crm.activity.add", {"fields": body})
        names = office.names
        self.say(
            f"{len(ready)} managers began their day; {names[late]} has not, {names[weary]} never ended yesterday's, "
            f"{names[overloaded]} has 6 deals with overdue activities"
        )

    def _leads_arrive(self, office: BrokerOffice, count: int, told: str) -> list[int]:
        self.say(told)
        office.doors("faults", CHAOS)
        leads = [office.new_lead(number) for number in range(count)]
        self._quiet(office, lambda: all(self._given(lead) for lead in leads))
        office.doors("faults", CALM)
        return leads

    def _deals(self, office: BrokerOffice, ready: list[str], late: str) -> list[Deal]:
        new, contact, need, offer = "Новое обращение", "Контакт установлен", "Потребность выявлена", "Предложение отправлено"
        won, refused = "Счёт открыт", "Отказ клиента"
        deals = []
        for turn in range(ROUNDS):
            who, head = ready[turn % len(ready)], office.head
            for case, moves, ends, refusals, overrides in (
                ("as it should be", [(who, (contact,)), (who, (need,)), (who, (offer,))], offer, 0, 0),
                ("two stages in a hurry", [(who, (contact, need))], need, 0, 0),
                ("jumps ahead", [(who, (offer,))], new, 1, 0),
                ("jumps to the end", [(who, (won,))], new, 1, 0),
                ("goes back", [(who, (contact,)), (who, (need,)), (who, (new,))], need, 1, 0),
                ("jumps, then does it right", [(who, (need,)), (who, (contact,))], contact, 1, 0),
                ("the head may jump", [(head, (offer,))], offer, 0, 1),
                ("lost at once", [(who, (refused,))], refused, 0, 0),
                ("moved without a working day", [(late, (contact,))], new, 1, 0),
            ):
                deals.append(Deal(f"{case} {turn}", case, who, list(moves), ends, refusals, overrides))
        for deal in deals:
            deal.id = office.new_deal(deal.owner, deal.title)
        self._quiet(office)
        self.say(f"{len(deals)} deals stand at their first stage")
        return deals

    def _rounds(self, office: BrokerOffice, deals: list[Deal]) -> None:
        office.doors("faults", CHAOS)
        mishaps: list[Callable[[], None]] = [self._kill, lambda: self._silence(office), lambda: None]
        while any(deal.moves for deal in deals):
            moving = [deal for deal in deals if deal.moves]
            self._random.shuffle(moving)
            self.say(f"{len(moving)} deals are moved, some of them where they may not go")
            for deal in moving:
                who, stages = deal.moves.pop(0)
                for stage in stages:
                    office.move(who, deal.id, stage)
            mishaps.pop(0)() if mishaps else None
            self._quiet(office, lambda: self._as_meant_now(office, deals))
        office.doors("faults", CALM)

    def _kill(self) -> None:
        self.processes.kill("worker")
        self.say("  ! the worker is killed with -9 …")
        time.sleep(0.5)
        self._start_worker()
        self.say("    … and started again")

    def _silence(self, office: BrokerOffice) -> None:
        office.doors("faults", {"down": "on"})
        self.say("  ! the portal does not answer for six seconds")
        time.sleep(6)
        office.doors("faults", {"down": "off"})

    def _evening(self, office: BrokerOffice, ready: list[str]) -> None:
        for who in office.managers:
            office.day(who, "CLOSED")
        time.sleep(11)  # what is known of a working day may be ten seconds old
        leads = [office.new_lead(1000 + number) for number in range(EVENING_LEADS)]
        self._quiet(office, lambda: self._waiting() == EVENING_LEADS)
        waiting = self._waiting()
        self._results.append((
            f"{EVENING_LEADS} leads that come after everybody went home wait, and the head is told",
            "" if waiting == EVENING_LEADS and office.told(office.head) else f"{waiting} wait",
        ))  # fmt: skip
        early = ready[0]
        office.day(early, "OPENED")
        self.say(f"everybody went home, {EVENING_LEADS} leads wait; then {office.names[early]} begins the day")
        self._quiet(office, lambda: self._waiting() == 0)
        owners = [office.owner(lead) for lead in leads]
        self._results.append((
            "they go out, in order, to the one who comes first", "" if owners == [early] * EVENING_LEADS else str(owners)
        ))  # fmt: skip

    # --- waiting ----------------------------------------------------------------------------------------------------

    def _quiet(self, office: BrokerOffice, until: Callable[[], bool] = lambda: True) -> None:
        """Until nothing waits and that holds: lost events are found by a sweep."""
        deadline, calm = time.monotonic() + HEALED_WITHIN_SECONDS, 0
        while time.monotonic() < deadline:
            office.doors("wait-idle", {"timeout": 60})
            calm = calm + 1 if not self._busy() and until() else 0
            if calm >= 2:
                return
            time.sleep(0.3)
        if self._busy():
            raise Unreachable(f"still work waiting after {HEALED_WITHIN_SECONDS} s; see the logs in {self._home}")

    def _busy(self) -> int:
        with self._database.read() as tx:
            return int(
                tx.value("SELECT COUNT(*) FROM inbox WHERE state = 'new'")
                + tx.value("SELECT COUNT(*) FROM outgoing WHERE state IN ('waiting', 'sending')")
            )

    def _given(self, lead: int) -> bool:
        return self._count("SELECT COUNT(*) FROM assignment_decision WHERE record_id = :r", r=str(lead)) > 0

    def _waiting(self) -> int:
        return self._count("SELECT COUNT(*) FROM assignment_waiting")

    def _count(self, sql: str, **values: Any) -> int:
        with self._database.read() as tx:
            return int(tx.value(sql, **values))

    def _as_meant_now(self, office: BrokerOffice, deals: list[Deal]) -> bool:
        return all(office.stage_of(deal.id) == deal.ends for deal in deals if not deal.moves)

    # --- the reckoning ----------------------------------------------------------------------------------------------

    def _judge_leads(self, office: BrokerOffice, leads: list[int], ready: list[str]) -> None:
        shares = Counter(office.owner(lead) for lead in leads)
        wrong = {office.names.get(who, who): n for who, n in shares.items() if who not in ready}
        self._results.append((
            f"{len(leads)} leads: one owner each, all of them people who may get one", f"{wrong}" if wrong else ""
        ))  # fmt: skip
        spread = max(shares.values()) - min(shares.get(who, 0) for who in ready)
        told = ", ".join(f"{office.names[who]} {shares.get(who, 0)}" for who in ready)
        self._results.append((f"shares within one lead of each other ({told})", f"{spread} apart" if spread > 1 else ""))

    def _judge_deals(self, office: BrokerOffice, deals: list[Deal]) -> None:
        wrong = [f"{d.title}: {stage}, meant {d.ends}" for d in deals if (stage := office.stage_of(d.id)) != d.ends]
        self._results.append((f"{len(deals)} deals stand where the pool allows", "; ".join(wrong[:5])))
        found: Counter[tuple[str, str]] = Counter()
        with self._database.read() as tx:
            for row in tx.all("SELECT record_id, outcome FROM stage_lock_case"):
                found[row["record_id"], row["outcome"]] += 1
        wrong = []
        for deal in deals:
            put_back = sum(n for (record, outcome), n in found.items() if record == str(deal.id) and outcome != "override")
            overrides = found[str(deal.id), "override"]
            if (put_back, overrides) != (deal.refused, deal.overrides):
                wrong.append(f"{deal.title}: {put_back} put back, {overrides} by the head's right")
        meant = sum(deal.refused for deal in deals)
        self._results.append((f"{meant} forbidden moves put back once each, none of the allowed ones", "; ".join(wrong[:5])))

    def _judge_pages(self, office: BrokerOffice, manager: str) -> None:
        page = f"{self._address}/frame/bitrix24/main/heads/"

        def opened(who: str, **forged: str) -> int:
            asked = office.doors("open", {"placement": "LEFT_MENU", "user": who, "handler": page})
            with requests.Session() as browser:
                browser.trust_env = False
                return browser.post(asked["url"], data={**asked["fields"], **forged}, timeout=30).status_code

        found = (
            opened(office.head),
            opened(manager),
            opened(office.head, member_id="0" * 32),
            opened("1", AUTH_ID="forged"),
        )
        self._results.append((
            "the heads' page opens for the head by the CRM's own proof, and for nobody else",
            "" if found == (200, 403, 403, 403) else f"head, manager, other portal, forged token: {found}",
        ))  # fmt: skip
