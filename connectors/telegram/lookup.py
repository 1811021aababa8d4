"""Did a message arrive whose answer got lost? Telegram keeps no list of what a bot sent and takes no key of ours. But it
says of an edit that would change nothing «message is not modified»: so the very same text is written over each message that
may be it. Over somebody else's message, or over none, it refuses.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from connectors.telegram import errors, limits
from connectors.telegram.client import Client
from connectors.telegram.content import Content
from connectors.telegram.errors import says
from kernel.conversations import EarlierTry
from kernel.errors import Rejected, Undecided

KEYS_REMEMBERED_MAX = 500


class Heard(Protocol):
    """Part of a Standing."""

    @property
    def hears_all(self) -> bool: ...

    @property
    def room(self) -> str: ...


class Lookup:
    """Remembers, while the process lives, which numbers a message is not: a look-up that was put off goes on there."""

    def __init__(self, client: Client, standing: Callable[[str], Heard]) -> None:
        self._client, self._standing = client, standing
        self._excluded: OrderedDict[str, set[int]] = OrderedDict()

    def find(self, chat: int, content: Content, earlier: EarlierTry, key: str) -> Sequence[int]:
        """Its numbers, none if it did not arrive. Raises Undecided where nobody can tell."""
        excluded = self._remembered(key)
        candidates = [n for n in self._candidates(chat, earlier) if n not in earlier.known]
        for number in candidates:
            if number in excluded:
                continue
            if self._is(chat, number, content):
                later = [one for one in candidates if one > number]
                return [number, *self._rest(chat, later, content)]
            excluded.add(number)
        return ()

    def forget(self, key: str) -> None:
        self._excluded.pop(key, None)

    def _candidates(self, chat: int, earlier: EarlierTry) -> range:
        try:
            standing = self._standing(str(chat))
        except Rejected as exc:
            raise Undecided(
                f"whether the message arrived cannot be told: our bot cannot look into the chat any more ({exc})",
                vendor_code=exc.vendor_code,
            ) from exc
        few = standing.hears_all and standing.room == "supergroup"
        count = limits.LOOKED_THROUGH_HEARING_ALL if few else limits.LOOKED_THROUGH
        first = earlier.after + 1
        return range(first, first + count)

    def _rest(self, chat: int, later: Sequence[int], content: Content) -> list[int]:
        """The other files of an album: none of them says anything."""
        found: list[int] = []
        silent = replace(content, text="", files=content.files[:1])
        for number in later:
            if len(found) >= len(content.files) - 1:
                break
            if self._is(chat, number, silent):
                found.append(number)
        return found

    def _is(self, chat: int, number: int, content: Content) -> bool:
        """Whether that message is ours and says exactly this."""
        refusal = None
        for _ in range(limits.LOOKUP_TRIES):
            try:
                self._client.call(content.as_edit(self._client.bot, chat, number, caption=bool(content.files)), writes=True)
            except Rejected as exc:
                if says(exc, errors.NOT_MODIFIED):
                    return True
                if says(exc, *errors.EDIT_NOT_FOUND):
                    return False
                refusal = exc
            else:
                raise Undecided(
                    f"looking for a message whose answer was lost, message {chat}:{number} of our bot was overwritten: it "
                    "said something else and was not known to us; whether the lost one arrived cannot be told"
                )
        raise Undecided(f"whether the message arrived cannot be told: asked about {chat}:{number}, {refusal}")

    def _remembered(self, key: str) -> set[int]:
        found = self._excluded.setdefault(key, set())
        self._excluded.move_to_end(key)
        while len(self._excluded) > KEYS_REMEMBERED_MAX:
            self._excluded.popitem(last=False)
        return found
