"""Who has not started their working day moves nothing and gets nothing (row BR-02)."""

from datetime import timedelta
from pathlib import Path

from kernel.extension import Plugin, RunsEvery
from plugins.assignment.api import UNFIT
from plugins.stage_lock.api import OBJECTION
from plugins.workday.days import objection, poll, unfit
from plugins.workday.pages import pages
from plugins.workday.settings import WorkdaySettings

plugin = Plugin(
    name="workday",
    title="Рабочий день",
    settings=WorkdaySettings,
    needs=("stage_lock",),
    every=(RunsEvery("workday.poll", timedelta(minutes=1), poll, "reads whose working day is open"),),
    hooks=(OBJECTION.by(objection), UNFIT.by(unfit)),
    pages=pages,
    rights={"workday": "one's own working day", "workday.team": "how everybody's working day stands"},
    migrations=Path(__file__).parent / "migrations",
)
