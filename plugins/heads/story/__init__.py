"""What people do in its field: played by `annex demo`. Nothing that serves a desk imports it."""

from plugins.heads.story.demo import HeadsDemo as demo

__all__ = ["demo"]
