"""PHP's way of sending trees in forms: `fields[PHONE][0][VALUE]=…`, `select[]=…`, both directions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl


def flatten(tree: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A tree as form pairs. Empty lists and trees vanish, as in http_build_query; nothing is an empty string."""
    return list(_flatten("", tree))


def _flatten(prefix: str, value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping | list | tuple):
        pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in pairs:
            yield from _flatten(f"{prefix}[{key}]" if prefix else str(key), item)
    elif value is None:
        yield prefix, ""
    elif isinstance(value, bool):
        yield prefix, "1" if value else "0"
    else:
        yield prefix, str(value)


def parse(text: str) -> dict[str, Any]:
    """A query or form body as a tree."""
    return nest(parse_qsl(text, keep_blank_values=True, encoding="utf-8", errors="replace"))


def nest(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Bracketed names as a tree; trees numbered from 0 become lists, as a PHP array would in JSON."""
    tree: dict[str, Any] = {}
    for name, value in pairs:
        if name:
            _put(tree, _path(name), value)
    return {key: _lists(value) for key, value in tree.items()}


def _path(name: str) -> list[str]:
    head, bracket, rest = name.partition("[")
    if not bracket or not head:
        return [name]
    if not rest.endswith("]"):  # broken brackets: PHP keeps what it can, here the whole name
        return [name]
    return [head, *rest[:-1].split("][")]


def _put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        key = part if part else str(_next(tree))
        inner = tree.get(key)
        if not isinstance(inner, dict):
            inner = tree[key] = {}
        tree = inner
    last = path[-1]
    tree[last if last or len(path) == 1 else str(_next(tree))] = value


def _next(tree: Mapping[str, Any]) -> int:
    numbers = [int(key) for key in tree if key.isdigit()]
    return max(numbers) + 1 if numbers else 0


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _lists(item) for key, item in value.items()}
    if inner and list(inner) == [str(number) for number in range(len(inner))]:
        return list(inner.values())
    return inner
