"""The settings, read once and checked."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast
from urllib.parse import urlsplit

from connectors.backoffice import limits
from kernel.errors import Misconfigured
from kernel.extension import SettingLine
from kernel.telemetry import tell_secret

WAYS = ("none", "basic", "wsse", "header")
YES, NO = ("yes", "true", "1"), ("no", "false", "0", "")
SETTINGS = (
    SettingLine("BACKOFFICE_URL", "адрес учётной системы: хост и начало пути; пусто — выключено", switch=True),
    SettingLine("BACKOFFICE_AUTH", "как мы доказываем, кто мы: none, basic, wsse или header", "none"),
    SettingLine("BACKOFFICE_USER", "имя для basic и wsse"),
    SettingLine("BACKOFFICE_PASSWORD", "пароль для basic и wsse, значение заголовка для header", secret=True),
    SettingLine("BACKOFFICE_HEADER", "имя заголовка для header, например X-Api-Key"),
    SettingLine("BACKOFFICE_CA", "файл с удостоверяющими центрами учётной системы (PEM); пусто — общеизвестные"),
    SettingLine("BACKOFFICE_CERT", "файл с нашим сертификатом (PEM), если учётная система его требует"),
    SettingLine("BACKOFFICE_KEY", "файл с ключом к нему, если он лежит отдельно"),
    SettingLine("BACKOFFICE_PLAIN_HTTP", "yes — адрес может начинаться с http://; пароль и данные идут открыто", "no"),
    SettingLine("BACKOFFICE_PARALLEL", "сколько запросов сразу, от всех процессов вместе", "4"),
    SettingLine("BACKOFFICE_TIMEOUT_S", "сколько секунд ждать ответа; соединения — не дольше двух", "8"),
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What the environment says, as types."""

    url: str
    auth: Literal["none", "basic", "wsse", "header"]
    user: str
    password: str = field(repr=False)
    header: str
    ca: str
    certificate: str
    key: str
    parallel: int
    timeout_s: float

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def encrypted(self) -> bool:
        return self.url.startswith("https://")

    @property
    def basic(self) -> str:
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def read(settings: Mapping[str, str]) -> Settings:
    """Raises Misconfigured naming the setting, and never its value where that is a secret."""
    given = {line.name: (settings.get(line.name) or "").strip() or line.default for line in SETTINGS}
    password = given["BACKOFFICE_PASSWORD"]
    tell_secret(password)
    auth = given["BACKOFFICE_AUTH"].lower()
    if auth not in WAYS:
        raise Misconfigured(f"BACKOFFICE_AUTH is «{auth}»: it may be {', '.join(WAYS)}")
    if auth != "none" and not password:
        raise Misconfigured(f"BACKOFFICE_PASSWORD is not set, and BACKOFFICE_AUTH is {auth}")
    if auth in ("basic", "wsse") and not given["BACKOFFICE_USER"]:
        raise Misconfigured(f"BACKOFFICE_USER is not set, and BACKOFFICE_AUTH is {auth}")
    if auth == "basic" and ":" in given["BACKOFFICE_USER"]:
        raise Misconfigured("BACKOFFICE_USER has a colon, which a name for basic cannot have")
    if auth == "header" and not re.fullmatch(r"[A-Za-z0-9-]{1,64}", given["BACKOFFICE_HEADER"]):
        raise Misconfigured("BACKOFFICE_HEADER is no name of a header: letters, digits and -, like X-Api-Key")
    if auth == "header" and not (password.isascii() and password.isprintable()):
        raise Misconfigured("BACKOFFICE_PASSWORD holds characters that no header can carry")
    found = Settings(
        _url(given), cast("Literal['none', 'basic', 'wsse', 'header']", auth), given["BACKOFFICE_USER"], password,
        given["BACKOFFICE_HEADER"], _file(given, "BACKOFFICE_CA"), _file(given, "BACKOFFICE_CERT"),
        _file(given, "BACKOFFICE_KEY"), int(_number(given, "BACKOFFICE_PARALLEL", limits.PARALLEL_MAX)),
        _number(given, "BACKOFFICE_TIMEOUT_S", limits.TIMEOUT_SECONDS_MAX),
    )  # fmt: skip
    if found.key and not found.certificate:
        raise Misconfigured("BACKOFFICE_KEY is set, and BACKOFFICE_CERT is not: the certificate to that key")
    tell_secret(found.basic.removeprefix("Basic ")) if auth in ("basic", "wsse") else None
    return found


def _url(given: Mapping[str, str]) -> str:
    url = given["BACKOFFICE_URL"]
    if not url:
        raise Misconfigured("BACKOFFICE_URL is not set: the address of the back office")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as exc:
        raise Misconfigured("BACKOFFICE_URL is not an address") from exc
    if not host or parts.scheme not in ("https", "http"):
        raise Misconfigured("BACKOFFICE_URL must begin with https:// and name the host")
    if parts.username or parts.password:
        raise Misconfigured(
            "BACKOFFICE_URL holds a name or a password: those go into BACKOFFICE_USER and BACKOFFICE_PASSWORD"
        )
    if parts.query or parts.fragment or "{" in url or any(one.isspace() for one in url) or ".." in parts.path.split("/"):
        raise Misconfigured("BACKOFFICE_URL is a host and the beginning of a path, with nothing behind it")
    plain = given["BACKOFFICE_PLAIN_HTTP"].lower()
    if plain not in (*YES, *NO):
        raise Misconfigured(f"BACKOFFICE_PLAIN_HTTP is «{plain}»: it may be yes or no")
    if parts.scheme == "http" and plain not in YES:
        raise Misconfigured(
            "BACKOFFICE_URL begins with http://, so everybody in between can read it: use https://, or allow it by "
            "BACKOFFICE_PLAIN_HTTP=yes"
        )
    return url.rstrip("/")


def _file(given: Mapping[str, str], name: str) -> str:
    if given[name] and not Path(given[name]).is_file():
        raise Misconfigured(f"{name} names {given[name]}, which is not a file")
    return given[name]


def _number(given: Mapping[str, str], name: str, most: float) -> float:
    try:
        number = float(given[name])
    except ValueError:
        number = 0.0
    if not 1 <= number <= most or (name.endswith("PARALLEL") and number != int(number)):
        raise Misconfigured(f"{name} is «{given[name]}»: it may be 1 to {most:g}")
    return number
