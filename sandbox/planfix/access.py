"""Before a request is served: address, token, quota, scope, and what may break (contract 2.1, 2.2)."""

from __future__ import annotations

import threading
from collections import deque

from flask import Response, g, request

from sandbox.common.http import CUT
from sandbox.planfix import errors
from sandbox.planfix.errors import Refusal
from sandbox.planfix.model import User
from sandbox.planfix.state import Portal

DAY_SECONDS = 86_400.0
REMAINING_STALE_SECONDS = 600.0  # X-RateLimit-Remaining is refreshed about every 10 minutes
FAMILIES = {
    "task": "task", "contact": "contact", "comment": "comment", "datatag": "datatag", "file": "file", "user": "user",
    "report": "report", "project": "project", "object": "object", "process": "common", "customfield": "common",
    "directory": "directory", "integration": "system_settings", "workspace": "common",
}  # fmt: skip


class Limits:
    """1 request a second and so many a day for each token; only the robot's is counted unless told otherwise."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._lock = threading.Lock()
        self._accepted: dict[str, deque[float]] = {}
        self._received: deque[float] = deque()
        self._day: dict[str, tuple[int, int]] = {}
        self._shown: dict[str, tuple[float, int]] = {}

    def check(self, user: User) -> None:
        """Count the request, or refuse it with code 22 (checklist 19)."""
        faults, counters = self._portal.faults, self._portal.counters
        now = self._portal.clock.ticks()
        if not user.is_robot and not faults.on("limit_staff"):
            return
        with self._lock:
            counters.requests += 1
            self._received.append(now)
            while self._received and self._received[0] <= now - 1.0:
                self._received.popleft()
            counters.in_second_max = max(counters.in_second_max, len(self._received))
            day, used = self._day.get(user.id, (int(now // DAY_SECONDS), 0))
            if day != int(now // DAY_SECONDS):
                day, used = int(now // DAY_SECONDS), 0
            per_day, rate = int(faults.number("per_day")), faults.number("rate_per_second")
            reset = DAY_SECONDS - now % DAY_SECONDS
            accepted = self._accepted.setdefault(user.id, deque())
            # A rate of 5 means 5 in a second; of 0.5, one in two seconds.
            window, allowed = (1.0, int(rate)) if rate >= 1 else (1.0 / rate if rate else 0.0, 1)
            slack = faults.number("rate_slack")
            while accepted and accepted[0] <= now - window + slack:
                accepted.popleft()
            if per_day and used >= per_day:
                self._refuse(reset, "day_answer")
            if rate and len(accepted) >= allowed:
                self._refuse(max(1.0, round(window)), "limit_answer")
            accepted.append(now)
            self._day[user.id] = (day, used + 1)
            shown = self._shown.get(user.id)
            if shown is None or now - shown[0] >= REMAINING_STALE_SECONDS:
                shown = self._shown[user.id] = (now, max(per_day - used - 1, 0))
            g.limit_headers = {"X-RateLimit-Remaining": str(shown[1]), "X-RateLimit-Reset": str(int(reset))}

    def _refuse(self, reset_s: float, switch: str) -> None:
        self._portal.counters.refused += 1
        number = int(reset_s * 1000) if self._portal.faults.word("reset_unit") == "ms" else max(int(reset_s), 1)
        g.limit_headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(max(int(reset_s), 1))}
        status = int(self._portal.faults.word(switch))
        raise Refusal(status, 22, "Rate limit exceeded", timeToReset=number)


def authenticate(portal: Portal) -> User:
    """`Authorization: Bearer`, on GET also `?access_token=` (contract 2.1)."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        token = request.args.get("access_token", "") if request.method == "GET" else ""
    user = portal.user_by_token(token.strip()) if token else None
    if user is None:
        raise errors.unknown_token()
    return user


def needed_scope(method: str, path: str) -> str:
    """The scope a call needs, `family_right`; empty for ping. Rows and comments of a card have their own family."""
    parts = [part for part in path.split("/") if part][1:]
    if not parts or parts[0] not in FAMILIES:
        return ""
    family = FAMILIES[parts[0]]
    if "comments" in parts:
        family = "comment"
    if "datatags" in parts:
        family = "datatag"
    if family == "common":
        return "common_metadata"
    if family == "system_settings":
        return family
    last = parts[-1]
    if method == "GET" or last in ("list", "filters", "data", "generate"):
        right = "readonly"
    elif method == "DELETE":
        right = "delete"
    elif last.rpartition(":")[2].isdigit() and not (family == "datatag" and parts[-2] == "datatags"):
        right = "update"
    else:
        right = "add"
    return f"{family}_{right}"


def check_scope(portal: Portal, user: User) -> None:
    """405/5 unless granted. Staff tokens have every scope, the switch speaks of the robot's."""
    granted = portal.faults.word("scopes")
    scope = needed_scope(request.method, request.path)
    if granted == "all" or not scope or not user.is_robot:
        return
    if scope not in {word.strip() for word in granted.split(",")}:
        raise errors.scope_denied()


def moved(portal: Portal) -> Response | None:
    """With a domain of its own every API, webhook and chat address redirects to it (contract 2.1, checklist 31)."""
    if not portal.faults.on("own_domain"):
        return None
    target = portal.faults.word("own_domain_address") or "https://crm.example.com"
    return Response(b"", 301, {"Location": target.rstrip("/") + request.full_path.rstrip("?")})


def enter(portal: Portal, limits: Limits) -> Response | None:
    """Everything that happens before a REST call is served. A Response here is the answer."""
    faults = portal.faults
    if faults.word("down") == "closed":
        request.environ[CUT] = True
        return Response(b"", 503)
    if faults.on("down"):
        return Response("<html><body>503 Service Unavailable</body></html>", 503, content_type="text/html")
    g.user = authenticate(portal)
    limits.check(g.user)
    is_list = request.path.endswith("/list")
    portal.clock.sleep(faults.number("latency") + (faults.number("list_latency") if is_list else 0.0))
    with portal.lock:
        if is_list and faults.take("list_504"):
            return Response("<html><body>504 Gateway Time-out</body></html>", 504, content_type="text/html")
        if faults.take("html_error_next"):
            return Response("<html><body>502 Bad Gateway</body></html>", 502, content_type="text/html")
        faults.fail_if_asked()
        check_scope(portal, g.user)
    return None


def leave(portal: Portal, response: Response) -> Response:
    """After the call: limit headers, fail bodies under 200, and connections cut after the commit."""
    for name, value in getattr(g, "limit_headers", {}).items():
        response.headers[name] = value
    writes = request.method in ("POST", "DELETE") and not request.path.endswith(("/list", "/filters", "/data"))
    if writes and response.status_code < 300:
        with portal.lock:
            if portal.faults.take("cut_after_commit_next") or portal.faults.chance("cut_after_commit_rate"):
                request.environ[CUT] = True
                g.cut = True
    return response
