"""Reading a mapping file strictly: whatever is wrong with it is named with file, key and line."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from kernel.errors import Misconfigured

T = TypeVar("T", bound=BaseModel)
#: "09:30", of the portal's zone.
Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class Strict(BaseModel):
    """A part of a mapping file: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def load(path: Path, model: type[T]) -> T:
    """Raises Misconfigured naming file, key and line of everything that is wrong."""
    text = path.read_text(encoding="utf-8")
    try:
        return model.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as exc:
        raise Misconfigured(f"{path.parent.name}/{path.name}: {exc}") from exc
    except ValidationError as exc:
        message = []
        for error in exc.errors():
            keys = [str(part) for part in error["loc"]]
            what = "unknown key" if error["type"] == "extra_forbidden" else error["msg"].removeprefix("Value error, ")
            message.append(f"{place(path, text, keys)}: {what}")
        raise Misconfigured("\n".join(message)) from exc


def place(path: Path, text: str, keys: list[str]) -> str:
    """Where that key of a file stands: "set/deal.toml, line 7: stage.new.next"."""
    return f"{path.parent.name}/{path.name}, line {line_of(text, keys)}: {'.'.join(keys)}"


def line_of(text: str, keys: list[str]) -> int:
    """The line where that key stands, or its nearest parent; 1 if none is found. The third table of a list that has one
    table a line is found as well: `columns.2.type`."""
    lines, table = text.splitlines(), ""
    best = (0, 1)  # how many parts of the key matched, line
    for number, line in enumerate(lines, 1):
        if header := re.match(r"\s*\[+([^\]]+)\]+", line):
            table = header[1].replace('"', "").strip()
            here = table.split(".")
        elif assigned := re.match(r"\s*([\w.\"-]+)\s*=", line):
            here = [*(table.split(".") if table else []), *assigned[1].replace('"', "").split(".")]
        else:
            continue
        depth = len(here) if keys[: len(here)] == here else 0
        if depth > best[0]:
            best = (depth, number)
        if keys[:-1] == here and depth and keys[-1] in line.split("=", 1)[-1]:
            best = (len(keys), number)  # an inline table holds the key
    if best[0] < len(keys) and keys[best[0]].isdigit():
        return _nth(lines, best[1], int(keys[best[0]]))
    return best[1]


def _nth(lines: list[str], begins: int, wanted: int) -> int:
    """Of a list that begins in that line: the line of its n-th table."""
    starts = [number for number, line in enumerate(lines[begins:], begins + 1) if line.lstrip().startswith("{")]
    return starts[wanted] if wanted < len(starts) else begins
