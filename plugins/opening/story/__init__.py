"""What people do in its field: played by `annex simulate`. Nothing that serves a desk imports it."""

from plugins.opening.story.simulation import OpeningSimulation as simulation

__all__ = ["simulation"]
