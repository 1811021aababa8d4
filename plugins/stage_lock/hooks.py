"""What the stage lock asks of other plugins."""

from __future__ import annotations

from kernel.extension.hooks import Hook
from kernel.extension.portal import Portal
from plugins.stage_lock.model import Objection

#: Whether the person of that id may not move a record now, and why. Asked when a stage has changed, with no database open.
OBJECTION: Hook[[Portal, str], Objection | None] = Hook("stage_lock.objection")
