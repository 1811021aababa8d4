"""What people do in its field: played by `annex simulate` and `annex demo`. Nothing that serves a desk imports it."""

from plugins.stage_lock.story.demo import StageLockDemo as demo
from plugins.stage_lock.story.simulation import StageLockSimulation as simulation

__all__ = ["demo", "simulation"]
