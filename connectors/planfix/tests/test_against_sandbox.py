"""The connector against the emulated Planfix, which shares no code with it, over real HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from connectors.planfix import connector
from kernel.clock import SystemClock
from kernel.crm import Ref
from kernel.errors import Fault, Misconfigured, NotFound, Throttled, Unreachable
from kernel.extension import Connection
from kernel.http import HttpClient
from kernel.mapping import load_set

ROOT = Path(__file__).parents[3]


class QuickClock(SystemClock):
    def sleep(self, seconds):
        super().sleep(seconds / 100)


@contextmanager
def sandbox(*faults, speedup=100):
    command = [sys.executable, "-m", "sandbox.planfix", "--port", "0", "--speedup", str(speedup)]
    for fault in faults:
        command += ["--fault", fault]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def connection(about):
    clock = QuickClock()

    def http(base_url, *, rate_limit, headers):
        return HttpClient("planfix", base_url, clock=clock, headers=headers)

    settings = {"PLANFIX_URL": about["base"], "PLANFIX_TOKEN": about["token"], "PLANFIX_HOOK_SECRET": "s" * 30}
    return Connection(settings, load_set(ROOT / "mappings" / "exchange-desk-planfix"), http, clock, None)


def the_whole_path(crm):
    client = crm.create("contact", {"name": "Іван Франко", "phone": "+380509998877", "telegram": "@Ivan_F"}, key="c-1")
    for where in ({"phone": "380509998877"}, {"telegram": "ivan_f"}, {"name": "Іван Франко"}, {"annex_key": "c-1"}):
        assert [record.id for record in crm.find("contact", where=where)] == [client]
    deal = crm.create("deal", {"client": Ref(client), "manager": Ref("user:3")}, key="d-1")
    assert crm.create("deal", {"client": Ref(client)}, key="d-1", maybe_done=True) == deal
    text = '10000 USD → 9214,55 EUR «так» & "ні"'
    crm.update("deal", deal, {"analytics": text, "custody_until": date(2026, 12, 24)}, stage="client_paid")
    row = crm.add_row("deal", deal, "operation", {"gives": "10000 USD"}, key="r-1")
    assert crm.add_row("deal", deal, "operation", {"gives": "10000 USD"}, key="r-1", maybe_done=True) == row
    crm.update_row("deal", deal, "operation", row, {"profit": "215.40"})
    held = {"currency": "USD", "amount": Decimal("2500.25"), "until": date(2026, 12, 24), "deal": Ref(deal)}
    crm.add_row("contact", client, "custody", held, key="r-2")
    comment = crm.comment("deal", deal, "Привіт\n<b>&</b>", to=("user:5",), key="m-1")
    assert crm.comment("deal", deal, "Привіт\n<b>&</b>", to=("user:5",), key="m-1", maybe_done=True) == comment
    seen = crm.get("deal", deal, tables=("operation",))
    assert (seen.stage, seen.values["analytics"], seen.values["custody_until"]) == ("client_paid", text, date(2026, 12, 24))
    assert seen.values["client"] == Ref(client, "Іван Франко") and seen.values["manager"] == Ref("user:3", "Ігор Бондар")
    assert [(r.key, r.values["profit"]) for r in seen.rows["operation"]] == [(row, "215.40")]
    [kept] = crm.get("contact", client, tables=("custody",)).rows["custody"]
    assert kept.values["amount"] == Decimal("2500.25") and kept.values["deal"].id == deal
    assert abs(seen.created_at - datetime.now(UTC)) < timedelta(days=1)
    with pytest.raises(NotFound):
        crm.get("deal", "777777")
    return deal


def control(about, path, body):
    with urlopen(
        Request(f"{about['address']}/sandbox/{path}", json.dumps(body).encode(), method="POST"), timeout=30
    ) as answer:
        assert answer.status == 200


def test_a_portal_without_fields_is_set_up():
    """Fields come by REST, and are added to their object by a person."""
    with sandbox("rate_per_second=0") as about:
        for number in (11041, 11046, 10011):
            control(about, "portal/remove", {"field": number})
        setup = connector.setup(connection(about))
        names = [change.what for change in setup.plan() if change.kind == "create"]
        assert len(names) == 3 and any("«Прибуток»" in name for name in names)
        for change in setup.plan():
            if change.make:
                change.make()
        left = [change for change in setup.plan() if change.kind == "manual"]
        assert {"не додане" in change.detail for change in left} == {True}
        crm = connector.crm(connection(about))
        assert {item.name for item in crm.missing()} == {change.what.rpartition("«")[2].rstrip("»") for change in left}


def test_the_usual_portal():
    with sandbox("rate_per_second=0") as about:
        assert list(connector.doctor(connection(about))) == []
        crm = connector.crm(connection(about))
        assert crm.missing() == []
        deal = the_whole_path(crm)
        assert {person.role for person in crm.people.all()} == {"owner", "staff", "robot"}
        journal = crm.create("journal", {"name": "Книги 2026-11-21"}, key="j")
        assert crm.create("journal", {"name": "Книги 2026-11-21"}, key="j", maybe_done=True) == journal
        others = [crm.create("deal", {}, key=f"many-{n}") for n in range(5)]
        for n, other in enumerate(others):
            crm.add_row("deal", other, "operation", {"gives": str(n)}, key=f"row-{n}")
        found = crm.find("deal", changed_since=datetime.now(UTC) - timedelta(hours=1), tables=("operation",))
        assert [record.id for record in found] == [deal, *others]
        assert [len(record.rows["operation"]) for record in found] == [1] * 6
        assert crm.find("deal", changed_since=datetime.now(UTC) + timedelta(days=9)) == []
        assert [record.id for record in crm.find("deal", ids=others[1:3])] == others[1:3]


def test_the_portal_at_its_most_peculiar():
    """Everything the contract calls unconfirmed, the other way; updates are queued."""
    faults = (
        "rate_per_second=0", "update_answer=object", "entry_wrapper=off", "row_write_body=empty", "datetime_key=local",
        "totals_shape=wrapped", "answer_200_fail=on", "page_over_100=refuse", "busy_rate=1", "busy_ms=1500",
    )  # fmt: skip
    with sandbox(*faults) as about:
        the_whole_path(connector.crm(connection(about)))


def test_answers_lost_after_the_work_was_done():
    with sandbox("rate_per_second=0", "cut_after_commit_rate=1") as about:
        crm = connector.crm(connection(about))

        def until_done(call, *args, **more):
            with pytest.raises(Unreachable) as caught:
                call(*args, **more)
            assert caught.value.maybe_done
            return call(*args, **more, maybe_done=True)

        deal = until_done(crm.create, "deal", {"client_name": "Олена"}, key="d-1")
        until_done(crm.add_row, "deal", deal, "operation", {"gives": "1"}, key="r-1")
        until_done(crm.comment, "deal", deal, "раз", key="m-1")
        assert [len(record.rows["operation"]) for record in crm.find("deal", tables=("operation",))] == [1]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("own_domain=on", Misconfigured),
        ("down=on", Unreachable),
        ("down=closed", Unreachable),
        ("html_error_next=9", Unreachable),
        ("per_day=1", Throttled),
        ("scopes=contact_readonly", Fault),
    ],
)
def test_trouble(fault, error):
    with sandbox("rate_per_second=0", "limit_answer=429", fault) as about:
        crm = connector.crm(connection(about))
        with pytest.raises(error):
            crm.find("deal")
        assert len(list(connector.doctor(connection(about)))) == 1
