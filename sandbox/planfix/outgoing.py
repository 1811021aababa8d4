"""The text of a script's request: variables filled in, as a form or as hand-typed JSON (contract 5, checklist 25)."""

from __future__ import annotations

import json
from typing import Any

from sandbox.planfix.templates import Scope, render


def prepare(step: dict[str, Any], scope: Scope, hand_typed_json: bool) -> dict[str, Any]:
    """The keyword arguments of the request, with all variables filled in."""
    for name, text in step.get("variables", {}).items():
        scope.variables[name] = render(text, scope)
    filled = scope.portal.faults.on("header_formulas")
    headers = {name: render(text, scope) if filled else text for name, text in step.get("headers", {}).items()}
    headers["User-Agent"] = "Planfix"
    call: dict[str, Any] = {
        "method": step.get("method", "POST"),
        "url": render(step["url"], scope, url=True),
        "headers": headers,
    }
    parameters = {name: render(str(text), scope) for name, text in step.get("parameters", {}).items()}
    if step.get("json_body"):
        body = render(step["json_body"], scope)
    elif hand_typed_json or step.get("format") == "json":
        # Typed by hand: quotes and line ends of a value go in raw and may break the JSON (checklist 25).
        extra = {
            "name": "{{Задача.Название}}",
            "assignees": "{{Задача.Исполнители}}",
            "comment": "{{Комментарий.Текст}}",
        }
        parameters |= {name: render(text, scope) for name, text in extra.items()}
        body = "{" + ", ".join(f'"{name}": "{value}"' for name, value in parameters.items()) + "}"
    elif call["method"] == "GET":
        return call | {"params": parameters}
    else:
        return call | {"data": parameters}
    headers["Content-Type"] = "application/json"
    return call | {"data": body.encode()}


def loggable(call: dict[str, Any]) -> Any:
    """The body as the log shows it."""
    body = call.get("data", call.get("params"))
    if isinstance(body, bytes):
        text = body.decode(errors="replace")
        try:
            return json.loads(text)
        except ValueError:
            return text
    return body
