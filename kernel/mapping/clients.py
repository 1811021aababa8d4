"""Whom a record is about: persons and companies are clients alike."""

from __future__ import annotations

from kernel.mapping.schema import EntityMap

#: Kinds of clients. What names a company is the company's, also where it names a person there: the person speaks for it.
CLIENTS = ("company", "contact")


def client_fields(entity: EntityMap) -> list[tuple[str, str]]:
    """Which fields of a record name its client, each after the kind of client it names: the first that is filled counts."""
    return [(kind, name) for kind in CLIENTS for name, one in entity.field.items() if one.type == kind]
