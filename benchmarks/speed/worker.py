"""A process with one competitor in it, asked over standard input, answering in JSON lines.

worker.py NAME TASK_JSON, then lines: "warm up", "epoch", "curve", "evaluation",
"peak".
"""

from __future__ import annotations

import itertools
import json
import resource
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from competitors import COMPETITORS, Competitor
from task import Task

# The same for all, so that they can be held against each other by their quality then.
WARM_UP_EPOCHS = 3
# How long a turn goes on; shorter ones measure how the machine wakes up.
TURN_SECONDS = 0.3


def steady(run: Callable[[], float]) -> float:
    """Mean seconds of a run among others: one that does not count, then enough for a turn."""
    run()
    taken = [run()]
    while sum(taken) < TURN_SECONDS:
        taken.append(run())
    return sum(taken) / len(taken)


def quality(competitor: Competitor) -> dict[str, float]:
    """Accuracy and log-loss on the test rows, from the weights, in float64."""
    x = competitor.task.array("test-features") / 255.0
    y = competitor.task.array("test-labels")
    if hasattr(competitor, "probabilities"):
        probabilities = competitor.probabilities(x)
    else:
        W, b = competitor.weights()
        logits = x @ W.astype(np.float64) + b
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    chosen = np.maximum(probabilities[np.arange(len(y)), y], 1e-300)
    return {
        "accuracy": float(np.mean(probabilities.argmax(axis=1) == y)),
        "log_loss": float(-np.log(chosen).mean()),
    }


def curve(competitor: Competitor) -> list[tuple[float, float]]:
    """(seconds of training so far, test log-loss) after each epoch."""
    if hasattr(competitor, "curve"):
        return competitor.curve()
    points, seconds = [], 0.0
    epochs = 1 if type(competitor).__name__ == "SklearnLbfgs" else competitor.task.epochs
    for epoch in range(epochs):
        seconds += competitor.epoch(epoch)
        points.append((seconds, quality(competitor)["log_loss"]))
    return points


def peak_memory() -> int:
    """Most bytes the process has held; getrusage would count what its parent held before."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if "VmHWM" in line)
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    name, task = sys.argv[1], Task.from_json(sys.argv[2])
    competitor = COMPETITORS[name](task)
    _answer({library: version(library) for library in competitor.libraries})
    epochs = itertools.count()
    for line in sys.stdin:
        request = line.strip()
        if request == "warm up":
            for _ in range(WARM_UP_EPOCHS):
                competitor.epoch(next(epochs))
            _answer(quality(competitor))
        elif request == "epoch":
            _answer(steady(lambda: competitor.epoch(next(epochs))))
        elif request == "curve":
            _answer(curve(competitor))
        elif request == "evaluation":
            _answer(steady(competitor.evaluation))
        elif request == "peak":
            _answer(peak_memory())


def _answer(value: Any) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main()
