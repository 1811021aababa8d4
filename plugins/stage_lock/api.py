"""What other plugins may use of the stage lock.

Another plugin objects to a move by answering a hook with an `Objection` or None. `OBJECTION` is about who moves: it is asked
when a stage has changed, with no database open. `HOLD` is about the record: it is asked in the unit of work that judges the
move. The reason's text stands in the catalogs of the plugin that objects.
"""

from __future__ import annotations

from plugins.stage_lock.cases import grant, open_cases, stands
from plugins.stage_lock.hooks import HOLD, OBJECTION
from plugins.stage_lock.model import Case, Objection
from plugins.stage_lock.people import may_override
from plugins.stage_lock.sight import Sight, sight_of

__all__ = [
    "HOLD", "OBJECTION", "Case", "Objection", "Sight", "grant", "may_override", "open_cases", "sight_of", "stands",
]  # fmt: skip
