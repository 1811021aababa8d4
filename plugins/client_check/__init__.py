"""Every active client is in the back office, and nobody twice: differences, listed, explained, put right (row BR-18)."""

from datetime import timedelta
from functools import partial
from pathlib import Path

from kernel.extension import Keeps, Plugin, RunsEvery, Watch
from kernel.mapping import CLIENTS
from plugins.client_check import asking, filling, handlers, telling
from plugins.client_check.finding import lines
from plugins.client_check.pages import pages
from plugins.client_check.settings import EVERYTHING, NAME, ClientCheckSettings
from plugins.dossier.api import CLIENT_FORGOTTEN

plugin = Plugin(
    name=NAME,
    title="Сверка клиентов",
    settings=ClientCheckSettings,
    needs=("dossier", "opening", "stage_lock"),
    connects={"source": "source"},
    fields={"contact": ("assigned",)},
    watches=(
        *(Watch(entity, handlers.card_seen) for entity in CLIENTS),
        Watch("deal", handlers.deal_seen),
    ),
    keeps=tuple(
        Keeps(entity, partial(handlers.cards_after, entity), partial(handlers.card_gone, entity)) for entity in CLIENTS
    ),
    hooks=(CLIENT_FORGOTTEN.by(handlers.client_forgotten),),
    every=(
        RunsEvery("client_check.fill", timedelta(minutes=1), filling.fill, "takes over the clients that were there before"),
        RunsEvery("client_check.ask", timedelta(minutes=1), asking.ask, "asks the back office for ClientIDs, in turn"),
        RunsEvery("client_check.tell", timedelta(minutes=5), telling.tell, "tells heads once a working day"),
    ),
    pages=pages,
    rights={
        NAME: "differences between cards and back office, of one's own departments, and putting them right",
        EVERYTHING: "the same for every department",
    },
    differences=lines,
    migrations=Path(__file__).parent / "migrations",
)
