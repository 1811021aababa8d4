"""What people do in its field: played by `annex simulate` and `annex demo`. Nothing that serves a desk imports it."""

from plugins.opening.story.demo import OpeningDemo as demo
from plugins.opening.story.simulation import OpeningSimulation as simulation

__all__ = ["demo", "simulation"]
