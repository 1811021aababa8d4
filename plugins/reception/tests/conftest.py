"""A desk with both plugins on: the fixtures of the exchange's tests."""

from plugins.exchange.tests.conftest import both, desk, desk_of

__all__ = ["both", "desk", "desk_of"]
