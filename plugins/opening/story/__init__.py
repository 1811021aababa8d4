"""What people do in its field: played by `annex demo`. Nothing that serves a desk imports it."""

from plugins.opening.story.demo import OpeningDemo as demo

__all__ = ["demo"]
