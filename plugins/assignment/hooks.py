"""What the assignment asks of other plugins, and what it wants to hear from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from kernel.extension.hooks import Hook
from kernel.extension.portal import Portal
from plugins.assignment.rules import Objection

#: Who of these people may not be given anything now, and why. Asked with no database open.
UNFIT: Hook[[Portal, Collection[str]], Mapping[str, Objection]] = Hook("assignment.unfit")

#: Answered by the assignment itself: tell it at once whose answer to `UNFIT` has changed, and what waits is given out.
ELIGIBILITY_CHANGED: Hook[[Portal, Collection[str]], None] = Hook("assignment.eligibility_changed")
