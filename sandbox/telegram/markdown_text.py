"""parse_mode MarkdownV2 and the older Markdown, the basics."""

from __future__ import annotations

import re
from typing import Any

from sandbox.telegram.errors import bad
from sandbox.telegram.utf16 import units

RESERVED = "_*[]()~`>#+-=|{}.!"
MARKS = {"__": "underline", "||": "spoiler", "*": "bold", "_": "italic", "~": "strikethrough"}
OLD_MARKS = {"*": "bold", "_": "italic"}
LINK = re.compile(r"\]\(((?:\\.|[^)\\])*)\)")


def parse(text: str, second: bool) -> tuple[str, list[dict[str, Any]]]:
    return _Parser(text, second).run()


class _Parser:
    def __init__(self, text: str, second: bool) -> None:
        self.text, self.second, self.at, self.plain = text, second, 0, ""
        self.marks = MARKS if second else OLD_MARKS
        self.opened: list[tuple[str, str, int, int]] = []  # mark, kind, offset in units, position in the text
        self.entities: list[dict[str, Any]] = []

    def run(self) -> tuple[str, list[dict[str, Any]]]:
        while self.at < len(self.text):
            self._step(self.text[self.at])
        if self.opened:
            _, kind, _, start = self.opened[-1]
            raise bad(f"can't parse entities: Can't find end of {kind.title()} entity at byte offset {self._byte(start)}")
        return self.plain, self.entities

    def _step(self, char: str) -> None:
        rest = self.text[self.at :]
        if char == "\\" and len(rest) > 1 and (rest[1] in RESERVED + "\\" if self.second else rest[1] in "_*`["):
            self._take(rest[1], 2)
        elif char == "`":
            self._code(rest)
        elif char == "[":
            self.opened.append(("[", "text_link", units(self.plain), self.at))
            self.at += 1
        elif char == "]" and self.opened and self.opened[-1][0] == "[":
            self._link(rest)
        else:
            mark = next((one for one in self.marks if rest.startswith(one)), "")
            if mark:
                self._mark(mark)
            elif self.second and char in RESERVED:
                raise bad(
                    f"can't parse entities: Character '{char}' is reserved and must be escaped with the preceding '\\'"
                )
            else:
                self._take(char, 1)

    def _take(self, char: str, width: int) -> None:
        self.plain += char
        self.at += width

    def _mark(self, mark: str) -> None:
        if self.opened and self.opened[-1][0] == mark:
            _, kind, offset, _ = self.opened.pop()
            self._add(kind, offset)
        else:
            self.opened.append((mark, self.marks[mark], units(self.plain), self.at))
        self.at += len(mark)

    def _code(self, rest: str) -> None:
        mark, kind = ("```", "pre") if rest.startswith("```") else ("`", "code")
        closing = re.compile((r"(?<!\\)(?:\\\\)*" if self.second else "") + mark).search(rest, len(mark))
        end = closing.end() - len(mark) if closing else -1
        if end < 0:
            raise bad(f"can't parse entities: Can't find end of {kind.title()} entity at byte offset {self._byte(self.at)}")
        offset, inside = units(self.plain), rest[len(mark) : end]
        self.plain += inside.replace("\\`", "`").replace("\\\\", "\\") if self.second else inside
        self._add(kind, offset)
        self.at += end + len(mark)

    def _link(self, rest: str) -> None:
        target = LINK.match(rest)
        _, kind, offset, _ = self.opened.pop()
        if target is None:
            raise bad(f"can't parse entities: Can't find end of a URL at byte offset {self._byte(self.at)}")
        self._add(kind, offset, url=target[1].replace("\\", ""))
        self.at += target.end()

    def _add(self, kind: str, offset: int, **more: str) -> None:
        length = units(self.plain) - offset
        if length:
            self.entities.append({"type": kind, "offset": offset, "length": length, **more})

    def _byte(self, position: int) -> int:
        return len(self.text[:position].encode())
