"""`python -m sandbox.telegram --port 8092`."""

import sys

from sandbox.telegram.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
