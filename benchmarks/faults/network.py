"""Where workers run: on this machine, or in two parts of it with a link that can be cut."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from tfsoftmax.distributed.launch import configs

_HOSTS = ("10.97.0.1", "10.97.0.2")
_PORT = 4000


class Network(list[tuple[list[str], str]]):
    """Of each worker, what its command begins with, and its ``TF_CONFIG``."""

    @classmethod
    def local(cls, workers: int) -> Network:
        """This machine, with ports that are free now."""
        return cls(([], config) for config in configs(workers))


@contextmanager
def two_machines(sides: list[int]) -> Iterator[tuple[Network, Callable[[], None]]]:
    """Two network namespaces with a bridge between them, and a function that cuts one off.

    What is sent after the cut is lost, as in a broken network: nobody is told.

    Args:
      sides: of each worker, in which namespace it runs, 0 or 1.

    Raises:
      OSError, subprocess.CalledProcessError: if this machine does not let us have them.
    """
    spaces = [f"tfsoftmax-{os.getpid()}-{side}" for side in ("left", "right", "between")]
    bridge = ("-n", spaces[2], "link")
    with ExitStack() as stack:
        for space in spaces:
            _ip("netns", "add", space)
            stack.callback(_ip, "netns", "del", space)
        _ip(*bridge, "add", "bridge", "type", "bridge")
        _ip(*bridge, "set", "bridge", "up")
        for side, (space, host) in enumerate(zip(spaces[:2], _HOSTS, strict=True)):
            peer = ("peer", "name", "eth0", "netns", space)
            _ip(*bridge, "add", f"port{side}", "type", "veth", *peer)
            _ip(*bridge, "set", f"port{side}", "master", "bridge", "up")
            _ip("-n", space, "addr", "add", f"{host}/24", "dev", "eth0")
            for device in ("eth0", "lo"):
                _ip("-n", space, "link", "set", device, "up")
        addresses = [f"{_HOSTS[side]}:{_PORT + index}" for index, side in enumerate(sides)]
        network = Network()
        for index, side in enumerate(sides):
            task = {"type": "worker", "index": index}
            config = json.dumps({"cluster": {"worker": addresses}, "task": task})
            network.append((["ip", "netns", "exec", spaces[side]], config))
        yield network, lambda: _ip(*bridge, "set", "port1", "nomaster")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)  # noqa: S607
