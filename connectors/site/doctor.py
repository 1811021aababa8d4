"""What is wrong with the settings and the forms of this connection, in the set's language."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from connectors.site import settings
from kernel.errors import Misconfigured
from kernel.extension import Connection
from kernel.texts import translate


def doctor(connection: Connection) -> Iterable[str]:
    say = partial(translate, connection.mapping.portal.language)
    try:
        read = settings.read(connection.settings)
    except Misconfigured as exc:
        yield str(exc)
        return
    if not read.keys:
        return
    if not any(form.connection == connection.name for form in connection.mapping.forms.values()):
        yield say("site_doctor_no_form", connection=connection.name)
    if len(read.keys) > 1:
        yield say("site_doctor_old_key", setting=connection.setting_name("SITE_KEY_OLD"))
