"""`python -m sandbox.planfix --port 8090`."""

import sys

from sandbox.planfix.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
