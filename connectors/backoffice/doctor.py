"""What is wrong with settings, access and mapping: one line each, in the words of who can fix it.

Every service of the set is asked once, for a client that does not exist: «no such client» is the best answer there is, since
address, proof and shape are right then. Where accounts are opened, a request is looked up that nobody made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

from connectors.backoffice import settings
from connectors.backoffice.source import UNKNOWN, BackOffice
from kernel import texts
from kernel.errors import AnnexError, BadAnswer, Maintenance, Misconfigured, Moved, NoRight, Rejected, Throttled, Unreachable
from kernel.extension import Connection

texts.add_folder(Path(__file__).parent / "locale")
NOBODY = "0000000000"  #: a ClientID as long as any, of nobody
NO_REQUEST = "annex:doctor"  #: a RequestID of none
NO_PHONE = "+70000000000"


class Words(Protocol):
    """A text by its code, in the set's language."""

    def __call__(self, code: str, /, **values: object) -> str: ...


def doctor(connection: Connection) -> Iterator[str]:
    translate: Words = partial(texts.translate, connection.mapping.portal.language)
    read = settings.read(connection.settings)
    if not read.encrypted and read.host not in ("localhost", "127.0.0.1", "::1"):
        yield translate("backoffice_doctor_plain")
    if read.auth == "none" and not read.certificate:
        yield translate("backoffice_doctor_no_proof")
    if not connection.mapping.sets:
        yield translate("backoffice_doctor_no_sets", name=connection.mapping.name)
    yield from dict.fromkeys(_asked(connection, translate))
    try:
        unknown = connection.vault.get(UNKNOWN) or {}
    except Misconfigured:
        return
    for name, columns in unknown.items():
        if columns:
            yield translate("backoffice_doctor_unknown", file=f"set.{name}.toml", names=", ".join(columns))


def _asked(connection: Connection, translate: Words) -> Iterator[str]:
    for file, ask in _questions(connection):
        try:
            ask()
        except AnnexError as exc:
            if line := explained(exc, file, translate):
                yield line
            if isinstance(exc, Throttled | Unreachable | NoRight | Moved):
                return  # the others would say the same


def _questions(connection: Connection) -> Iterator[tuple[str, Callable[[], object]]]:
    """Each with the file that declares it; none of them changes anything."""
    source = BackOffice(connection)
    for name, declared in connection.mapping.sets.items():
        for _, tables in declared.services():
            yield f"set.{name}.toml", partial(source.read, name, NOBODY, tables=tables)
    for name, push in connection.mapping.pushes.items():
        if push.service.status:
            yield f"push.{name}.toml", partial(source.accounts.standing, name, NO_REQUEST)
        if push.service.find:
            yield f"push.{name}.toml", partial(source.accounts.find, name, phone=NO_PHONE)


def explained(exc: AnnexError, file: str, translate: Words) -> str:
    """An error of a question as what to do about it; "" where it shows that all is well."""
    if isinstance(exc, NoRight):
        return translate("backoffice_doctor_refused", text=exc)
    if isinstance(exc, Moved):
        return translate("backoffice_doctor_moved", host=exc.address)
    if isinstance(exc, Maintenance):
        return translate("backoffice_doctor_maintenance")
    if isinstance(exc, Throttled):
        return translate("backoffice_doctor_throttled", seconds=f"{exc.wait_seconds:.0f}")
    if isinstance(exc, Unreachable):
        return translate("backoffice_doctor_unreachable", text=exc)
    if isinstance(exc, BadAnswer):
        return translate("backoffice_doctor_bad", file=file, text=exc)
    if isinstance(exc, Rejected):
        return ""  # NotFound, or whatever else it says of a client that is none: it understood the question
    return translate("backoffice_doctor_set_up", text=exc)
