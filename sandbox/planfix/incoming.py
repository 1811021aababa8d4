"""Incoming webhooks (contract 6) and the Telegram bot's webhook setting (contract 8.1)."""

from __future__ import annotations

import json
import re
from typing import Any

from flask import Blueprint, Response, request

from sandbox.planfix import changes, errors, files, web
from sandbox.planfix.changes import Hand
from sandbox.planfix.state import Portal

SECRET = re.compile(r"[A-Za-z0-9_-]{32,256}")
KINDS = ("get", "POST", "json", "file")


def fill(text: str, given: dict[str, str]) -> str:
    """`{{name}}` from what came in."""
    return re.sub(r"\{\{(.+?)\}\}", lambda found: given.get(found.group(1).strip(), ""), text)


def routes(public: Blueprint, portal: Portal) -> None:
    """Register /webhook/{get|POST|json|file}/{code}; the code in the address is the only protection."""

    @public.route("/webhook/<kind>/<code>", methods=["GET", "POST"])
    def incoming(kind: str, code: str) -> Response:
        rule = portal.incoming.get(code)
        if rule is None or kind not in KINDS or (kind == "get") != (request.method == "GET"):
            return web.raw({"error": "Invalid webhook"}, 404)
        given = given_by(kind)
        if given is None:
            return web.raw({"error": "Invalid JSON"}, 400)
        with portal.lock:
            user = portal.users[rule["run_as"]]
            data: dict[str, Any] = {
                "name": fill(rule["name"], given),
                "description": fill(rule["description"], given),
                "object": {"id": rule["object"]},
                "files": [{"id": files.keep(portal, f.filename or "", f.read(), user).id} for f in request.files.values()],
            }
            labels = {portal.field_by_label("task", rule["object"], label): text for label, text in rule["fields"].items()}
            data["customFieldData"] = [{"field": {"id": n}, "value": fill(t, given)} for n, t in labels.items() if n]
            task = changes.create_task(portal, data, Hand(user))
        return web.raw({portal.faults.word("incoming_key"): task.id})

    def given_by(kind: str) -> dict[str, str] | None:
        if kind == "json":
            try:
                data = json.loads(request.get_data())
            except ValueError:
                return None
            return {key: str(value) for key, value in data.items()} if isinstance(data, dict) else None
        return dict((request.args if kind == "get" else request.form).items())


def rest_routes(rest: Blueprint, portal: Portal) -> None:
    """Register /integration/telegram/bots/{botId}/webhook."""

    @rest.post("/integration/telegram/bots/<int:bot>/webhook")
    def telegram_webhook(bot: int) -> Response:
        data = web.body()
        secret = data.get("secretToken")
        if not data:
            raise errors.missing("secretToken or webhookManagedExternally is required")
        if secret is not None and not SECRET.fullmatch(str(secret)):
            raise errors.bad_value("Bad secretToken")
        if web.viewer().role not in ("Admin", "Robot"):
            raise errors.Refusal(403, 6, "Access denied")
        managed = data.get("webhookManagedExternally") is True
        return web.answer(
            {"botId": bot, "webhookManagedExternally": managed, "webhookSecretTokenConfigured": secret is not None}
        )
