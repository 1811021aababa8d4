"""The load: so many connections kept open, each sending its next delivery when the last one is answered.

Run as a process of its own, so that it takes nothing from the server's interpreter: an order as JSON on standard input,
what came of it as JSON on standard output.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from dataclasses import dataclass, field
from typing import Any

BODY_CHARACTERS = 600


@dataclass
class Line:
    """One connection and what it waits for."""

    socket: socket.socket
    sent_at: float = 0.0
    got: bytearray = field(default_factory=bytearray)


def request(order: dict[str, Any], n: int) -> bytes:
    """A delivery as a Planfix script posts it: unique, about one of some hundred deals."""
    received = {
        "event": "deal.changed", "task": str(order.get("first", 1) + n % order["records"]),
        "delivery": f"{order['mark']}-{n}", "author": "Ігор Менеджер", "note": "x" * BODY_CHARACTERS,
    }  # fmt: skip
    body = json.dumps(received, ensure_ascii=False).encode()
    head = f"POST {order['path']} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return (head + f"X-Annex-Key: {order['key']}\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body


def answered(got: bytes) -> str | None:
    """The status of a whole answer, None while some of it is missing."""
    head, parted, body = got.partition(b"\r\n\r\n")
    if not parted:
        return None
    lines = head.decode("latin-1").split("\r\n")
    length = next(int(line.partition(":")[2]) for line in lines if line.lower().startswith("content-length:"))
    return lines[0].split()[1] if len(body) >= length else None


def run(order: dict[str, Any]) -> dict[str, Any]:
    """Send `count` deliveries over `connections`; how long it took, each answer's time, and answers by status."""
    requests = [request(order, order["start"] + n) for n in range(order["count"])]
    requests.reverse()
    chooser, took, statuses = selectors.DefaultSelector(), list[float](), dict[str, int]()
    for _ in range(order["connections"]):
        opened = socket.create_connection((order["host"], order["port"]))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chooser.register(opened, selectors.EVENT_READ, Line(opened))
    began = time.perf_counter()
    lines = [key.data for key in chooser.get_map().values()]
    for line in lines:
        _send_next(line, requests)
    open_ones = len(lines)
    while open_ones:
        for key, _ in chooser.select():
            line = key.data
            piece = line.socket.recv(65536)
            line.got += piece
            status = answered(bytes(line.got)) if piece else "closed"
            if status is None:
                continue
            took.append(time.perf_counter() - line.sent_at)
            statuses[status] = statuses.get(status, 0) + 1
            line.got.clear()
            if not piece or not _send_next(line, requests):
                chooser.unregister(line.socket)
                line.socket.close()
                open_ones -= 1
    return {"seconds": time.perf_counter() - began, "took": sorted(took), "statuses": statuses}


def _send_next(line: Line, requests: list[bytes]) -> bool:
    if not requests:
        return False
    line.sent_at = time.perf_counter()
    line.socket.sendall(requests.pop())
    return True


if __name__ == "__main__":
    print(json.dumps(run(json.load(sys.stdin))))
