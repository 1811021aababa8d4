"""What people do in its field: played by `annex demo`. Nothing that serves a desk imports it."""

from plugins.feeds.story.demo import FeedsDemo as demo

__all__ = ["demo"]
