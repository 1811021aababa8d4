"""Settings: read once at the start, from the environment or the file named by ANNEX_SETTINGS.

The file has lines `NAME=value`; the environment wins. Each value remembers where it came from.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from kernel.errors import Misconfigured
from kernel.telemetry import tell_secret


@dataclass(frozen=True)
class Known:
    """A setting that exists: name, help, default."""

    name: str
    help: str
    default: str = ""
    secret: bool = False


#: How to make a secret that nobody guesses; the doctor and the guides say the same.
SECRET_COMMAND = 'python3 -c "import secrets; print(secrets.token_urlsafe(32))"'  # noqa: S105 - a command
SECRET_CHARACTERS_MIN = 24

GENERAL = (
    Known("ANNEX_HOME", "data directory", "./var"),
    Known("ANNEX_DATABASE_URL", "database; default an SQLite file in ANNEX_HOME; postgresql+psycopg://… beyond one machine"),
    Known("ANNEX_SET", "mapping set: a name in mappings/ or a folder", "exchange-desk-planfix"),
    Known("ANNEX_SETTINGS", "file with these settings, NAME=value a line"),
    Known("ANNEX_PUBLIC_URL", "our address as staff and the CRM reach it", "http://127.0.0.1:8080"),
    Known(
        "ANNEX_SECRET", "guards forms and encrypts the CRM's tokens; default: made once and kept in ANNEX_HOME/secret.key",
        secret=True,
    ),
    Known("ANNEX_SECRET_OLD", "the one before, while tokens written under it are still in use", secret=True),
    Known("ANNEX_OPEN_PAGES", "yes: pages need no sign-in from this machine itself; for trying out only", "no"),
    Known("ANNEX_CURRENCIES", "further currencies and their scales, like TON=9,XAU=4"),
    Known("ANNEX_LOG", "log level: debug, info, warning", "info"),
    Known("ANNEX_CLOCK_FILE", "for demo and tests: a file with seconds to add to the clock"),
)  # fmt: skip


@dataclass(frozen=True)
class Value:
    known: Known
    text: str
    source: str  #: "environment", "file", "default", "not set"

    def display(self) -> str:
        if self.known.secret:
            return "••• (set)" if self.text else "(not set)"
        return mask_url(self.text)


class Settings(Mapping[str, str]):
    """All settings by name; unknown names in the file are an error that names the line."""

    def __init__(self, environment: Mapping[str, str] | None = None, *, also: Iterable[Known] = ()) -> None:
        self._known = {known.name: known for known in (*GENERAL, *also)}
        self._environment = dict(os.environ if environment is None else environment)
        self._file = self._read_file()
        self._values = {name: self._find(known) for name, known in self._known.items()}
        tell_secret(*(value.text for value in self._values.values() if value.known.secret), *_password(self.database_url))

    def _read_file(self) -> dict[str, str]:
        name = self._environment.get("ANNEX_SETTINGS", "")
        if not name:
            return {}
        path = Path(name)
        if not path.is_file():
            raise Misconfigured(f"ANNEX_SETTINGS names {path}, which is not a file")
        found = {}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            key, mark, value = text.partition("=")
            if not mark:
                raise Misconfigured(f"{path.name}, line {number}: not NAME=value")
            found[key.strip()] = value.strip().strip('"')
        return found

    def _find(self, known: Known) -> Value:
        if known.name in self._environment:
            return Value(known, self._environment[known.name], "environment")
        if known.name in self._file:
            return Value(known, self._file[known.name], "file")
        return Value(known, known.default, "default" if known.default else "not set")

    def unknown(self) -> list[str]:
        """Names in the settings file that nobody knows: most likely misspelt."""
        return sorted(set(self._file) - set(self._known))

    def values_with_source(self) -> list[Value]:
        return list(self._values.values())

    def __getitem__(self, name: str) -> str:
        return self._values[name].text

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    @property
    def home(self) -> Path:
        return Path(self["ANNEX_HOME"]).resolve()

    @property
    def database_url(self) -> str:
        return self["ANNEX_DATABASE_URL"] or f"sqlite:///{self.home / 'annex.db'}"

    def currencies(self) -> dict[str, int]:
        """ANNEX_CURRENCIES as code -> scale."""
        found = {}
        for part in filter(None, (piece.strip() for piece in self["ANNEX_CURRENCIES"].split(","))):
            code, mark, scale = part.partition("=")
            if not mark or not scale.strip().isdigit() or not 0 <= int(scale) <= 12:
                raise Misconfigured(f"ANNEX_CURRENCIES: «{part}» is not CODE=scale with a scale from 0 to 12")
            found[code.strip().upper()] = int(scale)
        return found


def _password(url: str) -> tuple[str, ...]:
    """The password in a database's address, as it stands there and as the database knows it."""
    account, mark, _ = url.partition("://")[2].rpartition("@")
    password = account.partition(":")[2]
    return (password, unquote(password)) if mark and password else ()


def mask_url(text: str) -> str:
    """A database address without its password."""
    head, mark, tail = text.partition("://")
    if mark and "@" in tail:
        account, _, rest = tail.rpartition("@")
        return f"{head}://{account.partition(':')[0]}:•••@{rest}"
    return text
