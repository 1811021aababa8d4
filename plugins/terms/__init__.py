"""The terms of a contract are asked for, once, and hold the deal until all of them are answered (row BR-07)."""

from datetime import timedelta
from pathlib import Path

from kernel.extension import Plugin, RunsEvery, Watch
from plugins.stage_lock.api import HOLD
from plugins.terms.asking import STARTED, start_failed, started
from plugins.terms.handlers import deal_gone, deal_seen, hold, prepare
from plugins.terms.pages import pages
from plugins.terms.regular import look_around, timer_due
from plugins.terms.settings import TermsSettings

plugin = Plugin(
    name="terms",
    title="Условия договора",
    settings=TermsSettings,
    needs=("stage_lock",),
    connects={"connection": "source"},  # who hands contracts over to no other system needs no terms
    fields={"deal": ("name", "assigned")},
    # Who may put a deal back has judged its stage before.
    watches=(Watch("deal", deal_seen, prepare=prepare, gone=deal_gone),),
    hooks=(HOLD.by(hold),),
    done={STARTED: started},
    undone={STARTED: start_failed},
    on_timer=timer_due,
    every=(
        RunsEvery(
            "terms.tasks", timedelta(minutes=1), look_around, "looks at the open tasks of contract terms, and tells heads"
        ),
    ),
    pages=pages,
    rights={
        "terms": "the terms of one's own deals, and of those of one's department",
        "terms.all": "the terms of every deal",
    },
    migrations=Path(__file__).parent / "migrations",
)
