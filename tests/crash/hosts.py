"""Where a process runs: this machine as it is, or a network namespace of its own that stands for a machine of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from dataclasses import dataclass, replace

BRIDGE, HUB = "annex0", "10.77.0.1"
NETWORK = "10.77.0.0/24"


@dataclass(frozen=True)
class Host:
    """`prefix` stands before a command that is to run there."""

    name: str
    address: str = "127.0.0.1"
    prefix: tuple[str, ...] = ()

    def hurried(self) -> Host:
        """The same, before all others: a portal that stands still for a quarter of a second takes two requests for one
        moment, and refuses the second one. That would be this machine's fault, not the desk's."""
        return replace(self, prefix=(*self.prefix, "nice", "-n", "-15")) if os.geteuid() == 0 else self

    def cut_off(self) -> None:
        _ip("link", "set", f"v-{self.name}", "down")

    def reconnect(self) -> None:
        _ip("link", "set", f"v-{self.name}", "up")


LOCAL = Host("here")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def namespaces_work() -> str:
    """Empty if namespaces can be made here, else why not."""
    for program in ("ip", "unshare"):
        if shutil.which(program) is None:
            return f"there is no program `{program}`"
    if os.geteuid() != 0:
        return "this needs root"
    tried = subprocess.run(
        [*APART, "sh", "-c", f"{MAKE_ROOM} && ip link add annex0 type bridge && ip netns add probe"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    return tried.stderr.strip() if tried.returncode else ""


# A network, mounts and process numbers of its own: whatever happens in there, nothing of it is left when it ends.
APART = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--")
MAKE_ROOM = "mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && ip link set lo up"


def bridge() -> None:
    """The cable between all hosts; we are at its hub."""
    _ip("link", "add", BRIDGE, "type", "bridge")
    _ip("addr", "add", f"{HUB}/24", "dev", BRIDGE)
    _ip("link", "set", BRIDGE, "up")


def namespace(name: str, number: int) -> Host:
    address = f"10.77.0.{number}"
    _ip("netns", "add", name)
    _ip("link", "add", f"v-{name}", "type", "veth", "peer", "name", "eth0", "netns", name)
    _ip("link", "set", f"v-{name}", "master", BRIDGE)
    _ip("link", "set", f"v-{name}", "up")
    inside = ("netns", "exec", name, "ip")
    _ip(*inside, "link", "set", "lo", "up")
    _ip(*inside, "addr", "add", f"{address}/24", "dev", "eth0")
    _ip(*inside, "link", "set", "eth0", "up")
    return Host(name, address, ("ip", "netns", "exec", name))


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=20)
