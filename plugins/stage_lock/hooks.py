"""What the stage lock asks of other plugins."""

from __future__ import annotations

from kernel.crm import Record
from kernel.extension.hooks import Hook
from kernel.extension.portal import Portal, Unit
from plugins.stage_lock.model import Objection

#: Whether the person of that id may not move this record from that stage to that one now, and why. Asked when a stage has
#: changed, with no database open: it may ask the CRM.
OBJECTION: Hook[[Portal, str, Record, str, str], Objection | None] = Hook("stage_lock.objection")

#: Whether this record may not go from that stage (empty: it is made) to that one, whoever moves it, and why. Asked in the
#: unit of work that judges the move, so it asks no CRM: the record is as just read, with the values that we ourselves have
#: written and that are in flight, and what a plugin keeps is in `unit.tx`.
HOLD: Hook[[Unit, Record, str, str], Objection | None] = Hook("stage_lock.hold")
