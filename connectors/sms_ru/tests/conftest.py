"""A connection to SMS.RU whose answers a test writes, or that of the emulated one in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests

from app.connections import client_of
from app.simulation.machine import ask
from connectors.sms_ru import connector
from kernel.extension import Connection
from kernel.http import Answer, Vault
from kernel.mapping import load_set
from kernel.storage import Database
from kernel.testing import FakeClock
from sandbox.common.clock import LedClock
from sandbox.sms_ru import Options, Still

FIXTURES = Path(__file__).parent / "fixtures"
SET = load_set(Path(__file__).parents[3] / "mappings" / "broker-bitrix24")
KEY = "TEST-API-ID"


def fixture(name: str) -> Any:
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


@dataclass
class Line:
    """The way to SMS.RU: what a test puts into `answers`, else the emulated one."""

    still: Still
    answers: list[Any] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def carry(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Answer:
        self.asked.append((url, dict(parse_qsl((body or b"").decode()))))
        if self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            status, content = answer if isinstance(answer, tuple) else (200, answer)
            return Answer(status, {}, content if isinstance(content, bytes) else json.dumps(content).encode())
        status, shown, content, cut = ask(self.still.serve, method, url, headers, body or b"")
        if cut:
            raise requests.exceptions.ReadTimeout("the answer was lost")
        return Answer(status, shown, content)


@pytest.fixture
def line() -> Line:
    return Line(Still(Options(token=KEY), LedClock(FakeClock().now)))


@pytest.fixture
def connect(line: Line, fresh_sqlite: Callable[[], str]) -> Any:
    databases = []

    def made(public_url: str = "https://annex.example.com", **settings: str) -> Connection:
        clock, database = FakeClock(), Database(fresh_sqlite())
        databases.append(database)
        given = {"SMS_RU_API_ID": KEY, "SMS_RU_URL": "https://sms.ru", "SMS_RU_FROM": "BROKER", **settings}
        return Connection(
            given, SET, partial(client_of, "sms_ru", "sms_ru/sms", database, clock, line.carry), clock,
            Vault("sms_ru/sms", database, clock, b"secret" * 8), public_url=public_url, name="sms", connector=connector,
        )  # fmt: skip

    yield made
    for one in databases:
        one.close()


@pytest.fixture
def connection(connect: Any) -> Connection:
    made: Connection = connect()
    return made
