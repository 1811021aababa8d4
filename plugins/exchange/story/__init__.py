"""What happens on an exchange desk: played by `annex simulate` and `annex demo`. Nothing that serves a desk imports it."""

from plugins.exchange.story.demo import ExchangeDemo as demo
from plugins.exchange.story.simulation import ExchangeSimulation as simulation

__all__ = ["demo", "simulation"]
