"""An emulated Telegram: the Bot API, and people who write, tap and press, for demonstration, training and tests. Start it
with `main(argv)`, or inside a program with `Sandbox(Options(…))`."""

from sandbox.telegram.cli import main
from sandbox.telegram.server import Options, Sandbox

__all__ = ["Options", "Sandbox", "main"]
