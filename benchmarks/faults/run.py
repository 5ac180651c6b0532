"""Three workers that train together, in processes of their own, and what they leave."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from network import Network

from tfsoftmax import load_predictor

WORKERS = 3
JOIN_SECONDS = 40
EPOCHS = 60
# A hang, on however slow a machine.
MOST_SECONDS = 600
TRAIN = [
    str(Path(sys.executable).with_name("tfsoftmax-train")), "digits", "--epochs", str(EPOCHS),
    "--l2", "7e-4", "--batch-size", "32", "--momentum", "0.9", "--tflite", "none",
    # So that the weights are those of a single process.
    "--sync-every", "1",
]  # fmt: skip
_TOGETHER = ["--join-timeout", str(JOIN_SECONDS), "--checkpoint-steps", "9", "--resume"]


class Run:
    """The workers of a run, in a folder with what they say, save and export.

    Attributes:
      workers: their processes, the chief's first.
      ended: when each was found to have ended.
    """

    def __init__(self, folder: Path, network: Network | None = None):
        self._folder = folder
        self.ended: dict[int, float] = {}
        self.workers = []
        options = ["--checkpoint-dir", str(folder / "run"), "--output-dir", str(folder / "models")]
        for index, (enter, config) in enumerate(network or Network.local(WORKERS)):
            command = [*enter, "env", f"TF_CONFIG={config}", *TRAIN, *_TOGETHER, *options]
            with self._output(index).open("w") as said:
                self.workers.append(subprocess.Popen(command, stdout=said, stderr=said))
        self.started = time.monotonic()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait()

    def _output(self, index: int) -> Path:
        return self._folder / f"{index}.txt"

    def said(self, index: int) -> str:
        """What a worker has printed."""
        return self._output(index).read_text()

    @property
    def epoch(self) -> int:
        """The last epoch that the chief has printed; 0 before."""
        found = re.findall(rf"^ *(\d+)/{EPOCHS}\b", self.said(0), re.MULTILINE)
        return int(found[-1]) if found else 0

    @property
    def codes(self) -> list[int | None]:
        """The exit codes; None of what still runs."""
        return [worker.poll() for worker in self.workers]

    def left(self, without: Sequence[int] = ()) -> list[int]:
        """The workers that have not ended."""
        for index, code in enumerate(self.codes):
            if code is not None:
                self.ended.setdefault(index, time.monotonic())
        return [index for index in range(WORKERS) if index not in (*self.ended, *without)]

    def wait(
        self,
        seconds: float = MOST_SECONDS,
        until: Callable[[], bool] = lambda: False,
        without: Sequence[int] = (),
    ) -> None:
        """Waits until something is so, the workers but some have ended, or the time is over."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.left(without) and not until():
            time.sleep(0.02)

    def wait_for_cpu(self, index: int, seconds: float) -> None:
        """Waits until a worker has had so much of the processor, or has ended.

        Unlike time, this tells how far it has come, however slow the machine is.
        """
        stat = Path(f"/proc/{self.workers[index].pid}/stat")

        def had() -> float:
            user, system = stat.read_text().rpartition(")")[2].split()[11:13]
            return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

        others = [other for other in range(WORKERS) if other != index]
        self.wait(until=lambda: had() >= seconds, without=others)

    def wait_for_epochs(self, epochs: int) -> None:
        """Waits until the chief has printed so many epochs, beginning where it resumed the run."""
        self.wait(until=lambda: self.epoch > 0)
        last = min(self.epoch + epochs, EPOCHS)
        self.wait(until=lambda: self.epoch >= last)


class Runs:
    """Runs that are disturbed until they come to their end, one after the other.

    Attributes:
      differences: of the weights of each that ended from those of one process.
      restarts: how often each was started again.
    """

    def __init__(self, parent: Path, expected: np.ndarray):
        self._parent, self._expected = parent, expected
        self.differences: list[float] = []
        self.restarts: list[int] = []
        self._begin()

    def _begin(self) -> None:
        self._folder = Path(tempfile.mkdtemp(dir=self._parent))
        self._starts = 0

    def start(self, network: Network | None = None) -> Run:
        """Starts the workers of the present run; again, if they had not come to its end."""
        self._settle()
        self._starts += 1
        return Run(self._folder, network)

    def _settle(self) -> None:
        """Compares the present run, if it has ended, and begins another."""
        if (self._folder / "models").exists():
            difference = np.abs(weights_of(self._folder) - self._expected).max()
            self.differences.append(float(difference))
            self.restarts.append(self._starts - 1)
            self._begin()

    def finish(self) -> None:
        """Lets the present run come to its end, if it was begun.

        Raises:
          RuntimeError: if it does not.
        """
        self._settle()
        if self._starts:
            with self.start() as run:
                run.wait()
                if run.codes != [0] * WORKERS:
                    raise RuntimeError(f"undisturbed, it ended with {run.codes}: {run.said(0)}")
            self._settle()


def weights_of(folder: Path) -> np.ndarray:
    """W and b of the model that was exported to a folder last."""
    latest = max((folder / "models" / "digits").iterdir(), key=lambda path: path.name)
    model = load_predictor(latest).model()
    return np.concatenate([np.ravel(parameter) for parameter in (model.W, model.b)])
