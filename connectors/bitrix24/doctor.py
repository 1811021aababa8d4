"""What is wrong with settings, tokens, rights and reachability: one line each, in the words of who can mend it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import requests

from connectors.bitrix24 import settings
from connectors.bitrix24.auth import APP
from connectors.bitrix24.client import Client, connect
from connectors.bitrix24.errors import NotConnected
from connectors.bitrix24.settings import Settings
from connectors.bitrix24.wire import DOMAIN
from kernel.errors import AnnexError, Fault, Misconfigured, NoRight, Rejected, Throttled, Unreachable
from kernel.extension import Connection

SCOPES = ("crm", "user", "department", "timeman", "im")
APP_SCOPES = ("placement", "bizproc", "userfieldconfig", "lists")
REMEDIES = {
    "NO_AUTH_FOUND": "портал не узнаёт вебхук или токен: создайте новый вебхук и впишите его в BITRIX24_WEBHOOK",
    "INVALID_CREDENTIALS": "вебхук не принят: создайте новый (Разработчикам → Другое → Входящий вебхук) и впишите его в "
    "BITRIX24_WEBHOOK",
    "APPLICATION_NOT_FOUND": "приложение удалено в Битрикс24: установите его снова",
    "PAYMENT_REQUIRED": "портал или приложение не оплачены",
    "ACCESS_DENIED": "REST есть только на платных тарифах",
    "PORTAL_DELETED": "портал удалён: проверьте BITRIX24_URL",
    "INVALID_REQUEST": "адрес в BITRIX24_URL должен начинаться с https://",
}


def doctor(connection: Connection) -> Iterator[str]:
    try:
        read = settings.read(connection.settings, connection.mapping.portal.time_zone)
    except Misconfigured as exc:
        yield str(exc)
        return
    yield from _events(connection, read)
    client = connect(connection, read)
    try:
        yield from _access(client, read)
        yield from _zone(client, read)
        if read.client_id:
            yield from _application(client, connection)
    except AnnexError as exc:
        yield explained(exc)
    moved = connection.vault.get(DOMAIN) or {}
    if moved.get("from") == read.url and moved.get("url"):
        yield f"портал переименован: впишите в BITRIX24_URL новый адрес {moved['url']}"


def explained(exc: AnnexError) -> str:
    """An error of the first calls, as what to do about it."""
    if isinstance(exc.__cause__, requests.exceptions.SSLError):
        return "сертификат адреса из BITRIX24_URL не прошёл проверку: проверьте адрес и часы этого компьютера"
    if isinstance(exc, NotConnected):
        return REMEDIES.get(exc.vendor_code.upper(), f"портал нас не пускает: {exc}")
    if isinstance(exc, Throttled):
        return f"Битрикс24 просит подождать {exc.wait_seconds:g} с: лимит запросов исчерпан"
    if isinstance(exc, NoRight):
        return f"не хватает прав: {exc}"
    if isinstance(exc, Unreachable):
        return f"Битрикс24 по адресу BITRIX24_URL не отвечает как следует: {exc}"
    return f"Битрикс24 отказал: {exc}" if isinstance(exc, Fault) else str(exc)


def _events(connection: Connection, read: Settings) -> Iterator[str]:
    if not read.client_id and not settings.hook_token(connection.settings):
        yield (
            "события не придут: нет ни приложения (BITRIX24_CLIENT_ID), ни токена исходящего вебхука "
            "(BITRIX24_HOOK_TOKEN); изменения видны только при обходе"
        )
    local = read.url.startswith("http://")
    if read.client_id and not connection.public_url.startswith("https://") and not local:
        yield "ANNEX_PUBLIC_URL должен начинаться с https://: на другие адреса Битрикс24 события не шлёт"


def _access(client: Client, read: Settings) -> Iterator[str]:
    profile = client.call("profile")
    if not (isinstance(profile, dict) and profile.get("ADMIN") is True):
        who = "вебхук" if read.webhook else "приложение"
        yield f"{who} работает не от имени администратора: чужие рабочие дни и часть настроек не видны"
    granted = {str(scope) for scope in client.call("scope") or []}
    wanted = SCOPES if read.webhook else (*SCOPES, *APP_SCOPES)
    users = {"user", "user_basic"} & granted
    missing = [scope for scope in wanted if scope not in granted and not (scope == "user" and users)]
    if missing:
        where = "вебхука" if read.webhook else "приложения"
        yield f"не хватает прав (scope): {', '.join(missing)}; добавьте их в карточке {where}"


def _zone(client: Client, read: Settings) -> Iterator[str]:
    try:
        said = datetime.fromisoformat(str(client.call("server.time")))
    except (Rejected, ValueError):
        return  # an old box; nothing can be said
    if said.tzinfo is None:
        return
    ours = said.astimezone(read.zone)
    if ours.utcoffset() != said.utcoffset():
        yield (
            f"часы портала идут по {said:%z}, а BITRIX24_TIME_ZONE (или набор) говорит {read.zone.key} ({ours:%z}): "
            "сделайте их одинаковыми, иначе даты сдвинутся"
        )


def _application(client: Client, connection: Connection) -> Iterator[str]:
    if not connection.vault.get(APP):
        yield "приложение ещё не установлено: откройте его в Битрикс24 под администратором (Разработчикам → Интеграции)"
        return
    about: Any = client.call("app.info", app=True)
    if not (isinstance(about, dict) and about.get("INSTALLED")):
        yield "установка приложения не закончена, поэтому событий нет: откройте его в Битрикс24 под администратором"
        return
    home = connection.public_url
    bound = [str(one.get("handler") or "") for one in client.call("event.get", app=True) or [] if isinstance(one, dict)]
    if home and not any(handler.startswith(f"{home}/") for handler in bound):
        yield f"портал не шлёт событий на {home}: выполните `annex apply`"
