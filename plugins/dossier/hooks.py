"""What the dossier tells other plugins, each within the unit of work in which it happens."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.extension.hooks import Hook
from kernel.extension.portal import Unit

#: A good answer was kept: the client's own card (entity, record id), ClientID, set. `kept` reads the answer.
ANSWER_KEPT: Hook[[Unit, str, str, str, str], None] = Hook("dossier.answer_kept")

#: A card (entity, record id) no longer holds that ClientID: nothing of it may stay at this card.
CLIENT_CHANGED: Hook[[Unit, str, str, str], None] = Hook("dossier.client_changed")

#: A client is to be forgotten: ClientID, and the cards (entity, record id) that hold or held it as far as we know.
CLIENT_FORGOTTEN: Hook[[Unit, str, Sequence[tuple[str, str]]], None] = Hook("dossier.client_forgotten")

#: A question for which a request left stands in the request log now; `log_lines` reads it.
LOGGED: Hook[[Unit], None] = Hook("dossier.logged")

#: How the registration of a client (entity, record id) without a ClientID stands, in words of that language; "" if nothing
#: is known.
REGISTRATION: Hook[[Unit, str, str, str], str] = Hook("dossier.registration")
