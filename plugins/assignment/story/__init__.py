"""What people do in its field: played by `annex simulate` and `annex demo`. Nothing that serves a desk imports it."""

from plugins.assignment.story.demo import AssignmentDemo as demo
from plugins.assignment.story.simulation import AssignmentSimulation as simulation

__all__ = ["demo", "simulation"]
