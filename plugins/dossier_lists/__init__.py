"""Rows of the dossier in the CRM's own lists: element by element, only what changed (rows BR-06, BR-15)."""

from datetime import timedelta
from pathlib import Path

from kernel.extension import Plugin, RunsEvery
from plugins.dossier.api import ANSWER_KEPT, CLIENT_CHANGED, CLIENT_FORGOTTEN, LOGGED
from plugins.dossier_lists import request_log, writing
from plugins.dossier_lists.doctor import doctor
from plugins.dossier_lists.settings import NAME, DossierListsSettings

plugin = Plugin(
    name=NAME,
    title="Досье в списках",
    settings=DossierListsSettings,
    needs=("dossier",),
    connects={"source": "source"},  # while the back office is off, nothing is to be stored
    hooks=(
        ANSWER_KEPT.by(writing.answer_kept),
        CLIENT_CHANGED.by(writing.client_changed),
        CLIENT_FORGOTTEN.by(writing.client_forgotten),
        LOGGED.by(request_log.logged),
    ),
    on_timer=writing.timer_due,
    done={writing.WRITTEN: writing.written, writing.FOUND: writing.found},
    undone={writing.WRITTEN: writing.failed, writing.FOUND: writing.failed},
    every=(RunsEvery("dossier_lists.watch", timedelta(minutes=10), writing.watch, "rows that are to leave the lists"),),
    doctor=doctor,
    migrations=Path(__file__).parent / "migrations",
)
