"""What people do in its field: played by `annex demo`. Nothing that serves a desk imports it."""

from plugins.workday.story.demo import WorkdayDemo as demo

__all__ = ["demo"]
