"""One request of the API: a POST form with the key in its body, never in the address; the answer as JSON, judged."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.sms_ru import codes, limits, settings
from kernel.errors import BadAnswer, Misconfigured, Rejected, Unreachable
from kernel.extension import Connection
from kernel.http import Form, HttpClient, RateLimit


class Refused(Exception):
    """The request as a whole was refused with this code."""

    def __init__(self, code: int, text: str, balance: Decimal | None = None) -> None:
        super().__init__(f"SMS.RU {code}: {text}" if text else f"SMS.RU {code}")
        self.code, self.text, self.balance = code, text, balance


class Client:
    """One account."""

    def __init__(self, http: HttpClient, read: settings.Settings) -> None:
        self._http, self._read = http, read

    def send(self, method: str, fields: Mapping[str, str]) -> dict[str, Any]:
        """Of a method that must not be carried out twice. Raises Refused, or the tree under Fault: with `maybe_done` where
        it may have been carried out."""
        return self._asked(method, fields, writes=True)

    def ask(self, method: str, fields: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Of a method that may be repeated. Raises Rejected or Misconfigured where it is refused."""
        try:
            return self._asked(method, fields or {}, writes=False)
        except Refused as exc:
            kind = codes.kind_of(exc.code)
            if kind == "later":
                raise Unreachable(str(exc), vendor_code=str(exc.code)) from exc
            if kind == "stopped":
                raise Misconfigured(f"SMS_RU_API_ID: {exc}") from exc
            raise Rejected(str(exc), vendor_code=str(exc.code)) from exc

    def _asked(self, method: str, fields: Mapping[str, str], *, writes: bool) -> dict[str, Any]:
        body = Form({"api_id": self._read.api_id, "json": "1", **fields})
        answer = self._http.send("POST", method, body=body, timeout=limits.CALL_TIMEOUT_SECONDS, writes=writes)
        if answer.status != 200:
            reason = f"SMS.RU failed: HTTP {answer.status}"
            if answer.status == 404 or 300 <= answer.status < 400:
                raise Misconfigured(f"SMS_RU_URL: {reason}: no API answers there")
            self._http.gate.failed(reason)
            raise Unreachable(reason, vendor_code=str(answer.status), maybe_done=writes)
        try:
            said = answer.json()
        except (ValueError, RecursionError) as exc:
            raise BadAnswer(f"SMS.RU: an answer to {method} that nobody can read", maybe_done=writes) from exc
        code = whole(said.get("status_code")) if isinstance(said, dict) else None
        if code is None:
            raise BadAnswer(f"SMS.RU: an answer to {method} without a code", maybe_done=writes)
        if code != codes.OK:
            raise Refused(code, text_in(said), money(said.get("balance")))
        return dict(said)


def connect(connection: Connection) -> Client:
    """Raises Misconfigured."""
    read = settings.read(connection.settings)
    http = connection.http(read.url, rate_limit=RateLimit(per_second=read.per_second))
    return Client(http, read)


def whole(value: Any) -> int | None:
    """An integer, however it stands."""
    if isinstance(value, bool):
        return None
    text = str(value).strip()
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None


def money(value: Any) -> Decimal | None:
    """A number, or a text of one."""
    if value is None or isinstance(value, bool | dict | list):
        return None
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) < 10**12 else None


def text_in(said: Mapping[str, Any]) -> str:
    return " ".join(str(said.get("status_text") or "").split())[:200]
