"""A desk with both plugins on: the fixtures of the exchange's tests."""

from plugins.exchange.tests.conftest import both, both_of, desk, desk_of

__all__ = ["both", "both_of", "desk", "desk_of"]
