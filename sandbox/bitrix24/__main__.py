"""`python -m sandbox.bitrix24 --port 8091`."""

import sys

from sandbox.bitrix24.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
