"""The REST doors: addresses, who calls, what may break, envelope (contract, sections 1 to 3)."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from sandbox.bitrix24 import batch, calls, rest3
from sandbox.bitrix24.limits import Bucket, Operating
from sandbox.bitrix24.registry import METHODS, Client, RestError
from sandbox.bitrix24.request import Answer, Request, as_html, as_json, as_xml, error
from sandbox.bitrix24.state import Portal
from sandbox.bitrix24.tokens import Tokens

#: The last part of names that only read; everything else writes, as far as cutting after a write goes.
READS = re.compile(
    r"(^|\.)(get|list|fields|current|search|status|settings|types|profile|methods|scope|time|info|events|enum\.\w+"
    r"|findbycomm|getbyentitytypeid|entity\.items|checkfields|searchcrmentities|show|hide)$"
)
WEBHOOK = re.compile(r"^/rest/(?:api/)?(\d+)/([^/]+)/(.+)$")
APP = re.compile(r"^/rest/(?:api/)?([^/]+)$")
ALL_SCOPES = frozenset({
    "basic", "bizproc", "calendar", "call", "catalog", "crm", "department", "disk", "entity", "im", "imbot",
    "imopenlines", "lists", "log", "mailservice", "messageservice", "placement", "task", "tasks", "telephony",
    "timeman", "user", "user_basic", "user_brief", "userfieldconfig", "humanresources", "userconsent", "sonet_group",
    "rating", "landing", "documentgenerator",
})  # fmt: skip


class Rest:
    """Serves everything under /rest/."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._cuts_due = 0
        self._count_lock = threading.Lock()
        self.bucket = Bucket(portal)
        self.operating = Operating(portal)

    def serve(self, request: Request) -> Answer:
        portal, version3 = self._portal, request.path.startswith("/rest/api/")
        with self._count_lock:
            portal.counters.requests += 1
        broken = self._broken(request)
        if broken:
            return self._noted(request, broken, "", "")
        path, xml = _suffix(request.path)
        who, name = "", ""
        try:
            self._refusals(request)
            tree = rest3.body_of(request) if version3 else {**request.query, **request.body()}
            client, name = self._client(path, tree if isinstance(tree, dict) else {}, request)
            who = client.user_id
            portal.clock.sleep(portal.faults.number("latency"))
            if version3 and rest3.serves(portal, name):
                answer = self._call3(client, name, tree, request)
            else:
                answer = self._call(client, name, rest3.tree_of(tree), request.source, xml)
        except rest3.Problem as problem:
            answer = as_json(problem.body(), problem.status)
        except RestError as failed:
            answer = as_json(_third(failed), failed.status) if version3 else error(failed, xml)
        return self._noted(request, answer, name, who)

    def _call(self, client: Client, name: str, tree: Mapping[str, Any], source: str, xml: bool) -> Answer:
        portal = self._portal
        began, wall = time.perf_counter(), portal.clock.now().timestamp()
        with portal.lock:
            portal.counters.requests_by_method[name] += 1
            if name == "batch":
                inner = batch.run(portal, self.operating, client, tree, source)
                shown = calls.timing(portal, wall, time.perf_counter() - began)
                shown |= {"operating_reset_at": int(wall) + 600, "operating": 0}
                body: dict[str, Any] = {"result": inner, "time": shown}
                names = _batched(tree)
            else:
                done = calls.perform(portal, self.operating, client, name, tree, source_ip=source)
                body, names = done.envelope(), [name]
            cut = self._cut(names)
        answer = as_xml(body) if xml else as_json(body)
        answer.cut = cut
        return answer

    def _call3(self, client: Client, name: str, tree: Any, request: Request) -> Answer:
        portal = self._portal
        with portal.lock:
            portal.counters.requests_by_method[name] += 1
            answer, names = rest3.answer(portal, self.operating, client, name, tree, request.environ)
            answer.cut = bool(names) and self._cut(names)
        return answer

    # -- who calls

    def _client(self, path: str, tree: dict[str, Any], request: Request) -> tuple[Client, str]:
        webhook = WEBHOOK.match(path)
        if webhook:
            user, code, name = webhook.groups()
            return self._webhook(user, code), name.lower()
        found = APP.match(path)
        if not found:
            raise RestError(404, "ERROR_METHOD_NOT_FOUND", "Method not found!")
        secret = tree.pop("auth", None) or tree.pop("access_token", None)
        if not secret:
            scheme, _, word = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
            secret = word if scheme.lower() == "bearer" else ""
        return self._application(str(secret or "")), found.group(1).lower()

    def _webhook(self, user_id: str, code: str) -> Client:
        portal = self._portal
        user = portal.people.get(user_id)
        if user is None or not user.active or code != user.webhook:
            status = int(portal.faults.word("bad_webhook_status"))
            raise RestError(status, "INVALID_CREDENTIALS", "Invalid request credentials")
        return Client("webhook", code, user_id, portal.faults.granted(ALL_SCOPES), portal.member_id, user.admin)

    def _application(self, access: str) -> Client:
        portal = self._portal
        if not access:
            raise RestError(401, "NO_AUTH_FOUND", "Wrong authorization data")
        with portal.lock:
            token = portal.area(Tokens).by_access.get(access)
            app = portal.apps.get(token.client_id) if token else None
        if token is None:
            raise RestError(401, "invalid_token", "Unable to get application by token")
        if app is None or not app.present:
            raise RestError(401, "APPLICATION_NOT_FOUND", "Application not found")
        if portal.clock.ticks() >= token.expires:
            raise RestError(401, "expired_token", "The access token provided has expired.")
        user = portal.people.get(token.user_id)
        if user is None or not user.active:
            raise RestError(403, "user_access_error", "The user does not have access to the application")
        scopes = portal.faults.granted(app.scopes)
        return Client("app", app.client_id, token.user_id, scopes, portal.member_id, user.admin)

    # -- what may break

    def _broken(self, request: Request) -> Answer | None:
        """Answers of no REST at all: nothing is done."""
        faults = self._portal.faults
        if faults.word("down") == "closed":
            return Answer(503, cut=True)
        if faults.on("down"):
            return as_html("<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>", 503)
        moved = self._portal.config.get("moved_to")
        if moved and request.environ.get("HTTP_HOST") != urlsplit(moved).netloc:  # under its new name it answers
            query = request.environ["QUERY_STRING"]
            where = f"{moved}{request.path}{'?' + query if query else ''}"
            return Answer(302, b"<html><body>Moved</body></html>", "text/html", {"Location": where})
        with self._count_lock:
            if faults.take("cut_next"):
                return Answer(503, cut=True)
            if faults.take("html_error_next"):
                return as_html("<html><body><h1>Error</h1></body></html>", int(faults.word("html_error_status")))
        return None

    def _refusals(self, request: Request) -> None:
        faults = self._portal.faults
        if faults.on("https_required") and not request.secure:
            raise RestError(400, "INVALID_REQUEST", "Https required")
        if faults.word("deleted") != "off":
            raise RestError(int(faults.word("deleted")), "PORTAL_DELETED", "Portal was deleted")
        if faults.on("overload"):
            raise RestError(503, "OVERLOAD_LIMIT", "REST API is blocked due to overload")
        with self._count_lock:
            if faults.take("error_500_next"):
                raise RestError(500, "INTERNAL_SERVER_ERROR", "Internal server error")
        self.bucket.pour(request.source)

    def _cut(self, names: list[str]) -> bool:
        """Is the connection cut now that the call is done?"""
        faults = self._portal.faults
        wanted = faults.words("cut_methods")
        if not any(name in wanted if wanted else not READS.search(name) for name in names):
            return False
        self._cuts_due += 1
        every = int(faults.number("cut_every"))
        by_count = bool(every) and self._cuts_due % every == 0
        return faults.take("cut_after_commit_next") or faults.chance("cut_after_commit_rate") or by_count

    def _noted(self, request: Request, answer: Answer, name: str, who: str) -> Answer:
        self._portal.counters.cut += answer.cut
        self._portal.note(
            direction="in", verb=request.verb, path=request.path, method=name, who=who, status=answer.status, cut=answer.cut
        )
        return answer


def _suffix(path: str) -> tuple[str, bool]:
    """Without `.json` or `.xml`; is XML wanted?"""
    path = path.rstrip("/")
    if path.lower().endswith(".xml"):
        return path[:-4], True
    return (path[:-5], False) if path.lower().endswith(".json") else (path, False)


def _batched(tree: Mapping[str, Any]) -> list[str]:
    cmd = next((value for key, value in tree.items() if key.lower() == "cmd"), None)
    commands = cmd.values() if isinstance(cmd, Mapping) else cmd if isinstance(cmd, list) else []
    return [str(text).partition("?")[0].lower() for text in commands]


def _third(failed: RestError) -> dict[str, Any]:
    """An error as REST 3.0 writes it."""
    validation = failed.extra.get("validation", [])
    code = failed.code or "BITRIX_REST_V3_EXCEPTION_INTERNAL"
    return {"error": {"code": code, "message": failed.description, **({"validation": validation} if validation else {})}}


def known_methods() -> list[str]:
    return sorted([*METHODS, "batch"])
