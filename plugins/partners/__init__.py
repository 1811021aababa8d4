"""Telegram chats with the desk's partners: deals announced there, every word in its deal, nothing they must not see."""

from datetime import timedelta
from pathlib import Path

from kernel.extension import CommentWatch, Keeps, Plugin, RunsEvery, Watch
from plugins.partners import announcing, binding, cards, commenting, creating, hearing, keeping, speaking, timing
from plugins.partners.doctor import doctor
from plugins.partners.pages import pages
from plugins.partners.settings import PartnersSettings

_here = Path(__file__).parent

plugin = Plugin(
    name="partners",
    title="Партнери",
    settings=PartnersSettings,
    needs=("exchange",),
    fields={"partner": ("name", "annex_key"), "deal": ("manager", "operation.partner_comment")},
    connects={"chat": "channel"},
    watches=(
        Watch("deal", announcing.deal_seen, tables=("operation",), gone=announcing.deal_gone, prepare=announcing.cards_left),
        Watch("partner", cards.partner_seen, prepare=cards.asked_of_telegram),
    ),
    keeps=(Keeps("partner", keeping.partner_ids, cards.card_gone, cards.card_back),),
    comments=(
        CommentWatch("deal", speaking.comment_heard, prepare=speaking.fetch_files),
        CommentWatch("partner", speaking.comment_heard, prepare=speaking.fetch_files),
    ),
    on_message=hearing.message_came,
    fetches=hearing.fetches,
    on_timer=timing.timer_due,
    on_closed=binding.closed,
    done={
        commenting.COMMENT_MADE: commenting.comment_made,
        commenting.JOINED: commenting.joined,
        announcing.SENT: speaking.sent,
        creating.CREATED: creating.created,
    },
    undone={
        announcing.SENT: speaking.not_sent,
        commenting.COMMENT_MADE: commenting.comment_failed,
        commenting.JOINED: commenting.not_joined,
    },
    every=(
        RunsEvery("partners.rooms", timedelta(hours=1), timing.look_at_rooms, "what the bot may do in each chat"),
        RunsEvery("partners.waiting", timedelta(minutes=1), timing.watch_waiting, "says in the card what has not left yet"),
        RunsEvery("partners.tidy", timedelta(hours=6), timing.tidy, "empties messages older than the set keeps"),
    ),
    pages=pages,
    rights={
        "partners": "the partners' pages: whom they lead, and talk of deals of their own",
        "partners.settlements": "what lies with every partner and what is earned with them, without the talk",
    },
    doctor=doctor,
    migrations=_here / "migrations",
)
