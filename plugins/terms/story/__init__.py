"""What people do in its field: played by `annex simulate` and `annex demo`. Nothing that serves a desk imports it."""

from plugins.terms.story.demo import TermsDemo as demo
from plugins.terms.story.simulation import TermsSimulation as simulation

__all__ = ["demo", "simulation"]
