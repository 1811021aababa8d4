"""What people are told, in their language."""

from __future__ import annotations

from kernel.mapping import EntityMap
from kernel.texts import translate
from plugins.stage_lock.model import Objection


def stage_words(plan: EntityMap, stage: str, label: str = "") -> str:
    """What staff call a stage."""
    return plan.stage[stage].label if stage in plan.stage else label or stage


def open_stages(plan: EntityMap, stage: str, language: str) -> str:
    """Where a record may go from there."""
    names = [f"«{plan.stage[name].label}»" for name in plan.stage[stage].next] if stage in plan.stage else []
    return ", ".join(names) or translate(language, "stage_lock_nowhere")


def reason(plan: EntityMap, why: Objection, start: str, to: str, language: str) -> str:
    """Why the move is not allowed."""
    return translate(language, why.code, **{"start": stage_words(plan, start), "to": to, **why.values})


def put_back_text(plan: EntityMap, why: Objection, start: str, to: str, back_to: str, language: str) -> str:
    """For the one who moved it. Where nobody may override, no head is named as the way out."""
    code = "stage_lock_back" if start else "stage_lock_made_back"
    lines = [translate(language, code, stage=stage_words(plan, back_to)), reason(plan, why, start, to, language)]
    if not why.no_override:
        lines.append(translate(language, "stage_lock_open", stages=open_stages(plan, back_to, language)))
    return "\n".join(lines)


def gave_up_text(plan: EntityMap, start: str, to: str, times: int, language: str) -> str:
    """For the heads."""
    return translate(language, "stage_lock_gave_up", start=stage_words(plan, start), to=to, times=times)
