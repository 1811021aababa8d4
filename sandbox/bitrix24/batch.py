"""Many calls in one request: order, halt, `$result[…]`, and the five maps of the answer (contract, section 3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from sandbox.bitrix24 import formats, params
from sandbox.bitrix24.calls import Done, error_body, perform
from sandbox.bitrix24.limits import Operating
from sandbox.bitrix24.registry import Client, RestError
from sandbox.bitrix24.state import Portal

COMMANDS_MAX = 50
REFERENCE = re.compile(r"\$result((?:\[[^\[\]]*\])+)")
STEP = re.compile(r"\[([^\[\]]*)\]")


def run(portal: Portal, operating: Operating | None, client: Client, tree: Mapping[str, Any], source_ip: str) -> Any:
    """The `result` of a batch call. Always 200: what fails stands in `result_error`."""
    lower = {key.lower(): value for key, value in tree.items()}
    commands = _commands(lower.get("cmd"))
    halt = formats.flag(lower.get("halt"))
    result: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    done: dict[str, Done] = {}
    for number, (key, text) in enumerate(commands.items()):
        if number >= COMMANDS_MAX:
            errors[key] = error_body(RestError(400, "ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded"))
            continue
        try:
            done[key] = _one(portal, operating, client, str(text), result, source_ip)
            result[key] = done[key].result
        except RestError as error:
            errors[key] = error_body(error)
            if halt:
                break
    return {
        "result": _keyed(result),
        "result_error": _keyed(errors),
        "result_total": _keyed({key: one.total for key, one in done.items() if one.total is not None}),
        "result_next": _keyed({key: one.next for key, one in done.items() if one.next is not None}),
        "result_time": _keyed({key: one.time for key, one in done.items()}),
    }


def _keyed(tree: dict[str, Any]) -> Any:
    """As PHP writes arrays: numbered from 0 without a gap is a list, anything else an object."""
    return list(tree.values()) if list(tree) == [str(n) for n in range(len(tree))] else tree


def _commands(cmd: Any) -> dict[str, Any]:
    if isinstance(cmd, str) and cmd.strip():
        raise RestError(400, "ERROR_ARGUMENT", "Argument 'cmd' must be array", argument="cmd")
    return formats.mapping(cmd, "cmd")


def _one(
    portal: Portal, operating: Operating | None, client: Client, text: str, results: Mapping[str, Any], source_ip: str
) -> Done:
    name, _, query = text.partition("?")
    tree = params.parse(query)
    if name.strip().lower().startswith("batch"):
        raise RestError(405, "ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage")
    name = unquote_plus(name).strip().lstrip("/")
    for suffix in (".json", ".xml"):
        name = name.removesuffix(suffix)
    filled = {key: substitute(value, results) for key, value in tree.items()}
    return perform(portal, operating, client, name, filled, source_ip=source_ip, batch=True)


def substitute(value: Any, results: Mapping[str, Any]) -> Any:
    """Replace references everywhere; one that is the whole text keeps lists as they are."""
    if isinstance(value, dict):
        return {key: substitute(item, results) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, results) for item in value]
    if not isinstance(value, str) or "$result" not in value:
        return value
    whole = REFERENCE.fullmatch(value)
    if whole:
        found = _lookup(whole.group(1), results)
        return "" if found is None else found
    return REFERENCE.sub(lambda match: _text(_lookup(match.group(1), results)), value)


def _lookup(steps: str, results: Any) -> Any:
    for step in STEP.findall(steps):
        if isinstance(results, Mapping):
            results = results.get(step)
        elif isinstance(results, list) and step.isdigit() and int(step) < len(results):
            results = results[int(step)]
        else:
            return None
    return results


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else ""
    return "" if value is None or isinstance(value, dict | list) else str(value)
