"""Leads and deals that the CRM made by itself go to managers who can take them, fairly and one by one (row BR-04)."""

from datetime import timedelta
from pathlib import Path

from kernel.extension import Plugin, RunsEvery, Watch
from plugins.assignment.check import faults
from plugins.assignment.departed import EVERY_SECONDS as DEPARTED_SECONDS
from plugins.assignment.departed import departed
from plugins.assignment.handlers import EVERY_SECONDS, eligibility_changed, give_out_all, gone, prepare, record_seen
from plugins.assignment.hooks import ELIGIBILITY_CHANGED, UNFIT
from plugins.assignment.settings import AssignmentSettings

plugin = Plugin(
    name="assignment",
    title="Распределение лидов и сделок",
    settings=AssignmentSettings,
    fields={"deal": ("assigned", "source")},
    watches=tuple(
        # Who is responsible is what other plugins go by.
        Watch(entity, record_seen, phase="fill", prepare=prepare, gone=gone(entity))
        for entity in ("lead", "deal")
    ),
    every=(
        RunsEvery(
            "assignment.give_out", timedelta(seconds=EVERY_SECONDS), give_out_all, "gives out what waits once somebody fits"
        ),
        RunsEvery(
            "assignment.departed", timedelta(seconds=DEPARTED_SECONDS), departed, "hands on what somebody held who has left"
        ),
    ),
    asks=(UNFIT, ELIGIBILITY_CHANGED),
    hooks=(ELIGIBILITY_CHANGED.by(eligibility_changed),),
    verify=faults,
    migrations=Path(__file__).parent / "migrations",
)
