"""What the owner of the desk does in the end: decides about all that waits for a person."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from app.bootstrap import Annex
from app.cli.jobs import act, failed
from app.simulation.channel import SimulatedChannel
from kernel.jobs import outgoing


def retry_what_failed(
    annex: Annex, channels: Iterable[SimulatedChannel], note: Callable[[str], None], offices: Iterable[str] = ()
) -> None:
    """They go through the list of what failed for good while the portal was ill. Where a message may have arrived they do
    as they are asked, and look into the chat. What was meant for one of these connections is decided on the page of the
    plugin that meant it."""
    elsewhere = {annex.runtime.portal.connection(name).full_name for name in offices}
    shown = [one for channel in channels for one in channel.messages]
    with annex.database.read() as tx:
        rows = [(row, outgoing.load(tx, row["id"])) for row in failed(tx) if row["connection"] not in elsewhere]
    for row, call in rows:
        doubtful = call is not None and call.state == "uncertain"
        there = " ".join(one.vendor_id for one in shown if doubtful and call is not None and one.key == call.key)
        decision = "arrived" if there else "retry"
        note(f"{decision} {there} {row['what']}: {row['reason']}")
        act(annex, row["id"], decision, who="the owner", result=there)
