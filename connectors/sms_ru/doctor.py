"""What is wrong with key, sender, money and callback: one line each, in the words of who can fix it."""

from __future__ import annotations

from collections.abc import Iterator

from connectors.sms_ru import settings
from connectors.sms_ru.setup import address
from connectors.sms_ru.texting import SmsRu
from kernel.errors import AnnexError, Misconfigured
from kernel.extension import Connection
from kernel.texts import translate


def doctor(connection: Connection) -> Iterator[str]:
    language = connection.mapping.portal.language
    try:
        read = settings.read(connection.settings)
        account = SmsRu(connection)
        funds = account.funds()
        senders, callbacks = account.senders(), account.callbacks()
    except Misconfigured as exc:
        yield translate(language, "sms_ru_doctor_settings", text=exc)
        return
    except AnnexError as exc:
        yield translate(language, "sms_ru_doctor_silent", text=exc)
        return
    if funds.balance <= 0:
        yield translate(language, "sms_ru_doctor_money", balance=f"{funds.balance:.2f}")
    if read.sender and read.sender not in senders:
        yield translate(language, "sms_ru_doctor_sender", sender=read.sender, known=", ".join(senders) or "—")
    wanted = address(connection)
    if not wanted or wanted not in callbacks:
        yield translate(language, "sms_ru_doctor_callback")
