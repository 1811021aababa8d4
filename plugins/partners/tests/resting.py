"""A desk whose process dies, and what must hold when all has come to rest: see kernel.testing.chats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kernel.conversations import Incoming
from kernel.extension import Received
from kernel.testing import Crash
from kernel.testing.chats import Shown, faults_of_hearing, faults_of_sending
from plugins.partners.tests.chats import Chats

REST_MINUTES = 3


@dataclass
class Resting:
    """What happens on a desk, one thing after another. A door that died is knocked at again, as vendor and CRM do."""

    chats: Chats
    written: dict[str, str] = field(default_factory=dict)  #: word -> record
    _words: int = 0

    def word(self) -> str:
        self._words += 1
        return f"слово{self._words:04}х"

    def insist(self, do: Callable[[], Any]) -> Any:
        while True:
            try:
                return do()
            except Crash:
                self.chats.restart()

    # --- what people do ---------------------------------------------------------------------------------------------------

    def new_deal(self, partner: str, name: str) -> str:
        """Made in the CRM; nothing of it is told yet."""
        return str(self.chats.make_deal(partner, name))

    def reports(self, record: str, entity: str = "deal", event: str = "") -> None:
        self.insist(lambda: self.chats.sync(record, entity=entity, event=event, delivery=f"{entity}{record}{self.word()}"))

    def tells(self, entity: str, record: str, text: str, files: Sequence[tuple[str, bytes]] = ()) -> str:
        """Staff write a comment."""
        made = str(self.chats.crm.staff.comment(entity, record, text, author=self.chats.manager.name, files=dict(files)))
        self.reports(record, entity, f"{entity}.comment")
        return made

    def changes(self, entity: str, record: str, comment: str, text: str) -> None:
        """Staff give their comment another text."""
        self.chats.crm.staff.edit_comment(comment, text)
        self.reports(record, entity, f"{entity}.comment")

    def says(self, address: str, record: str, *, text: str = "", reply_to: str = "", files: Any = ()) -> str:
        """A partner writes; it has to stand in `record` («deal:7»)."""
        word = self.word()
        self.written[word] = record
        made = self.chats.bot.write(address, "oleg", f"{text} {word}".strip(), reply_to=reply_to, files=tuple(files))
        self.arrives()
        return made

    def arrives(self) -> None:
        if taken := self.chats.bot.take():
            self.insist(lambda: self.chats.receive(Received(messages=taken), "partners"))
        self.insist(self.chats.run)

    def update(self, incoming: Sequence[Incoming]) -> None:
        self.insist(lambda: self.chats.receive(Received(messages=tuple(incoming)), "partners"))
        self.insist(self.chats.run)

    def member(self, address: str, state: str) -> None:
        word = self.word()
        self.update([
            Incoming(
                f"m{word}", address, account="bot", author="770", author_name="Людина", at=self.chats.clock.now(),
                kind="membership", details={"room": "group", "state": state, "hears_all": "yes"},
            )
        ])  # fmt: skip

    def announcement(self, address: str, deal: str) -> str:
        """The vendor's id of the deal's message."""
        return next(
            one.vendor_id for one in reversed(self.chats.bot.shown(address)) if one.text.startswith(f"Заявка {deal} ")
        )

    def rests(self) -> None:
        """Everything that is due in the next minutes is done."""
        for _ in range(REST_MINUTES):
            self.insist(self.chats.run)
            self.chats.advance(minutes=1)
            self.insist(self.chats.timers)
        self.insist(self.chats.run)

    # --- what must hold ---------------------------------------------------------------------------------------------------

    def faults(self) -> list[str]:
        chats = self.chats
        shown = [Shown(one.vendor_id, one.author == "bot", one.text) for one in chats.bot.messages]
        with chats.tx() as tx:
            found = list(faults_of_sending(tx, shown))
        comments = {
            f"{entity}:{record.id}": [one.text for one in chats.crm.comments.of(entity, record.id) if one.ours]
            for entity in ("deal", "partner")
            for record in chats.crm.records(entity)
        }
        found += faults_of_hearing(self.written, comments)
        found += [f"{effect.verb} {effect.key} was carried out twice" for effect in chats.crm.doubled()]
        found += [f"{row['verb']} {row['key']} is {row['state']}" for row in chats.calls(connection="main")
                  if row["state"] not in ("done", "superseded", "dropped")]  # fmt: skip
        return found


def at_every_point(world: Resting, act: Callable[[], None], *, end: int = 400) -> int:
    """Play it again and again, with a process that dies at the nth point, for every n there is; how many there were."""
    trouble = world.chats.trouble
    for nth in range(1, end):
        trouble.crash_at(nth)
        act()
        reached = trouble._crash_in is None
        trouble.calm()
        world.rests()
        faults = world.faults()
        assert not faults, (nth, trouble.passed[-1], faults)
        if not reached:
            return nth - 1
    raise AssertionError(f"there are more than {end} points")
