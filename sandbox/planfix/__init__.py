"""An emulated Planfix portal for demonstration, training and tests. Start it with `main(argv)`, or inside a program
with `Sandbox(Options(…))`."""

from sandbox.planfix.cli import main
from sandbox.planfix.server import Options, Sandbox

__all__ = ["Options", "Sandbox", "main"]
