"""What is wrong with the settings and the form of this connection, in the set's language."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from connectors.state import settings
from connectors.state.receive import OF_PERSON, OF_ROOT, form_of
from kernel.errors import Misconfigured
from kernel.extension import Connection
from kernel.texts import translate


def doctor(connection: Connection) -> Iterable[str]:
    say = partial(translate, connection.mapping.portal.language)
    try:
        read = settings.read(connection.settings)
        if not read.keys:
            return
        form = form_of(connection)
    except Misconfigured as exc:
        yield str(exc)
        return
    known = (*OF_ROOT, *OF_PERSON)
    for one in form.fields:
        if one.source not in known:
            yield say("state_doctor_unknown", form=form.name, name=one.source, known=", ".join(known))
    if len(read.keys) > 1:
        yield say("state_doctor_old_key", setting=connection.setting_name("STATE_KEY_OLD"))
