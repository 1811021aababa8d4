"""The simulation of partners' chats sees what it is for: with one fault planted in the product, one of a few seeds fails."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from typing import Any

from app.simulation import channel
from app.simulation.run import Failed
from connectors.bitrix24.talk import BitrixComments
from kernel.extension import calls, comments
from kernel.extension.channel_verbs import SEND
from kernel.jobs import outgoing
from plugins.partners import announcing
from tests.simulation.stories import story

STEPS = 300


def first_failure(folder: Any, *seeds: int, crm: str = "planfix") -> str:
    for seed in seeds:
        try:
            story(seed, f"exchange-desk-{crm}", folder, steps=STEPS)
        except Failed as exc:
            return str(exc)
    return ""


def test_a_message_that_is_never_looked_for(monkeypatch, tmp_path):
    real = channel.sends

    def blind(repeat: Any) -> Any:
        verb = real(repeat)[SEND]
        return {SEND: replace(verb, run=lambda connection, call, _maybe_done: verb.run(connection, call, False))}

    turn = channel.SimulatedChannel.turn

    def lossy(self: Any, chance: random.Random, rough: bool) -> None:
        turn(self, chance, rough)
        self.lost = 0.5 if rough else 0.0  # so that hardly a story loses no answer

    monkeypatch.setattr(channel.SimulatedChannel, "turn", lossy)
    monkeypatch.setattr(channel, "sends", blind)
    assert "one too many" in first_failure(tmp_path, *range(4, 21))


def test_messages_that_do_not_wait_for_each_other(monkeypatch, tmp_path):
    monkeypatch.setattr(outgoing, "first_open", lambda tx, call: call.id)
    found = first_failure(tmp_path, *range(1, 17))
    assert re.search("stands before one that was meant earlier|calls that never came through", found)


def test_a_message_that_nobody_wakes(monkeypatch, tmp_path):
    monkeypatch.setattr(calls, "_wake_next", lambda portal, call_id: None)
    assert re.search("calls that never came through|stands in chats", first_failure(tmp_path, *range(1, 17)))


def test_a_client_s_name_in_the_deal_s_message(monkeypatch, tmp_path):
    real = announcing.message_text
    monkeypatch.setattr(announcing, "message_text", lambda *given: real(*given) + "\nклієнт: Таємниченко")
    assert "says Таємниченко" in first_failure(tmp_path, *range(1, 17))


def test_a_comment_of_a_timeline_that_no_event_reports(monkeypatch, tmp_path):
    monkeypatch.setattr(BitrixComments, "since", lambda self, moment, entities: [])
    assert "stands in chats {} times" in first_failure(tmp_path, *range(1, 9), crm="bitrix24")


def test_comments_of_a_timeline_that_are_handed_over_as_their_events_come(monkeypatch, tmp_path):
    monkeypatch.setattr(comments, "_with_earlier_ones", lambda portal, crm, comment_id, *_more: [crm.get(comment_id)])
    assert "which was written there earlier" in first_failure(tmp_path, *range(2, 18), crm="bitrix24")
