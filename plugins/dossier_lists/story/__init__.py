"""What people do in its field: played by `annex demo`. Nothing that serves a desk imports it."""

from plugins.dossier_lists.story.demo import DossierListsDemo as demo

__all__ = ["demo"]
