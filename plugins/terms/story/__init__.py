"""What people do in its field: played by `annex demo`. Nothing that serves a desk imports it."""

from plugins.terms.story.demo import TermsDemo as demo

__all__ = ["demo"]
