"""Who may see what of the partners and their chats. Whoever sees all has every right; others see the partners they lead and,
of other partners' chats, what belongs to deals of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from kernel.conversations.reading import Scope
from kernel.extension.roles import ALL
from kernel.storage import Tx
from kernel.web.links import User
from plugins.partners import store

SETTLEMENTS = "partners.settlements"


@dataclass(frozen=True)
class Sight:
    """What the person who asks may see."""

    person: str  #: the CRM's id; empty for an operator
    everything: bool
    settlements: bool  #: what lies with every partner and what is earned with them, but no talk
    leads: frozenset[str]  #: partners
    touches: frozenset[str]  #: partners of deals of their own

    @property
    def scope(self) -> Scope:
        """For reading messages."""
        if self.everything:
            return Scope(everything=True)
        subjects = frozenset(f"partner:{one}" for one in self.leads)
        return Scope(subjects=subjects, viewer=self.person) if self.person else Scope()

    def partner(self, partner_id: str) -> bool:
        """Whether they may know that this partner is there."""
        return self.everything or self.settlements or partner_id in self.leads or partner_id in self.touches

    def whole(self, partner_id: str) -> bool:
        """Whether they may see all talk with the partner, and act in its chat."""
        return self.everything or partner_id in self.leads


def sight_of(tx: Tx, user: User) -> Sight:
    everything, person = user.may(ALL), user.person_id
    if everything or not person:
        return Sight(person, everything, everything or user.may(SETTLEMENTS), frozenset(), frozenset())
    return Sight(
        person, False, user.may(SETTLEMENTS), store.led_by(tx, person), store.partners_of_deals(tx, person)
    )  # fmt: skip
