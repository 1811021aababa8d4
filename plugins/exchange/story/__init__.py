"""What happens on an exchange desk: played by `annex simulate`. Nothing that serves a desk imports it."""

from plugins.exchange.story.simulation import ExchangeSimulation as simulation

__all__ = ["simulation"]
