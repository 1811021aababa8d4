"""What is Planfix's own about a desk: the proofs of its scripts, its doctor, its log."""

from __future__ import annotations

import hashlib
import hmac

import pytest
import requests

from tests.e2e.conftest import SECRET, TOKEN, Desk, in_planfix
from tests.e2e.test_desk import PAID, example_one

pytestmark = in_planfix


@pytest.mark.row("PL-01", "PL-10", "PL-12")
def test_the_door_believes_nobody_without_proof(desk: Desk, session: requests.Session) -> None:
    url = f"{desk.address}/hooks/planfix/main/deal.changed"
    rows = desk.count("SELECT COUNT(*) FROM inbox")
    assert session.post(url, data={"task": "15001", "event": "deal.changed"}).status_code == 401
    assert session.post(url, data={"task": "15001", "event": "deal.changed", "sig": "00" * 32}).status_code == 403
    assert session.post(url, data=b"x" * 300_000).status_code == 413
    assert session.post(f"{desk.address}/hooks/planfix/other", data={"task": "1"}).status_code == 404
    bad = session.post(url, data={"task": "15 OR 1=1", "event": "deal.changed", "key": SECRET})
    assert bad.status_code == 400
    assert bad.json()["field"] == "task"
    assert desk.count("SELECT COUNT(*) FROM inbox") == rows, "no trace"
    metrics = session.get(f"{desk.address}/metrics").text
    assert 'annex_deliveries_total{connection="planfix/main",outcome="not_proven"}' in metrics
    assert session.get(f"{desk.address}/healthz").status_code == 200
    assert session.get(f"{desk.address}/readyz").status_code == 200


@pytest.mark.row("PL-02")
def test_a_delivery_repeated_has_the_effect_of_one(desk: Desk, session: requests.Session) -> None:
    task, _ = example_one(desk)
    desk.quiet()
    text = f"{task}|deal.changed|guid-1"
    sig = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    body = {"task": str(task), "event": "deal.changed", "delivery": "guid-1", "sig": sig}
    for _ in range(3):
        answer = session.post(f"{desk.address}/hooks/planfix/main/deal.changed", data=body)
        assert answer.status_code == 200
    assert desk.count("SELECT COUNT(*) FROM inbox WHERE delivery = 'guid-1'") == 1
    desk.quiet()


@pytest.mark.row("PL-12", "PL-10")
def test_one_id_leads_from_the_webhook_to_the_last_effect_and_no_secret_is_in_a_log(desk: Desk) -> None:
    task, _ = example_one(desk)
    desk.office.move("user:3", task, PAID)
    desk.quiet()
    lines = desk.logs()
    trace = next(line["trace"] for line in lines if line["event"] == "delivery" and "deal.stage" in str(line["events"]))
    events = {line["event"] for line in lines if line.get("trace") == trace}
    assert {"delivery"} <= events
    done = {line["trace"] for line in lines if line["event"] == "call.done"}
    synced = {line["trace"] for line in lines if line["event"] == "sync.done"}
    came = {line["trace"] for line in lines if line["event"] == "delivery"}
    assert done & synced & came, "a call at the end carries the id of the delivery that caused it"
    text = "".join(file.read_text(encoding="utf-8") for file in desk.home.glob("*.log"))
    assert SECRET not in text
    assert TOKEN not in text


@pytest.mark.row("PL-13")
def test_doctor_names_what_the_portal_lacks_and_where_to_click(desk: Desk) -> None:
    code, report = desk.annex("doctor")
    assert code == 1
    assert [line for line in report["wrong"] if "ANNEX_OPEN_PAGES" not in line] == []
    assert SECRET not in str(report)
    desk.office.control("portal/detach", {"field": 11041, "object": 4703})
    code, report = desk.annex("doctor")
    desk.office.control("portal/attach", {"field": 11041, "object": 4703})
    assert code == 1
    assert any("Прибуток" in line for line in report["wrong"])
