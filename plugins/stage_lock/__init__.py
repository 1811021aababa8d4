"""A deal goes only where its stage's pool allows; what went elsewhere is put back, told and kept (row BR-03)."""

from datetime import timedelta
from functools import partial
from pathlib import Path

from kernel.extension import Command, Plugin, RunsEvery, Watch
from plugins.stage_lock.cases import watch_over
from plugins.stage_lock.commands import print_rules, rules_arguments
from plugins.stage_lock.handlers import record_gone, record_seen
from plugins.stage_lock.hooks import HOLD, OBJECTION
from plugins.stage_lock.pages import pages
from plugins.stage_lock.reading import prepare
from plugins.stage_lock.settings import StageLockSettings

plugin = Plugin(
    name="stage_lock",
    title="Замок стадий",
    settings=StageLockSettings,
    # Others may ask its api whether the stage they see stands.
    watches=tuple(
        Watch(entity, record_seen, phase="guard", prepare=prepare, gone=partial(record_gone, entity), elsewhere=True)
        for entity in ("deal", "lead")
    ),
    every=(RunsEvery("stage_lock.settle", timedelta(minutes=1), watch_over, "looks again at what was put back"),),
    asks=(OBJECTION, HOLD),
    pages=pages,
    rights={
        "stage_lock": "the cases of their own departments, and permissions for one move",
        "stage_lock.all": "the same for every department",
    },
    commands=(
        Command("stage-lock-rules", "stage pools and rights as JSON, for the box module", rules_arguments, print_rules),
    ),
    migrations=Path(__file__).parent / "migrations",
)
