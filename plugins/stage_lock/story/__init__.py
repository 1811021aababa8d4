"""What people do in its field: played by `annex demo`. Nothing that serves a desk imports it."""

from plugins.stage_lock.story.demo import StageLockDemo as demo

__all__ = ["demo"]
