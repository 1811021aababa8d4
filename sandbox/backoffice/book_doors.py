"""Doors about clients: who there is, who was registered how often, and what staff of the back office do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.backoffice import book, reading, seed, values, xml_out
from sandbox.backoffice.doors import door
from sandbox.backoffice.state import Client, Office
from sandbox.backoffice.tables import MARGIN

MANY_MAX = 1_000_000


def shown(client: Client) -> dict[str, Any]:
    return {
        "id": client.id, "kind": client.kind, "name": client.name, "active": client.active, "details": client.details,
        "request_id": client.by_request, "terms": client.terms,
        "contracts": [one["number"] for one in client.tables["contracts"]],
    }  # fmt: skip


@door("GET", "/sandbox/clients")
def clients(office: Office, data: Mapping[str, Any]) -> Any:
    return {"clients": [shown(one) for one in office.clients.values()]}


@door("GET", "/sandbox/client")
def client(office: Office, data: Mapping[str, Any]) -> Any:
    one = office.client(data["id"])
    return shown(one) | {"tables": one.tables | {MARGIN.name: reading.margin(one)}}


@door("POST", "/sandbox/client")
def new_client(office: Office, data: Mapping[str, Any]) -> Any:
    made = seed.add(office, dict(data))
    office.wake()
    return {"client": made.id}


@door("POST", "/sandbox/client/delete")
def delete_client(office: Office, data: Mapping[str, Any]) -> Any:
    del office.clients[office.client(data["client"]).id]
    return {"deleted": True}


@door("POST", "/sandbox/row")
def row(office: Office, data: Mapping[str, Any]) -> Any:
    fields = {name: value for name, value in data.items() if name not in ("client", "table")}
    return {"row": book.change(office, office.client(data["client"]), book.table_named(data["table"]), fields)}


@door("POST", "/sandbox/row/delete")
def delete_row(office: Office, data: Mapping[str, Any]) -> Any:
    fields = {name: value for name, value in data.items() if name not in ("client", "table")}
    return {"deleted": book.remove(office, office.client(data["client"]), book.table_named(data["table"]), fields)}


@door("POST", "/sandbox/rows")
def many_rows(office: Office, data: Mapping[str, Any]) -> Any:
    """So many made-up rows in a table, for load."""
    one, table, count = office.client(data["client"]), book.table_named(data["table"]), int(data["count"])
    if not 0 < count <= MANY_MAX:
        raise values.Impossible(f"count must be 1 to {MANY_MAX}")
    one.tables[table.name].extend(row for _, row in reading.made_up(table, count))
    return {"rows": len(one.tables[table.name])}


@door("POST", "/sandbox/trade")
def trade(office: Office, data: Mapping[str, Any]) -> Any:
    return book.trade(office, office.client(data["client"]), data)


@door("POST", "/sandbox/close")
def close(office: Office, data: Mapping[str, Any]) -> Any:
    return {"closed": book.close(office, office.client(data["client"]), values.text(data.get("contract"), "contract"))}


@door("POST", "/sandbox/spoil")
def spoil(office: Office, data: Mapping[str, Any]) -> Any:
    """One cell goes out as that text from now on; `text` left out: as the book says again."""
    one, table = office.client(data["client"]), book.table_named(data["table"])
    key = tuple(values.text(data.get(name), name) for name in table.key)
    if key not in {table.key_of(row) for row in one.tables[table.name]}:
        raise values.Impossible(f"no row {key!r} in {table.name}")
    place = table.name, key, table.column(str(data["column"])).name
    if data.get("text") is None:
        one.spoiled.pop(place, None)
    else:
        one.spoiled[place] = values.text(data["text"], "text")
    return {"spoiled": len(one.spoiled)}


@door("GET", "/sandbox/registered")
def registered(office: Office, data: Mapping[str, Any]) -> Any:
    """Every OpenAccount that was decided, newest last, and who is there twice."""
    wanted = data.get("request_id")
    return {
        "requests": [
            {"request_id": one.request_id, "client": one.client, "at": one.at, "repeats": one.repeats,
             "outcome": "accepted" if one.client else "rejected", "answer": xml_out.write(one.answer)}
            for one in office.registrations if wanted in (None, one.request_id)
        ],
        "twice": office.twice(), "registered": office.counters["registered"],
        "doubles_refused": office.counters["doubles_refused"], "repeated": office.counters["repeated"],
    }  # fmt: skip
