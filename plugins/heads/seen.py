"""What a head may see: their own groups; with the right to it, all."""

from __future__ import annotations

from collections.abc import Sequence

from plugins.assignment import api as assignment
from plugins.stage_lock import api as stage_lock
from plugins.stage_lock.api import Sight

ALL_GROUPS = "heads.all"


def decisions_of(found: Sequence[assignment.Decision], sight: Sight) -> list[assignment.Decision]:
    return [one for one in found if not one.person or sight.person(one.person)]


def cases_of(found: Sequence[stage_lock.Case], sight: Sight) -> list[stage_lock.Case]:
    return [one for one in found if sight.person(one.person)]
