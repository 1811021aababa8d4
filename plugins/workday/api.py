"""What other plugins may use: how people's working days stand.

Who wants to know at once of somebody who has begun or ended his day offers `workday.changed`: a function of the portal and
the ids of those people.
"""

from __future__ import annotations

from plugins.workday.days import CHANGED, members_of, standing_of, status, statuses
from plugins.workday.rules import Standing
from plugins.workday.store import Status, all_of

__all__ = ["CHANGED", "Standing", "Status", "all_of", "members_of", "standing_of", "status", "statuses"]
