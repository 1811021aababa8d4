"""What other plugins may use: answers as they are kept, whose cards have a dossier, and a question asked beside it."""

from __future__ import annotations

from plugins.dossier.asking import probe
from plugins.dossier.cards import clients
from plugins.dossier.hooks import ANSWER_KEPT, CLIENT_CHANGED, CLIENT_FORGOTTEN, REGISTRATION
from plugins.dossier.settings import DossierSettings, settings_of
from plugins.dossier.store import KeptAnswer, kept

__all__ = [
    "ANSWER_KEPT", "CLIENT_CHANGED", "CLIENT_FORGOTTEN", "REGISTRATION", "DossierSettings", "KeptAnswer",
    "clients", "kept", "probe", "settings_of",
]  # fmt: skip
