"""The vendor's own Python library understands what the portal posts for widgets and robots."""

from __future__ import annotations

from typing import Any

import pytest

credentials = pytest.importorskip("b24pysdk.credentials")


def test_an_opened_widget(desk: Any, taker: Any) -> None:
    desk.app.call("placement.bind", PLACEMENT="LEFT_MENU", HANDLER=f"{taker.address}/page")
    made = desk.door("/open", {"placement": "LEFT_MENU", "user": "11"})
    parsed = credentials.OAuthPlacementData.from_dict({**made["query"], **made["fields"]})
    assert parsed.oauth_token.access_token == made["fields"]["AUTH_ID"]
    assert parsed.member_id == desk.portal.member_id


def test_a_robots_request(desk: Any, taker: Any) -> None:
    robot = {"CODE": "push", "NAME": "Push", "HANDLER": f"{taker.address}/robot", "AUTH_USER_ID": 1}
    desk.app.call("bizproc.robot.add", **robot)
    desk.door("/robot/run", {"code": "push", "deal": desk.record("DEAL")})
    desk.settle()
    form = taker.at("/robot")[0]["form"]
    parsed = credentials.OAuthWorkflowData.from_dict(form)
    assert parsed.auth.oauth_token.access_token == form["auth"]["access_token"]
