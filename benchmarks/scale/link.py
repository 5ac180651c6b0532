"""Two network namespaces of this machine, with a slow link between them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

# Set aside for measuring networks (RFC 2544).
_ADDRESSES = ("198.18.0.1", "198.18.0.2")
_BURST_BYTES = 4096


class End(NamedTuple):
    """One side of the link: how a program is started there, and its address."""

    prefix: tuple[str, ...]
    address: str


@contextmanager
def link(bandwidth: float) -> Iterator[list[End] | None]:
    """The two ends of a link of so many bytes a second each way, in a block.

    None where this process may not make any: that takes Linux, root, and `ip` and `tc`. The
    kernel's token bucket (tbf) bounds the bandwidth; it adds no latency.
    """
    names = [f"tfsoftmax-{os.getpid()}-{side}" for side in "ab"]
    try:
        yield _made(names, bandwidth)
    finally:
        for name in names:
            _run("ip", "netns", "del", name)


def _made(names: list[str], bandwidth: float) -> list[End] | None:
    if not (shutil.which("ip") and shutil.which("tc")):
        return None
    commands = [["ip", "netns", "add", name] for name in names]
    first, second = (["name", "slow", "netns", name] for name in names)
    commands.append(["ip", "link", "add", *first, "type", "veth", "peer", *second])
    for name, address in zip(names, _ADDRESSES, strict=True):
        within = ["-n", name]
        commands += [
            ["ip", *within, "addr", "add", f"{address}/30", "dev", "slow"],
            ["ip", *within, "link", "set", "slow", "up"],
            ["ip", *within, "link", "set", "lo", "up"],
            ["tc", *within, "qdisc", "add", "dev", "slow", "root", "tbf", "rate",
             f"{8 * bandwidth:.0f}bit", "burst", str(_BURST_BYTES), "latency", "100ms"],
        ]  # fmt: skip
    if not all(_run(*command) for command in commands):
        return None
    prefixes = [("ip", "netns", "exec", name) for name in names]
    return [End(*each) for each in zip(prefixes, _ADDRESSES, strict=True)]


def _run(*command: str) -> bool:
    """Whether a command succeeded."""
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
