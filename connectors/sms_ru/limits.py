"""What SMS.RU allows, as named numbers with units.

API: the vendor's pages sms.ru/api/…, as contracts/channels.md 2 has them.
"""

from __future__ import annotations

# API «status»: ids in one request.
IDS_MAX = 100
# Ours.
PER_SECOND = 5.0
CALL_TIMEOUT_SECONDS = 20.0
CALLBACK_LINES_MAX = 1000  #: the vendor sends about a hundred at once
