"""What other plugins may use: how people's working days stand."""

from __future__ import annotations

from plugins.workday.days import members_of, standing_of, status, statuses
from plugins.workday.rules import Standing
from plugins.workday.store import Status, all_of

__all__ = ["Standing", "Status", "all_of", "members_of", "standing_of", "status", "statuses"]
