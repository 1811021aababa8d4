"""What a person sees in a card."""

from __future__ import annotations

from typing import Any


def test_a_card_shows_comments_activities_and_moves(desk: Any) -> None:
    deal = desk.record("DEAL", TITLE="x")
    desk.move(deal, "EXECUTING")
    desk.admin.call("crm.timeline.comment.add", fields={"ENTITY_ID": deal, "ENTITY_TYPE": "deal", "COMMENT": "refused"})
    desk.admin.call("crm.activity.todo.add", ownerTypeId=2, ownerId=deal, deadline="2026-12-01T10:00:00+03:00", title="call")
    rows = desk.door(f"/timeline?deal={deal}")["timeline"]
    assert [(row["kind"], row["text"]) for row in rows if row["kind"] != "activity"] == [
        ("comment", "refused"), ("stage", "EXECUTING"), ("stage", "NEW"),
    ]  # fmt: skip
    assert sum(row["kind"] == "activity" for row in rows) == 1
    assert next(row for row in rows if row["kind"] == "comment")["author"] == "1"
    desk.door("/timeline?deal=999999", status=400)
    desk.door("/timeline", status=400)
