"""What is wrong with settings, token and reachability: one line each, in the words of the person who can mend it."""

from __future__ import annotations

from collections.abc import Iterator

import requests

from connectors.planfix import limits, settings
from connectors.planfix.client import Client, connect
from kernel.errors import AnnexError, Fault, Misconfigured, NoRight, Throttled, Unreachable
from kernel.extension import Connection

TOKEN_PLACE = "Керування акаунтом → Інтеграції → REST API"  # noqa: S105 - a place in a menu
TOKEN_WORDS = {
    "1": f"токен невідомий: створіть його в {TOKEN_PLACE} і впишіть у PLANFIX_TOKEN",
    "2": f"токен вимкнено: увімкніть його в {TOKEN_PLACE}",
    "5": f"токену бракує дозволів: {TOKEN_PLACE} → токен робота",
    "6": "власник токена не має доступу: видайте токен роботові, він має права адміністратора",
    "11": "акаунт Planfix заморожено",
    "16": "власник токена неактивний: видайте токен роботові",
    "20": "акаунт Planfix не оплачено",
    "21": "REST API є лише в платних акаунтах",
}


def doctor(connection: Connection) -> Iterator[str]:
    yield from _hooks(connection)
    try:
        read = settings.read(connection.settings, connection.mapping.portal.time_zone)
    except Misconfigured as exc:
        yield str(exc)
        return
    if not read.url.endswith("/rest/"):
        yield f"PLANFIX_URL зазвичай закінчується на /rest/, а тут {read.url}"
    client = connect(connection, read)
    try:
        headers = {name.lower(): value for name, value in client.ping().headers.items()}
        yield from _quota(headers.get("x-ratelimit-remaining", ""), read.pace.per_day)
        yield from _zone(client, read.zone.key)
    except AnnexError as exc:
        yield explained(exc)


def explained(exc: AnnexError) -> str:
    """An error of the first calls, as what to do about it."""
    cause = exc.__cause__
    if isinstance(exc, Misconfigured):
        return "PLANFIX_URL веде на перенаправлення: впишіть остаточну адресу (власний домен акаунта) з /rest/ у кінці"
    if isinstance(cause, requests.exceptions.SSLError):
        return "сертифікат адреси з PLANFIX_URL не пройшов перевірку: перевірте адресу й годинник цього комп'ютера"
    if isinstance(exc, Throttled):
        return f"Planfix просить почекати {exc.wait_seconds:g} с: ліміт запитів вичерпано"
    if isinstance(exc, NoRight):
        return TOKEN_WORDS.get(exc.vendor_code, str(exc))
    if isinstance(exc, Unreachable):
        return f"Planfix за адресою PLANFIX_URL не відповідає як слід: {exc}"
    return f"Planfix відмовив: {exc}" if isinstance(exc, Fault) else str(exc)


def _hooks(connection: Connection) -> Iterator[str]:
    present, old = (connection.settings.get(f"PLANFIX_HOOK_SECRET{end}", "").strip() for end in ("", "_OLD"))
    if not present:
        yield "PLANFIX_HOOK_SECRET не задано: жоден запит від скриптів Planfix не буде прийнято"
    for name, secret in (("PLANFIX_HOOK_SECRET", present), ("PLANFIX_HOOK_SECRET_OLD", old)):
        if secret and len(secret) < limits.HOOK_SECRET_CHARACTERS_MIN:
            yield f"{name} закороткий: треба щонайменше {limits.HOOK_SECRET_CHARACTERS_MIN} випадкових знаків"
    if present and present == old:
        yield "PLANFIX_HOOK_SECRET_OLD той самий, що й новий: приберіть його"


def _quota(left: str, per_day: int) -> Iterator[str]:
    if per_day and left.isascii() and left.isdigit() and int(left) < per_day * limits.QUOTA_SHARE_LOW:
        yield f"на сьогодні лишилося близько {left} запитів із {per_day}"


def _zone(client: Client, zone: str) -> Iterator[str]:
    """Whose token it is cannot be asked; where every robot has another zone, ours has, too."""
    zones = {str(raw["timezone"]) for raw in client.users() if raw.get("role") == "Robot" and raw.get("timezone")}
    if zones and zone not in zones:
        yield (
            f"часовий пояс робота в Planfix — {', '.join(sorted(zones))}, а в PLANFIX_TIME_ZONE (чи в наборі) — {zone}: "
            "зробіть їх однаковими, інакше дати зсунуться"
        )
