"""A network between this machine and a namespace of its own, which can be cut in two ways."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

HERE, THERE, NETWORK = "10.213.71.1", "10.213.71.2", "10.213.71.0/30"
NOBODY = "02:00:00:00:00:99"
"""An address of the link that no interface has: packets to it are dropped without a word."""
Cut = Literal["link down", "half-open"]


def ip(*arguments: str) -> None:
    """`ip ARGUMENTS`. Raises OSError."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.strip())


@dataclass(frozen=True)
class Network:
    """A link between this machine, at HERE, and the namespace, at THERE."""

    namespace: str
    device: str

    @property
    def inside(self) -> list[str]:
        """The command that runs another one in the namespace."""
        return ["ip", "netns", "exec", self.namespace]

    def cut(self, how: Cut) -> None:
        """Let nothing through any more: the namespace's end learns of it at once, or neither end does."""
        if how == "link down":
            ip("-n", self.namespace, "link", "set", "there", "down")
        else:
            self._neighbours("replace", "lladdr", NOBODY, "nud", "permanent")

    def mend(self, how: Cut) -> None:
        """Let everything through again."""
        if how == "link down":
            ip("-n", self.namespace, "link", "set", "there", "up")
        else:
            self._neighbours("del")

    def _neighbours(self, action: str, *how: str) -> None:
        ip("neigh", action, THERE, *how, "dev", self.device)
        ip("-n", self.namespace, "neigh", action, HERE, *how, "dev", "there")


@contextmanager
def a_network() -> Iterator[Network]:
    """A network until the block is left. Raises OSError where this process may not make one."""
    if os.getuid() != 0 or shutil.which("ip") is None:
        raise OSError("this needs root, and `ip` (Debian: iproute2)")
    network = Network(f"treadle-{os.getpid()}", f"treadle{os.getpid() % 10_000_000}")
    ip("netns", "add", network.namespace)
    try:
        ip("-n", network.namespace, "link", "set", "lo", "up")
        ip("link", "add", network.device, "type", "veth", "peer", "name", "there", "netns", network.namespace)
        ip("addr", "add", f"{HERE}/30", "dev", network.device)
        ip("link", "set", network.device, "up")
        ip("-n", network.namespace, "addr", "add", f"{THERE}/30", "dev", "there")
        ip("-n", network.namespace, "link", "set", "there", "up")
        yield network
    finally:
        ip("netns", "del", network.namespace)
