"""`python -m app` is `annex`."""

import gc
import sys

gc.disable()  # what is imported stays: looking for garbage among it takes a tenth of the time until a command begins

from app.cli import main  # noqa: E402

gc.freeze()
gc.enable()
sys.exit(main())
