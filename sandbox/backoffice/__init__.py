"""An emulated back office of a broker: SOAP and plain XML over one book of clients, for demonstration, training and tests.
Start it with `main(argv)`, or inside a program with `Sandbox(Options(…))`."""

from sandbox.backoffice.cli import main
from sandbox.backoffice.server import Options, Sandbox

__all__ = ["Options", "Sandbox", "main"]
