"""The numbers stand in our own file, so that a desk without a bot loads no library of Telegram's."""

from __future__ import annotations

import subprocess
import sys

from telegram.constants import FileSizeLimit, MediaGroupLimit, MessageLimit

from connectors.telegram import limits


def test_they_are_those_of_the_library() -> None:
    assert limits.TEXT_UNITS_MAX == MessageLimit.MAX_TEXT_LENGTH
    assert limits.CAPTION_UNITS_MAX == MessageLimit.CAPTION_LENGTH
    assert limits.ALBUM_FILES_MAX == MediaGroupLimit.MAX_MEDIA_LENGTH
    assert limits.UPLOAD_BYTES_MAX == FileSizeLimit.FILESIZE_UPLOAD
    assert limits.PHOTO_BYTES_MAX == FileSizeLimit.PHOTOSIZE_UPLOAD


def test_who_finds_the_connectors_loads_no_library_of_telegram() -> None:
    found = "import sys; from app.discovery import find_connectors; find_connectors(); sys.exit('telegram' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", found], check=False).returncode == 0
