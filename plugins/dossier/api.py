"""What other plugins may use: answers as they are kept, and when one was."""

from __future__ import annotations

from plugins.dossier.hooks import ANSWER_KEPT, CLIENT_CHANGED, CLIENT_FORGOTTEN, REGISTRATION
from plugins.dossier.settings import DossierSettings, settings_of
from plugins.dossier.store import KeptAnswer, kept

__all__ = [
    "ANSWER_KEPT", "CLIENT_CHANGED", "CLIENT_FORGOTTEN", "REGISTRATION", "DossierSettings", "KeptAnswer", "kept",
    "settings_of",
]  # fmt: skip
