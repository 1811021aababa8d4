"""Passes connections on: `relay.py LISTEN_HOST:PORT TARGET_HOST:PORT…`, the targets in turn, a silent one passed over.

Two uses. A balancer before several web processes, as any desk beyond one machine has one. And in a network namespace the
way from its own localhost to the portal, since a portal is asked over plain http on this machine only.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys

CONNECT_SECONDS = 1.0


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def opened(targets: list[tuple[str, int]], first: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    for n in range(len(targets)):
        host, port = targets[(first + n) % len(targets)]
        with contextlib.suppress(OSError, asyncio.TimeoutError):
            return await asyncio.wait_for(asyncio.open_connection(host, port), CONNECT_SECONDS)
    return None


async def main(listen: tuple[str, int], targets: list[tuple[str, int]]) -> None:
    turns = itertools.count()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await opened(targets, next(turns))
        if there is not None:
            ways = [asyncio.ensure_future(pump(reader, there[1])), asyncio.ensure_future(pump(there[0], writer))]
            # Where one side has ended, the other one has nothing to say any more: it is HTTP.
            _, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in left:
                way.cancel()
            there[1].close()
        writer.close()

    server = await asyncio.start_server(serve, *listen)
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


def address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


if __name__ == "__main__":
    asyncio.run(main(address(sys.argv[1]), [address(text) for text in sys.argv[2:]]))
