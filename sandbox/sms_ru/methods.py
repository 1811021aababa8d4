"""The methods of the API: `sms/send`, `sms/status`, `sms/cost`, `my/…`, `stoplist/…`, `callback/…`, `auth/check`.

Each gives a dictionary for json=1 and the lines of the other format; a request that is refused as a whole raises Refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.sms_ru.codes import Refused, text
from sandbox.sms_ru.state import Account, Sms

Fields = Mapping[str, str]
NUMBERS_MAX, SEGMENTS_MAX, SAME_SECONDS, A_DAY_MAX = 100, 8, 60, 60
#: The characters of GSM 03.38 that take one septet; of those of its extension table each takes two.
GSM = frozenset("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
                "abcdefghijklmnopqrstuvwxyzäöñüà")  # fmt: skip
GSM_EXTRA = frozenset("^{}\\[~]|€")


@dataclass(frozen=True)
class Said:
    """An answer in both formats."""

    body: Mapping[str, Any]
    lines: Sequence[str] = ()


Method = Callable[[Account, Fields], Said]
METHODS: dict[str, Method] = {}


def method(name: str) -> Callable[[Method], Method]:
    def put(run: Method) -> Method:
        METHODS[name] = run
        return run

    return put


def segments_of(message: str) -> int:
    """How many parts a text takes: 160 septets or 70 UTF-16 units in one, 153 or 67 in each of several."""
    if all(letter in GSM or letter in GSM_EXTRA for letter in message):
        units, one, many = sum(2 if letter in GSM_EXTRA else 1 for letter in message), 160, 153
    else:
        units, one, many = len(message.encode("utf-16-le")) // 2, 70, 67
    return 1 if units <= one else -(-units // many)


def _money(account: Account, value: Decimal) -> Any:
    return f"{value:.2f}" if account.faults.word("cost_as") == "string" else float(value)


def _error(code: int) -> dict[str, Any]:
    return {"status": "ERROR", "status_code": code, "status_text": text(code)}


def _ok(**more: Any) -> dict[str, Any]:
    return {"status": "OK", "status_code": 100, **more}


def _wanted(fields: Fields) -> list[tuple[str, str]]:
    """(number, text) of each message: `to` and `msg`, or `to[number]=text`."""
    several = [
        (found[1], value) for name, value in fields.items() if (found := re.fullmatch(r"(?:to|multi)\[([^\]]*)\]", name))
    ]
    if several:
        return several
    if not fields.get("to"):
        raise Refused(202)
    message = fields.get("msg") or fields.get("text", "")  # the older name, which public clients still send
    if not message:
        raise Refused(203)
    return [(number.strip(), message) for number in fields["to"].split(",") if number.strip()]


def _number(given: str) -> str:
    """Eleven digits that begin with 7, however they are written; those of other countries as they stand."""
    digits = re.sub(r"\D", "", given)
    if len(digits) == 11 and digits[0] == "8":
        digits = f"7{digits[1:]}"
    return f"7{digits}" if len(digits) == 10 else digits


def _check(account: Account, number: str, message: str, *, sending: bool) -> None:
    if not 11 <= len(number) <= 15:
        raise Refused(202)
    if not message:
        raise Refused(203)
    if segments_of(message) > SEGMENTS_MAX:
        raise Refused(205)
    if number in account.no_route:
        raise Refused(207)
    if not sending:
        return
    if number in account.stoplist:
        raise Refused(209)
    now, same = account.now(), [one for one in account.messages.values() if one.to == number and not one.test]
    if sum(now - one.sent_at < 86_400 for one in same) >= A_DAY_MAX:
        raise Refused(230)
    if any(one.text == message and now - one.sent_at < SAME_SECONDS for one in same):
        raise Refused(231)


@method("sms/send")
def send(account: Account, fields: Fields) -> Said:
    if (code := account.faults.next_code("errors_next")) is not None:
        raise Refused(code)
    wanted = _wanted(fields)
    if len(wanted) > NUMBERS_MAX:
        raise Refused(207)
    if (sender := fields.get("from", "")) and sender not in account.senders:
        raise Refused(204)
    if fields.get("time") and not fields["time"].isdigit():
        raise Refused(208)
    test = fields.get("test") == "1"
    whole = sum((account.price * segments_of(message) for _, message in wanted), Decimal(0))
    if not test and whole > account.balance:
        raise Refused(201)
    if not test and account.limit and account.used + len(wanted) > account.limit:
        raise Refused(206)
    told: dict[str, Any] = {}
    lines = ["100"]
    for given, message in wanted:
        number = _number(given)
        try:
            if (code := account.faults.next_code("number_errors_next")) is not None:
                raise Refused(code)
            _check(account, number, message, sending=True)
        except Refused as refused:
            told[number or given] = _error(refused.code)
            lines.append(str(refused.code))
            continue
        one = _accept(account, number, message, sender, test=test)
        told[number] = _ok(sms_id=one.id, cost=_money(account, one.cost))
        lines.append(one.id)
    account.wake()
    return Said(_ok(sms=told, balance=float(account.balance)), [*lines, f"balance={account.balance:.2f}"])


def _accept(account: Account, number: str, message: str, sender: str, *, test: bool) -> Sms:
    segments = segments_of(message)
    cost = account.price * segments
    if account.free > 0 and not test:
        account.free -= 1
        cost = Decimal(0)
    if not test:
        account.balance -= cost
        account.spent += cost
        account.used += 1
    step = account.faults.number("status_step")
    outcome = account.faults.next_code("outcomes_next") or int(account.faults.word("outcome"))
    one = Sms(account.new_id(), number, message, sender, segments, cost, test, account.now(), 100, account.now(), outcome,
              account.clock.ticks() + step)  # fmt: skip
    account.messages[one.id] = one
    account.counters["tested" if test else "accepted"] += 1
    return one


@method("sms/status")
def status(account: Account, fields: Fields) -> Said:
    account.walk()
    told: dict[str, Any] = {}
    lines = []
    ids = [one.strip() for one in fields.get("sms_id", "").split(",") if one.strip()]
    for ident in ids[:NUMBERS_MAX]:
        one = account.messages.get(ident)
        if one is None:
            told[ident] = _error(-1)
            lines.append("-1")
            continue
        told[ident] = {
            "status": "OK", "status_code": one.code, "status_text": text(one.code), "cost": _money(account, one.cost),
            "send_time": one.sent_at, "status_time": one.status_at,
        }  # fmt: skip
        lines.append(str(one.code))
    return Said(_ok(sms=told, balance=float(account.balance)), lines if len(lines) == 1 else ["100", *lines])


@method("sms/cost")
def cost(account: Account, fields: Fields) -> Said:
    told: dict[str, Any] = {}
    total, count = Decimal(0), 0
    for given, message in _wanted(fields):
        number = _number(given)
        try:
            _check(account, number, message, sending=False)
        except Refused as refused:
            told[number or given] = _error(refused.code)
            continue
        parts = segments_of(message)
        told[number] = _ok(cost=_money(account, account.price * parts), sms=parts)
        total, count = total + account.price * parts, count + parts
    return Said(_ok(sms=told, total_cost=float(total), total_sms=count), ["100", f"{total:.2f}", str(count)])


@method("my/balance")
def balance(account: Account, fields: Fields) -> Said:
    return Said(_ok(balance=float(account.balance)), ["100", f"{account.balance:.2f}"])


@method("my/limit")
def limit(account: Account, fields: Fields) -> Said:
    return Said(_ok(total_limit=account.limit, used_today=account.used), ["100", str(account.limit), str(account.used)])


@method("my/free")
def free(account: Account, fields: Fields) -> Said:
    return Said(_ok(total_free=account.free, used_today=None), ["100", str(account.free), "0"])


@method("my/senders")
def senders(account: Account, fields: Fields) -> Said:
    return Said(_ok(senders=list(account.senders)), ["100", *account.senders])


@method("auth/check")
def check(account: Account, fields: Fields) -> Said:
    return Said(_ok(), ["100"])


@method("stoplist/add")
def stop(account: Account, fields: Fields) -> Said:
    number = _number(fields.get("stoplist_phone", ""))
    if len(number) < 11:
        raise Refused(202)
    account.stoplist[number] = fields.get("stoplist_text", "")
    return Said(_ok(), ["100"])


@method("stoplist/del")
def unstop(account: Account, fields: Fields) -> Said:
    account.stoplist.pop(_number(fields.get("stoplist_phone", "")), None)
    return Said(_ok(), ["100"])


@method("stoplist/get")
def stopped(account: Account, fields: Fields) -> Said:
    return Said(_ok(stoplist=dict(account.stoplist)), ["100", *(f"{one};{why}" for one, why in account.stoplist.items())])


def _callbacks(account: Account) -> Said:
    return Said(_ok(callback=list(account.callbacks)), ["100", *account.callbacks])


@method("callback/add")
def add_callback(account: Account, fields: Fields) -> Said:
    url = fields.get("url", "")
    if not re.match(r"https?://", url):
        raise Refused(901)
    if url not in account.callbacks:
        account.callbacks.append(url)
    return _callbacks(account)


@method("callback/del")
def drop_callback(account: Account, fields: Fields) -> Said:
    if fields.get("url", "") not in account.callbacks:
        raise Refused(902)
    account.callbacks.remove(fields["url"])
    return _callbacks(account)


@method("callback/get")
def get_callbacks(account: Account, fields: Fields) -> Said:
    return _callbacks(account)
