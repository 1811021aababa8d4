"""Typed calls of Bitrix24's REST: what calls.py has, and lists without counting, and many records at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from connectors.bitrix24 import bulk
from connectors.bitrix24.auth import Tokens
from connectors.bitrix24.calls import NO_PARAMS, Calls
from connectors.bitrix24.commands import Call, Outcome
from connectors.bitrix24.reading import Query, read_all, read_chosen, read_counted, read_stream
from connectors.bitrix24.settings import Settings
from connectors.bitrix24.wire import Wire
from kernel.extension import Connection

__all__ = ["Call", "Client", "Outcome", "Query", "connect"]
Raw = dict[str, Any]


class Client(Calls):
    """One portal's REST."""

    # --- lists ------------------------------------------------------------------------------------------------------

    def all(
        self, method: str, params: Mapping[str, Any] = NO_PARAMS, *, key: str = "items", id_field: str = "id"
    ) -> Iterator[Raw]:
        """All rows by rising id, without counting, up to 2,500 a request. `key` is "" where the result is the list itself.

        None is missed or comes twice, whatever is added or deleted meanwhile; what is added later may or may not come.
        """
        return read_stream(self, Query(method, params, key, id_field))

    def many(self, queries: Sequence[Query]) -> list[list[Raw]]:
        """Several such lists in as few requests as possible; a small one costs two fiftieths of a request."""
        return read_all(self, queries)

    def chosen(
        self, method: str, params: Mapping[str, Any], ids: Iterable[int | str], *, key: str = "items", id_field: str = "id"
    ) -> list[Raw]:
        """The rows with these ids, 2,500 a request; those that are not there are left out."""
        return read_chosen(self, Query(method, params, key, id_field), ids)

    def counted(
        self, method: str, params: Mapping[str, Any] = NO_PARAMS, *, key: str = "", id_field: str = "ID"
    ) -> list[Raw]:
        """All rows of a list that only knows pages (user.get, department.get, lists.element.get)."""
        return read_counted(self, Query(method, params, key, id_field))

    # --- many records -----------------------------------------------------------------------------------------------

    def update_many(self, entity_type_id: int, changes: Sequence[tuple[int | str, Mapping[str, Any]]]) -> list[Outcome]:
        return bulk.update_many(self, entity_type_id, changes)

    def create_many(
        self, entity_type_id: int, items: Sequence[Mapping[str, Any]], key_field: str, *, maybe_done: bool = False
    ) -> list[Outcome]:
        """Make records, each once: `key_field` keeps our key. An outcome's value is the record's id.

        `maybe_done`: an earlier try may have made some of them, so look first.
        """
        return bulk.create_many(self, entity_type_id, items, key_field, self._clock, maybe_done=maybe_done)

    def contacts_of(self, entity_type_id: int, ids: Iterable[int | str]) -> dict[int, list[int]]:
        """By record: the ids of its contacts."""
        return bulk.contacts_of(self, entity_type_id, ids)


def connect(connection: Connection, read: Settings) -> Client:
    return Client(Wire(connection, read, Tokens(connection, read)), connection.clock)
