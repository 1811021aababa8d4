"""`annex plan` and `annex apply`: our address among the account's callbacks."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

from connectors.sms_ru import settings
from connectors.sms_ru.texting import SmsRu
from kernel.extension import Connection
from kernel.http import is_local
from kernel.mapping import Change, Setup


def setup(connection: Connection) -> Setup:
    """Raises Misconfigured."""
    return SmsRuSetup(connection)


def address(connection: Connection) -> str:
    """Where SMS.RU tells us what became of texts; empty where it cannot reach us."""
    public = connection.public_url.rstrip("/")
    local = is_local(settings.read(connection.settings).url)
    if not public or (not local and (not public.startswith("https://") or is_local(public))):
        return ""
    return f"{public}/hooks/{connection.full_name}"


class SmsRuSetup:
    def __init__(self, connection: Connection) -> None:
        self._connection, self._account = connection, SmsRu(connection)

    def plan(self) -> list[Change]:
        wanted, title = address(self._connection), f"SMS.RU «{self._connection.name}»: адрес для статусов"
        if not wanted:
            words = "ANNEX_PUBLIC_URL должен начинаться с https://, иначе SMS.RU не сообщит о доставке (её узнаёт опрос)"
            return [Change("manual", title, words)]
        present = self._account.callbacks()
        changes = []
        if wanted not in present:
            changes.append(Change("create", title, wanted, make=partial(self._account.add_callback, wanted)))
        for old in present:  # ours under an earlier public address; those of others stay
            if old != wanted and urlsplit(old).path == urlsplit(wanted).path:
                changes.append(
                    Change("change", title, f"{old} больше не наш: снять", make=partial(self._account.drop_callback, old))
                )
        return changes
