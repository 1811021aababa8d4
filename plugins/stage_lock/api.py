"""What other plugins may use of the stage lock.

Another plugin objects to a move by answering the hook `OBJECTION`: a function of the portal and the mover's id that gives an
`Objection` or None. It is asked when a stage has changed, with no database open.
"""

from __future__ import annotations

from plugins.stage_lock.cases import grant, open_cases, stands
from plugins.stage_lock.hooks import OBJECTION
from plugins.stage_lock.model import Case, Objection
from plugins.stage_lock.people import may_override
from plugins.stage_lock.sight import Sight, sight_of

__all__ = ["OBJECTION", "Case", "Objection", "Sight", "grant", "may_override", "open_cases", "sight_of", "stands"]
