"""What all competitors are given: the same rows, orders, hyper-parameters and threads."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

ORDER_STREAM = 1


@dataclass(frozen=True)
class Task:
    """A training job. Data lies in `folder` as ``{train,test}-{features,labels}.npy``."""

    folder: str
    n_classes: int
    batch_size: int = 64
    learning_rate: float = 0.5
    cosine: bool = False
    epochs: int = 10
    memory_limit: int = 2**40

    @classmethod
    def from_json(cls, text: str) -> Task:
        return cls(**json.loads(text))

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def array(self, name: str) -> np.ndarray:
        return np.load(Path(self.folder) / f"{name}.npy", mmap_mode="r", allow_pickle=False)

    @property
    def steps(self) -> int:
        """Steps an epoch."""
        return -(-len(self.array("train-labels")) // self.batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """The rows of an epoch in the order they are to be used, as tfsoftmax draws it."""
        generator = np.random.default_rng([0, ORDER_STREAM, epoch])
        return generator.permutation(len(self.array("train-labels")))

    def rates(self, epoch: int) -> np.ndarray:
        """The learning rate of each step of an epoch."""
        steps = np.arange(epoch * self.steps, (epoch + 1) * self.steps)
        if not self.cosine:
            return np.full(len(steps), self.learning_rate)
        return self.learning_rate * (1 + np.cos(np.pi * steps / (self.epochs * self.steps))) / 2


def store(folder: Path, train: tuple[np.ndarray, ...], test: tuple[np.ndarray, ...]) -> str:
    """Writes a task's data, features uint8 and labels int32."""
    folder.mkdir(parents=True)
    for part, arrays in (("train", train), ("test", test)):
        for kind, array in zip(("features", "labels"), arrays, strict=True):
            np.save(folder / f"{part}-{kind}.npy", array, allow_pickle=False)
    return str(folder)
