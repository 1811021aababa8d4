"""Pages: shell, identity, sessions, languages, live updates, health."""

from kernel.web.app import create_app
from kernel.web.identity import current_user
from kernel.web.links import Links, User, idle_seconds, secret_of
from kernel.web.live import Live
from kernel.web.pages import Nav, Pages
from kernel.web.pressing import answer_press
from kernel.web.rights import BY_KEY, needs
from kernel.web.sessions import end_departed_sessions
from kernel.web.site import WEB_SETTINGS, Frame, Site

__all__ = [
    "BY_KEY", "WEB_SETTINGS", "Frame", "Links", "Live", "Nav", "Pages", "Site", "User", "answer_press",
    "create_app", "current_user", "end_departed_sessions", "idle_seconds", "needs", "secret_of",
]  # fmt: skip
