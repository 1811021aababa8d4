"""An emulated Planfix portal for demonstration, training and tests. Start it with `main(argv)`."""

from sandbox.planfix.cli import main

__all__ = ["main"]
