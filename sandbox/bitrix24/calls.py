"""One call of one method: does it exist, may this client, does it have time left; then the envelope."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.bitrix24.limits import Operating
from sandbox.bitrix24.registry import METHODS, Call, Client, Listed, Method, RestError
from sandbox.bitrix24.state import Portal


@dataclass
class Done:
    """A finished call: the envelope's parts."""

    result: Any
    time: dict[str, Any]
    total: int | None = None
    next: int | None = None

    def envelope(self) -> dict[str, Any]:
        body: dict[str, Any] = {"result": self.result}
        if self.next is not None:
            body["next"] = self.next
        if self.total is not None:
            body["total"] = self.total
        return body | {"time": self.time}


def find(name: str) -> Method:
    found = METHODS.get(name)
    if found is None:
        raise RestError(404, "ERROR_METHOD_NOT_FOUND", "Method not found!")
    return found


def permit(method: Method, client: Client) -> None:
    """Application context, administrator, scopes, in the words of each family."""
    if method.app and client.kind != "app":
        if method.app == "wrong_auth_type":
            text = "Current authorization type is denied for this method Application context required"
            raise RestError(403, "WRONG_AUTH_TYPE", text)
        raise RestError(403, "ACCESS_DENIED", "Access denied! Application context required")
    if method.scope and not all(has_scope(client, word) for word in method.scope.replace(",", " ").split()):
        whose = "webhook" if client.kind == "webhook" else "access"
        text = f"The request requires higher privileges than provided by the {whose} token"
        raise RestError(403, "insufficient_scope", text)
    if method.admin and not client.admin:
        raise RestError(403, "ACCESS_DENIED", "Access denied!")


def has_scope(client: Client, word: str) -> bool:
    """`user|user_basic` asks for one of them."""
    return any(scope in client.scopes for scope in word.split("|"))


def perform(
    portal: Portal,
    operating: Operating | None,
    client: Client,
    name: str,
    params: Mapping[str, Any],
    *,
    source_ip: str = "",
    batch: bool = False,
) -> Done:
    """Run a method with the lock held. Without `operating` no limits apply: a person in the portal's own pages."""
    began, wall = time.perf_counter(), portal.clock.now()
    name = name.lower()
    portal.counters.calls[name] += 1
    method = find(name)
    if batch and not method.batch:
        raise RestError(405, "ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage")
    permit(method, client)
    if operating:
        operating.check(client, name)
    answer = method.run(Call(portal, client, params, name, source_ip))
    spent = time.perf_counter() - began
    listed = answer if isinstance(answer, Listed) else Listed(answer)
    shown = timing(portal, wall.timestamp(), spent)
    if operating and name != "batch":
        used, reset = operating.spend(client, name, spent)
        shown |= {"operating_reset_at": reset, "operating": round(used, 6)}
    return Done(listed.result, shown, listed.total, listed.next)


def timing(portal: Portal, start: float, spent: float) -> dict[str, Any]:
    """`time` of an envelope, without the operating keys."""
    stamp = portal.now().isoformat()
    return {
        "start": round(start, 6), "finish": round(start + spent, 6), "duration": round(spent, 6),
        "processing": round(spent * 0.7, 6), "date_start": stamp, "date_finish": stamp,
    }  # fmt: skip


def error_body(error: RestError) -> dict[str, Any]:
    return {"error": error.code, "error_description": error.description, **error.extra}
