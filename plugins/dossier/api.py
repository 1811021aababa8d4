"""What other plugins may use: answers as they are kept, whose cards have a dossier, a question beside it; its log."""

from __future__ import annotations

from plugins.dossier.asking import probe
from plugins.dossier.cards import clients
from plugins.dossier.hooks import ANSWER_KEPT, CLIENT_CHANGED, CLIENT_FORGOTTEN, LOGGED, REGISTRATION
from plugins.dossier.logbook import log_asked
from plugins.dossier.settings import DossierSettings, settings_of
from plugins.dossier.store import KeptAnswer, kept
from plugins.dossier.store_log import Line as LogLine
from plugins.dossier.store_log import oldest as log_lines
from plugins.dossier.words import outcome_of as outcome_text
from plugins.dossier.words import title_of as question_title

__all__ = [
    "ANSWER_KEPT", "CLIENT_CHANGED", "CLIENT_FORGOTTEN", "LOGGED", "REGISTRATION", "DossierSettings", "KeptAnswer",
    "LogLine", "clients", "kept", "log_asked", "log_lines", "outcome_text", "probe", "question_title", "settings_of",
]  # fmt: skip
