"""What happens in partners' chats: played by `annex simulate` and `annex demo`. Nothing that serves a desk imports it."""

from plugins.partners.story.demo import PartnersDemo as demo
from plugins.partners.story.simulation import PartnersSimulation as simulation

__all__ = ["demo", "simulation"]
