"""Where tests keep their files: in memory, where the machine has enough of it. The disk took most of the time before."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM_BYTES_MIN = 3 * 2**30  #: a container often gives 64 MB, which the first database would fill


@cache
def quick_folder() -> Path:
    """A folder in memory if there is one with room, else the machine's for temporary files."""
    try:
        if shutil.disk_usage(MEMORY).free >= ROOM_BYTES_MIN:
            return MEMORY
    except OSError:
        pass
    return Path(tempfile.gettempdir())
