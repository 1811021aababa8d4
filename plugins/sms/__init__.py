"""Texts that people and robots write in the CRM go out by a provider, once each; what became of them comes back (BR-10)."""

from datetime import timedelta
from functools import partial
from pathlib import Path

from kernel.extension import Plugin, RunsEvery, Watch
from kernel.mapping import CLIENTS
from plugins.sms.account import look_at_funds, look_at_stoplist
from plugins.sms.check import restored, verify
from plugins.sms.handlers import card_does_not_come, client_seen, judge_gone, requested
from plugins.sms.pages import ALL, MANAGE, pages
from plugins.sms.sending import DONE, came_to_nothing, sent, timer_due
from plugins.sms.settings import NAME, SmsSettings
from plugins.sms.statuses import catch_up, heard

plugin = Plugin(
    name=NAME,
    title="SMS",
    settings=SmsSettings,
    connects={"provider": "texting"},
    watches=tuple(Watch(kind, client_seen, gone=partial(judge_gone, kind)) for kind in CLIENTS),
    on_request=requested,
    on_message=heard,
    on_timer=timer_due,
    done={DONE: sent},
    undone={DONE: came_to_nothing},
    every=(
        RunsEvery("sms.catch_up", timedelta(minutes=1), catch_up, "asks how texts stand that nobody has told of"),
        RunsEvery("sms.cards", timedelta(minutes=1), card_does_not_come, "texts whose client's card was not shown for long"),
        RunsEvery("sms.funds", timedelta(minutes=1), look_at_funds, "money and the day's limit, every ten minutes"),
        RunsEvery("sms.stoplist", timedelta(days=1), look_at_stoplist, "the provider's list of numbers that want none"),
    ),
    pages=pages,
    rights={
        NAME: "one's own texts, and writing one",
        ALL: "everybody's texts, money and the account",
        MANAGE: "who wants no texts, and letting the account go on",
    },
    restored=restored,
    verify=verify,
    migrations=Path(__file__).parent / "migrations",
)
