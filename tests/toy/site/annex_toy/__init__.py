"""An outside package of the tests: a channel with all that makes channels hard, and a plugin that answers on it."""
