"""XML feeds that another system fetches: clients, deals, terms, status changes, without gaps (row BR-12)."""

from datetime import timedelta
from functools import partial
from pathlib import Path

from kernel.extension import Command, Keeps, Plugin, RunsEvery, Watch
from kernel.mapping.feeds import FEED_ENTITIES
from plugins.feeds import commands
from plugins.feeds.filling import fill, tidy, verify
from plugins.feeds.handlers import prepare, record_gone, record_seen, records_after, stands_elsewhere
from plugins.feeds.pages import pages
from plugins.feeds.settings import FeedsSettings

plugin = Plugin(
    name="feeds",
    title="Выгрузки для учётной системы",
    settings=FeedsSettings,
    watches=tuple(
        Watch(entity, record_seen, prepare=prepare, gone=partial(stands_elsewhere, entity)) for entity in FEED_ENTITIES
    ),
    keeps=tuple(Keeps(entity, partial(records_after, entity), partial(record_gone, entity)) for entity in FEED_ENTITIES),
    every=(
        RunsEvery("feeds.fill", timedelta(minutes=1), fill, "fills a feed that is new or declared otherwise"),
        RunsEvery("feeds.tidy", timedelta(days=1), tidy, "lets old deletions go"),
    ),
    pages=pages,
    commands=(Command("feeds", "keys of those who fetch feeds, and schemas", commands.arguments, commands.run),),
    restored=commands.begin_anew,
    verify=verify,
    migrations=Path(__file__).parent / "migrations",
)
