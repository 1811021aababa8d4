"""A client's status follows the contracts in the back office: told, or set in the card (row BR-21)."""

from datetime import timedelta
from pathlib import Path

from kernel.extension import Plugin, RunsEvery
from plugins.client_status import handlers
from plugins.client_status.settings import NAME, ClientStatusSettings
from plugins.dossier.api import ANSWER_KEPT, CLIENT_CHANGED, CLIENT_FORGOTTEN

plugin = Plugin(
    name=NAME,
    title="Статус клиента",
    settings=ClientStatusSettings,
    needs=("dossier",),
    connects={"source": "source"},
    fields={"contact": ("client_status", "assigned")},
    hooks=(
        ANSWER_KEPT.by(handlers.answer_kept),
        CLIENT_CHANGED.by(handlers.client_changed),
        CLIENT_FORGOTTEN.by(handlers.client_forgotten),
    ),
    every=(RunsEvery("client_status.compare", timedelta(seconds=30), handlers.compare, "closed contracts, with the cards"),),
    migrations=Path(__file__).parent / "migrations",
)
