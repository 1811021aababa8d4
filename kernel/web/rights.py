"""How a view says which right it needs. What the rights are: kernel.extension.roles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

V = TypeVar("V", bound=Callable[..., Any])
ANY_ROLE = "any role"  #: whoever has a role at all
SIGNED_IN = "signed in"  #: whoever has a session, even without a role
BY_KEY = "by key"
"""No person and no session: another system reads, and the view itself asks for its key. It answers GET alone."""
MARK = "_annex_needs"


def needs(right: str) -> Callable[[V], V]:
    """The right without which this view answers 403. Without it a plugin's view needs the right of the plugin's name."""

    def mark(view: V) -> V:
        setattr(view, MARK, right)
        return view

    return mark
