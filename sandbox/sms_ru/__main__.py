"""`python -m sandbox.sms_ru --port 8094`."""

import sys

from sandbox.sms_ru.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
