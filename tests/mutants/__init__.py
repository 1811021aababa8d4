"""Faults on purpose: each is planted in a copy of the checkout, and the tests have to notice. `python -m tests.mutants`."""
