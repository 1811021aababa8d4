"""How an area hands a request to the portal's one sender."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.bitrix24.delivery import Delivery, Post
from sandbox.bitrix24.state import Portal

if TYPE_CHECKING:
    from sandbox.bitrix24.server import Sandbox


def attach(sandbox: Sandbox) -> None:
    sandbox.portal.store[Delivery] = sandbox.delivery


def send(portal: Portal, post: Post, seconds: float = 0.0) -> None:
    """Queue a request to a handler. A portal that is not served sends nothing."""
    delivery = portal.store.get(Delivery)
    if isinstance(delivery, Delivery):
        delivery.send(post, seconds)
