"""Processes that work together, and are asked together."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from asked import Asked
from link import End
from shared import Cost

from tfsoftmax.distributed.launch import configs

_PORT = 2222


class Group:
    """Some workers of `worker.py`, until the end of a block.

    Attributes:
      count: how many.
    """

    def __init__(self, folder: Path, count: int, ends: Sequence[End] = ()):
        """Starts them; each waits for the others, and `ready` for all.

        Args:
          folder: of the rows.
          count: how many; one works alone.
          ends: of the link between two of them; none is needed on one machine.
        """
        self.count = count
        self._stack = ExitStack()
        contexts = _configs_over(ends) if ends else configs(count) if count > 1 else [""]
        command = [sys.executable, str(Path(__file__).with_name("worker.py")), str(folder)]
        self._workers = [
            self._stack.enter_context(
                Asked(
                    f"worker {index} of {count}",
                    [*(ends[index].prefix if ends else ()), *command],
                    {"TF_CONFIG": config},
                )
            )
            for index, config in enumerate(contexts)
        ]

    def ready(self) -> None:
        """Waits until all are."""
        for worker in self._workers:
            worker.answer()

    def ask(self, what: str, **arguments: Any) -> Any:
        """What the first of them answers, while the others rest."""
        return self._workers[0].ask(json.dumps({"do": what, "with": arguments}))

    def ask_all(self, what: str, **arguments: Any) -> list[Any]:
        """What each of them answers; all do it at once."""
        for worker in self._workers:
            worker.send(json.dumps({"do": what, "with": arguments}))
        return [worker.answer() for worker in self._workers]

    def cost(self, what: str, **arguments: Any) -> Cost:
        """What something costs one of them, on average, if all do it at once."""
        answers = self.ask_all(what, **arguments)
        return Cost(*(statistics.mean(parts) for parts in zip(*answers, strict=True)))

    def __enter__(self) -> Group:
        return self

    def __exit__(self, *error: Any) -> None:
        # All at once: whoever ends waits for the others.
        for worker in self._workers:
            with suppress(OSError):
                worker.send(json.dumps({"do": "end"}))
        self._stack.__exit__(*error)


def _configs_over(ends: Sequence[End]) -> list[str]:
    cluster = {"worker": [f"{end.address}:{_PORT}" for end in ends]}
    tasks = ({"type": "worker", "index": index} for index in range(len(ends)))
    return [json.dumps({"cluster": cluster, "task": task}) for task in tasks]
