"""An emulated Bitrix24 portal for demonstration, training and tests. Start it with `main(argv)`, or inside a program
with `Sandbox(Options(…))`."""

from sandbox.bitrix24.cli import main
from sandbox.bitrix24.server import Options, Sandbox

__all__ = ["Options", "Sandbox", "main"]
