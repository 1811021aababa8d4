"""Words of the plan: what a thing is called, and what a refusal of the portal means for the person who sets it up."""

from __future__ import annotations

from kernel.errors import Fault, NoRight

RECORDS = {"lead": "лидов", "deal": "сделок", "contact": "контактов", "company": "компаний"}
CARDS = {"ru": "Клиент", "uk": "Клієнт", "en": "Client"}
DEVELOPERS = "Разработчикам → Другое"
SCOPES = "crm, userfieldconfig, lists, placement, bizproc, user, department, timeman, im, disk, messageservice"
INSTALL = (
    f"{DEVELOPERS} → Локальное приложение: впишите адрес обработчика {{handler}} и адрес установки (он же), отметьте права "
    f"{SCOPES}, сохраните; код и ключ приложения впишите в BITRIX24_CLIENT_ID и BITRIX24_CLIENT_SECRET, запустите «annex "
    "serve» и откройте приложение один раз как администратор"
)
PUBLIC = (
    "впишите в ANNEX_PUBLIC_URL адрес, по которому Битрикс24 достаёт нас из интернета: https и доверенный сертификат; "
    "localhost и самоподписанные сертификаты портал не принимает"
)
# The vendor's code, then words that say what to do.
REMEDIES = {
    "INSUFFICIENT_SCOPE": f"не хватает права: {DEVELOPERS} → вебхук (или приложение) → права: отметьте {SCOPES}",
    "WRONG_AUTH_TYPE": "это разрешено только приложению: установите локальное приложение",
    "ERROR_WRONG_HANDLER_URL": "адрес обработчика не на домене приложения: впишите тот же адрес в карточку приложения",
    "ERROR_UNSUPPORTED_PROTOCOL": "адрес обработчика должен начинаться с https://: исправьте ANNEX_PUBLIC_URL",
    "ERROR_PLACEMENT_MAX_COUNT": "на этом месте портал больше не принимает встроек: уберите лишние приложения",
    "ERROR_PLACEMENT_NOT_FOUND": "такого места на портале нет: не тот тариф или не хватает права приложения",
    "ERROR_PLACEMENT_USER_MODE": "портал не даёт такую встройку отдельному пользователю",
    "UPDATE_DYNAMIC_TYPE_RESTRICTED": "на этом тарифе нет смарт-процессов: смените тариф",
    "CREATE_DYNAMIC_TYPE_RESTRICTED": "на этом тарифе нет смарт-процессов: смените тариф",
    "ERROR_ACTIVITY_VALIDATION_FAILURE": "портал не принял описание робота: проверьте [robot] в portal.toml",
    "ERROR_METHOD_NOT_FOUND": "портал не знает этого метода: обновите коробку или смените тариф",
    "ERROR_EVENT_NOT_FOUND": "портал не знает такого события: не хватает права приложения или не тот тариф",
}
TEXTS = (
    ("more scopes", REMEDIES["INSUFFICIENT_SCOPE"]),
    ("higher privileges", REMEDIES["INSUFFICIENT_SCOPE"]),
    ("application context", REMEDIES["WRONG_AUTH_TYPE"]),
    (
        "unable to set event handler",
        "обработчик этого события уже стоит, или адрес не на домене приложения: повторите apply",
    ),
    ("commercial plan", "REST есть только на платных тарифах"),
    ("existing final", "успешная стадия должна стоять после стадий в работе"),
)
NO_ADMIN = "нужны права администратора: вебхук должен создать администратор, приложение должен установить администратор"


def remedy(exc: Fault) -> str:
    """What to do about a refusal; empty where nothing better is known than the portal's own words."""
    code, text = exc.vendor_code.upper(), str(exc).lower()
    if code in REMEDIES:
        return REMEDIES[code]
    for part, words in TEXTS:
        if part in text:
            return words
    return NO_ADMIN if isinstance(exc, NoRight) else ""


def of_records(kind: str, title: str) -> str:
    """Whose field it is: «поле … сделок», «поле … смарт-процесса «Операция»»."""
    return RECORDS.get(kind) or f"смарт-процесса «{title}»"


def is_shall(now: str, wanted: str) -> str:
    return f"сейчас «{now}», должно быть «{wanted}»"
