"""`python -m app` is `annex`."""

import sys

from app.cli import main

sys.exit(main())
