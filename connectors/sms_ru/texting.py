"""Keeps kernel.texting.Texting. A good answer as a whole says nothing of a number: each is looked at by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.sms_ru import codes, limits, settings
from connectors.sms_ru.client import Client, Refused, connect, money, text_in, whole
from kernel.errors import BadAnswer
from kernel.extension import Connection
from kernel.texting import Cost, Funds, Outcome, Refusal, Report, Sent, Text

NUMBER = re.compile(r"\+[1-9][0-9]{9,14}\Z", re.ASCII)
ID = re.compile(r"[0-9]{1,12}-[0-9]{1,18}\Z", re.ASCII)


class SmsRu:
    """One account of SMS.RU. It keeps no key against doubles: a text whose answer was lost may have been sent."""

    currency = "RUB"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client: Client = connect(connection)
        self.sender = settings.read(connection.settings).sender
        self._language = connection.mapping.portal.language

    def send(self, text: Text) -> Outcome:
        if not NUMBER.match(text.to):
            return Refusal("message", "202", self.message("202"))
        fields = {"to": text.to[1:], "msg": text.text, "ip": "-1", **({"from": self.sender} if self.sender else {})}
        if text.test:
            fields["test"] = "1"
        try:
            said = self._client.send("sms/send", fields)
        except Refused as exc:
            return Refusal(codes.kind_of(exc.code), str(exc.code), exc.text or self.message(str(exc.code)), exc.balance)
        balance, one = money(said.get("balance")), _only(said.get("sms"))
        code = whole(one.get("status_code")) if one is not None else None
        if one is None or code is None:
            raise BadAnswer("SMS.RU: an answer that does not name the number", maybe_done=True)
        if code != codes.OK:
            return Refusal(codes.kind_of(code), str(code), text_in(one) or self.message(str(code)), balance)
        ident = str(one.get("sms_id") or "")
        if not ID.match(ident):
            raise BadAnswer("SMS.RU: an answer without the message's number", maybe_done=True)
        return Sent(ident, money(one.get("cost")), balance)

    def reports(self, vendor_ids: Sequence[str]) -> list[Report]:
        found = []
        for start in range(0, len(vendor_ids), limits.IDS_MAX):
            some = list(vendor_ids[start : start + limits.IDS_MAX])
            said = self._client.ask("sms/status", {"sms_id": ",".join(some)})
            told = said.get("sms")
            if not isinstance(told, dict):
                raise BadAnswer("SMS.RU: an answer to sms/status without messages")
            found += [_report(ident, told[ident]) for ident in some if isinstance(told.get(ident), dict)]
        return found

    def cost(self, text: Text) -> Cost | Refusal:
        said = self._client.ask("sms/cost", {"to": text.to.removeprefix("+"), "msg": text.text})
        one = _only(said.get("sms")) or {}
        code, price, segments = whole(one.get("status_code")), money(one.get("cost")), whole(one.get("sms"))
        if code == codes.OK and price is not None and segments is not None:
            return Cost(segments, price)
        if code is None:
            raise BadAnswer("SMS.RU: an answer to sms/cost that does not name the number")
        return Refusal(codes.kind_of(code), str(code), text_in(one) or self.message(str(code)))

    def funds(self) -> Funds:
        balance = money(self._client.ask("my/balance").get("balance"))
        if balance is None:
            raise BadAnswer("SMS.RU: an answer to my/balance without a balance")
        said = self._client.ask("my/limit")
        limit = whole(said.get("total_limit"))
        return Funds(balance, limit or None, whole(said.get("used_today")) if limit else None)

    def opted_out(self) -> Mapping[str, str]:
        told = self._client.ask("stoplist/get").get("stoplist")
        if not isinstance(told, dict):
            return {}  # an empty list comes as []
        return {
            f"+{number}": " ".join(str(note).split())[:200] for number, note in told.items() if NUMBER.match(f"+{number}")
        }

    def message(self, code: str) -> str:
        return codes.words(code, self._language)

    # --- beyond texts ---------------------------------------------------------------------------------------------------

    def callbacks(self) -> list[str]:
        return _urls(self._client.ask("callback/get"))

    def add_callback(self, url: str) -> None:
        self._client.ask("callback/add", {"url": url})

    def drop_callback(self, url: str) -> None:
        self._client.ask("callback/del", {"url": url})

    def senders(self) -> list[str]:
        told = self._client.ask("my/senders").get("senders")
        return [str(one) for one in told] if isinstance(told, list) else []


def _only(told: Any) -> dict[str, Any] | None:
    """The answer about the one number that was asked for, under whatever spelling of it."""
    if not isinstance(told, dict) or len(told) != 1:
        return None
    [one] = told.values()
    return one if isinstance(one, dict) else None


def _urls(said: Mapping[str, Any]) -> list[str]:
    told = said.get("callback")
    return [str(one) for one in told] if isinstance(told, list) else []


def _report(ident: str, one: Mapping[str, Any]) -> Report:
    code = whole(one.get("status_code"))
    if code is None:
        raise BadAnswer("SMS.RU: an answer to sms/status without a code")
    at = whole_time(one.get("status_time"))
    return Report(ident, codes.state_of(code), str(code), text_in(one), money(one.get("cost")), at)


def whole_time(value: Any) -> datetime | None:
    """A unix time, if it is one of this century."""
    seconds = money(value)
    return datetime.fromtimestamp(int(seconds), UTC) if seconds is not None and 0 < seconds < 4_102_444_800 else None
