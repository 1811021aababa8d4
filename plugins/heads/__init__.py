"""The heads' page: who is on the line, load, the queue, decisions with their reasons, stage-lock cases (row BR-13)."""

from kernel.extension import Plugin
from plugins.heads.pages import pages

plugin = Plugin(
    name="heads",
    title="Страница руководителя",
    needs=("assignment", "stage_lock", "workday"),
    pages=pages,
    rights={"heads": "the heads' page, for their own departments", "heads.all": "the same for every department"},
)
