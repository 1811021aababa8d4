"""A broker with SMS: the emulated portal and the emulated SMS.RU around the product as app assembles it, in one process."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from app.bootstrap import set_folder
from app.cli.plan import setup_of
from app.simulation.crm_bitrix24 import Bitrix24CRM
from app.simulation.machine import ask
from kernel.http import Answer
from kernel.mapping import load_set
from kernel.testing import FakeClock
from sandbox.bitrix24.sms import Sms as PortalSms
from sandbox.bitrix24.sms import Texting
from sandbox.common.clock import LedClock
from sandbox.sms_ru import Options, Still
from tests.harness.assembled import Assembled

SET, KEY, PUBLIC = "broker-bitrix24", "PLANTED-API-ID-5d1c8e", "https://annex.example.com"


class Broker(Assembled):
    def __init__(self, url: str, home: Path) -> None:
        clock = FakeClock()
        mapping = load_set(set_folder(SET))
        self.bitrix = Bitrix24CRM(0, random.Random(0), clock, mapping)
        self.provider = Still(Options(token=KEY), LedClock(clock.now))
        self.account = self.provider.account
        self.addresses: list[str] = []
        environment = {
            "ANNEX_SET": SET, "ANNEX_HOME": str(home), "ANNEX_SECRET": "a-secret-of-this-test", "ANNEX_PUBLIC_URL": PUBLIC,
            "ANNEX_DATABASE_URL": url, **self.bitrix.settings, "SMS_RU_SMS_API_ID": KEY, "SMS_RU_SMS_FROM": "BROKER",
            "SMS_RU_SMS_PER_SECOND": "100",
        }  # fmt: skip
        super().__init__(environment, url, transport=self.carry, crm=None, clock=clock)
        self.bitrix.deliver_to(self.door)
        self.provider.caller.post = lambda url, body, kind: self._told(url, body, kind)
        self.serve()
        self.bitrix.set_up(self.annex)
        self.applied: list[str] = []
        while makes := [one for one in setup_of(self.annex).plan() if one.make and one.kind in ("create", "change")]:
            for one in makes:
                assert one.make
                one.make()
                self.applied.append(one.what)
        self.portal.people()
        self.doubled = 0.0

    # --- the network ------------------------------------------------------------------------------------------------------

    def carry(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Answer:
        self.addresses.append(url)
        application = self.provider.serve if urlsplit(url).hostname == "sms.ru" else self.bitrix.application
        status, shown, content, cut = ask(application, method, url, headers, body or b"")
        if cut:
            raise requests.exceptions.ReadTimeout("the answer was lost")
        return Answer(status, shown, content)

    def door(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        answer = self.app.test_client().open(urlsplit(url).path, method=method, headers=dict(headers), data=body)
        return answer.status_code, answer.text

    def _told(self, url: str, body: bytes, kind: str) -> tuple[int, bytes]:
        answer = self.app.test_client().post(urlsplit(url).path, data=body, headers={"Content-Type": kind})
        return answer.status_code, answer.data

    # --- what happens -----------------------------------------------------------------------------------------------------

    def writes(self, to: str, text: str, **where: Any) -> str:
        """Somebody writes it in the portal's own form; the portal's id of it."""
        return str(self.bitrix._door("sms", {"to": to, "text": text, **where})["message_id"])

    def settles(self) -> None:
        """What the portal and the provider have to say is said, and all that follows from it is done."""
        while True:
            did = False
            while self.bitrix.step():
                did = True
            while self.provider.caller.step():
                did = True
            if not self.run() and not did:
                return

    def portal_sms(self) -> dict[str, PortalSms]:
        return self.bitrix._portal.area(Texting).sent

    def timeline(self, kind: str, record: str) -> list[str]:
        found = self.bitrix._as("1", "crm.timeline.comment.list", {"filter": {"ENTITY_ID": record, "ENTITY_TYPE": kind}})
        return [str(one["COMMENT"]) for one in found]


def form_of(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode()))
