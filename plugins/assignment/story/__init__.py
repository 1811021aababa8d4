"""What people do in its field: played by `annex demo`. Nothing that serves a desk imports it."""

from plugins.assignment.story.demo import AssignmentDemo as demo

__all__ = ["demo"]
