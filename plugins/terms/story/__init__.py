"""What people do in its field: played by `annex simulate`. Nothing that serves a desk imports it."""

from plugins.terms.story.simulation import TermsSimulation as simulation

__all__ = ["simulation"]
