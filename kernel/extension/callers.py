"""Where a request came from: what our own proxies say, and nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network


def caller(peer: str, forwarded: str, proxies: Sequence[str]) -> str:
    """`peer`: the other end of the connection. `forwarded`: the header X-Forwarded-For. `proxies`: networks of our own."""
    here = peer
    for further in reversed(forwarded.split(",")):
        if not (further.strip() and _is_ours(here, proxies)):
            break
        here = further.strip()
    return here


def _is_ours(address: str, proxies: Sequence[str]) -> bool:
    try:
        return any(ip_address(address) in ip_network(one) for one in proxies)
    except ValueError:
        return False


__all__ = ["caller"]
