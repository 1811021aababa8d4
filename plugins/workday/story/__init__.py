"""What people do in its field: played by `annex simulate` and `annex demo`. Nothing that serves a desk imports it."""

from plugins.workday.story.demo import WorkdayDemo as demo
from plugins.workday.story.simulation import WorkdaySimulation as simulation

__all__ = ["demo", "simulation"]
