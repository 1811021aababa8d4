"""The switch `webhook_steal`: somebody else who has the token sets the webhook, or takes it away."""

from __future__ import annotations

from sandbox.telegram.model import Webhook
from sandbox.telegram.state import World

STOLEN = "https://somebody-else.example.org/hook"


def steal(world: World) -> None:
    """Done before anybody looks at a webhook, so that it has happened by then."""
    mode = world.faults.word("webhook_steal")
    if mode == "off":
        return
    for bot in world.bots.values():
        if bot.webhook.url and bot.webhook.url != STOLEN:
            world.counters["stolen"] += 1
            bot.webhook = Webhook("" if mode == "gone" else STOLEN)
            if mode != "always":
                world.faults.set("webhook_steal", "off")
