"""A new client is handed over to the back office, once, and the deal goes on in the next department (rows BR-08, BR-09)."""

from datetime import timedelta
from pathlib import Path

from kernel.extension import Plugin, RunsEvery, Watch
from kernel.mapping import CLIENTS
from plugins.opening.check import verify
from plugins.opening.handlers import client_seen, deal_gone, deal_seen, hold, prepare
from plugins.opening.handover import (
    ACTIVITIES_MOVED,
    NEXT_MADE,
    activities_moved,
    activities_not_moved,
    look_on,
    next_made,
    next_not_made,
)
from plugins.opening.pages import DECIDE, pages
from plugins.opening.registering import DONE, answered, came_to_nothing, timer_due
from plugins.opening.restoring import ASKED, asked, not_asked, restored
from plugins.opening.settings import NAME, OpeningSettings
from plugins.stage_lock.api import HOLD

plugin = Plugin(
    name=NAME,
    title="Передача клиента",
    settings=OpeningSettings,
    needs=("assignment", "stage_lock"),
    connects={"source": "source"},
    fields={"contact": ("client_id",), "deal": ("client", "assigned")},
    watches=(
        Watch("deal", deal_seen, prepare=prepare, gone=deal_gone),
        *(Watch(kind, client_seen) for kind in CLIENTS),
    ),
    every=(RunsEvery("opening.look_on", timedelta(minutes=1), look_on, "goes on with hand-overs that are not over"),),
    done={DONE: answered, ASKED: asked, NEXT_MADE: next_made, ACTIVITIES_MOVED: activities_moved},
    undone={DONE: came_to_nothing, ASKED: not_asked, NEXT_MADE: next_not_made, ACTIVITIES_MOVED: activities_not_moved},
    on_timer=timer_due,
    hooks=(HOLD.by(hold),),
    pages=pages,
    rights={
        NAME: "the registration of clients of one's own deals",
        DECIDE: "the registrations of one's own departments, and what became of a request that nobody answered",
        f"{NAME}.all": "the same for every department",
    },
    restored=restored,
    verify=verify,
    migrations=Path(__file__).parent / "migrations",
)
