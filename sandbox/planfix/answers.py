"""Reading an answer into information blocks by JSONPath (contract 5, checklist 26): the plain part of that language."""

from __future__ import annotations

import json
import re
from typing import Any

STEP = re.compile(r"\.\.([\w-]+)|\.([\w*-]+)|\[(\*|-?\d+|'[^']*')\]")


def jsonpath(path: str, data: Any) -> Any:
    """`$.a.b[0]`, `$.rows[*].key`, `$..key`. A list if the path can give several, None if there is nothing."""
    if not path.startswith("$"):
        return None
    found, many = [data], False
    for step in STEP.finditer(path, 1):
        deep, name, index = step.groups()
        many = many or bool(deep) or "*" in (name, index)
        found = [item for value in found for item in _step(value, deep, name, index)]
    if many:
        return found
    return found[0] if found else None


def _step(value: Any, deep: str | None, name: str | None, index: str | None) -> list[Any]:
    if deep:
        inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
        below = [item for part in inner for item in _step(part, deep, None, None)]
        return ([value[deep]] if isinstance(value, dict) and deep in value else []) + below
    if "*" in (name, index):
        return list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, list) else []
    key = name or (index or "").strip("'")
    if isinstance(value, dict):
        return [value[key]] if key in value else []
    if isinstance(value, list) and index and index.lstrip("-").isdigit() and -len(value) <= int(index) < len(value):
        return [value[int(index)]]
    return []


def parse(text: str, rules: list[dict[str, str]]) -> dict[str, Any]:
    """Blocks by the rules `{name, path}`; an answer that is no JSON gives empty blocks."""
    try:
        data = json.loads(text)
    except ValueError:
        return {}
    return {rule["name"]: jsonpath(rule["path"], data) for rule in rules}
