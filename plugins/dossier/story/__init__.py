"""What people do in its field: played by `annex demo`. Nothing that serves a desk imports it."""

from plugins.dossier.story.demo import DossierDemo as demo

__all__ = ["demo"]
