"""An emulated SMS.RU: sending, statuses, money and callbacks, for demonstration, training and tests. Start it with
`main(argv)`, or inside a program with `Sandbox(Options(…))`."""

from sandbox.sms_ru.cli import main
from sandbox.sms_ru.server import Options, Sandbox, Still

__all__ = ["Options", "Sandbox", "Still", "main"]
