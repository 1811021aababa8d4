"""`python -m sandbox.backoffice --port 8093`."""

import sys

from sandbox.backoffice.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
