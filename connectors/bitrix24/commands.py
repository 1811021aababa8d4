"""Commands of a batch: a method with its parameters as PHP reads them from a query, and what came back for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from connectors.bitrix24.errors import fault_of, whole
from kernel.errors import Fault, Rejected, Unreachable

Call = tuple[str, Mapping[str, Any]]
REFERENCE = "$result["


@dataclass(frozen=True)
class Earlier:
    """A value out of the answer to an earlier command of the same request."""

    command: int
    path: tuple[str | int, ...]

    def __str__(self) -> str:
        return REFERENCE[:-1] + "".join(f"[{part}]" for part in (name(self.command), *self.path))


@dataclass(frozen=True)
class Outcome:
    """What became of one command of a batch."""

    value: Any = None
    fault: Fault | None = None
    total: int | None = None
    next: int | None = None

    def get(self) -> Any:
        """The value. Raises the fault, if there is one."""
        if self.fault is not None:
            raise self.fault
        return self.value


class NotRun(Rejected):
    """An earlier command of the batch failed, so this one was not carried out."""


def name(number: int) -> str:
    return f"c{number}"


def payload(calls: Sequence[Call], *, halt: bool = False) -> dict[str, Any]:
    """The parameters of the method `batch`."""
    cmd = {name(n): f"{method}?{query(params)}" for n, (method, params) in enumerate(calls)}
    return {"halt": int(halt), "cmd": cmd}


def query(params: Mapping[str, Any]) -> str:
    return "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in _flat("", params))


def refers(value: Any) -> bool:
    """Whether a text in it would be taken for a reference: the portal replaces those, whoever typed them."""
    if isinstance(value, str):
        return REFERENCE in value
    if isinstance(value, Mapping):
        return any(refers(item) for item in value.values())
    return isinstance(value, list | tuple) and any(refers(item) for item in value)


def outcomes(result: Any, count: int, *, halt: bool = False, writes: bool = False) -> list[Outcome]:
    """What the answer says of each command, in their order. Empty maps come as lists."""
    response = result if isinstance(result, dict) else {}
    values, errors, totals, nexts = (
        part if isinstance(part := response.get(key), dict) else {}
        for key in ("result", "result_error", "result_total", "result_next")
    )
    found = []
    for n in range(count):
        key = name(n)
        if key in errors:
            error = errors[key] if isinstance(errors[key], dict) else {"error": errors[key]}
            found.append(Outcome(fault=fault_of(error, writes=writes)))
        elif key in values:
            found.append(Outcome(values[key], None, whole(totals.get(key)), whole(nexts.get(key))))
        elif halt:
            found.append(Outcome(fault=NotRun()))
        else:
            found.append(
                Outcome(fault=Unreachable("bitrix24: the batch's answer leaves a command out", maybe_done=writes))
            )  # fmt: skip
    return found


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping | list | tuple) and value:
        pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
        for key, item in pairs:
            yield from _flat(f"{prefix}[{key}]" if prefix else str(key), item)
    elif prefix:
        yield prefix, _plain(value)


def _plain(value: Any) -> str:
    if value is None or isinstance(value, Mapping | list | tuple):
        return ""  # an empty list has no other way to be said here: it empties the field
    if isinstance(value, bool):
        return "1" if value else "0"
    return format(value, "f") if isinstance(value, Decimal) else str(value)
