"""The ways a client comes in: a site's form and the state portal make one lead each, with its source, once (row BR-17)."""

from datetime import timedelta
from pathlib import Path

from kernel.extension import Plugin, RunsEvery, Watch
from plugins.ways_in.check import doctor, verify
from plugins.ways_in.finding import find_client
from plugins.ways_in.handlers import LEAD_MADE, came, lead_made
from plugins.ways_in.linking import lead_gone, lead_seen, tidy
from plugins.ways_in.settings import NAME, WaysInSettings

plugin = Plugin(
    name=NAME,
    title="Входящие обращения",
    settings=WaysInSettings,
    fields={"lead": ("name", "source", "assigned"), "deal": ("assigned",)},
    connects={"connections": "receive"},
    before_message=find_client,
    on_message=came,
    done={LEAD_MADE: lead_made},
    watches=(Watch("lead", lead_seen, gone=lead_gone),),
    every=(RunsEvery("ways_in.tidy", timedelta(days=1), tidy, "forgets who came when"),),
    verify=verify,
    doctor=doctor,
    migrations=Path(__file__).parent / "migrations",
)
