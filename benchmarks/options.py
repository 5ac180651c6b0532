"""What a recipe's options cost an epoch of MNIST, against the same with all of them off.

    python benchmarks/options.py [--mnist DATASET] [--rounds 7]

trains with each in turn, round after round in one process, and prints the median of the epochs'
training seconds with its spread, and the ratio to all off, as a table in Markdown.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import numpy as np
from shared import mnist_option, table_head, table_row

import tfsoftmax
from tfsoftmax import Checkpoints, Recipe

_OFF = Recipe(epochs=4, l2=0.0)
_CASES = {
    "all off": (_OFF, False),
    "momentum": (_OFF.but(momentum=0.9, learning_rate=0.05), False),
    "l2": (_OFF.but(l2=1e-4), False),
    "l1": (_OFF.but(l1=1e-5), False),
    "checkpoints, one a second": (_OFF, True),
    "momentum, l2 and checkpoints": (_OFF.but(momentum=0.9, learning_rate=0.05, l2=1e-4), True),
    "Nesterov, averaging, clipping, l2": (
        _OFF.but(
            momentum=0.9,
            nesterov=True,
            learning_rate=0.05,
            averaging=0.5,
            clip_norm=10.0,
            l2=1e-4,
        ),
        False,
    ),
    "class weights": (_OFF.but(class_weight="balanced"), False),
}


def epoch_seconds(dataset: tfsoftmax.Dataset, recipe: Recipe, saved: bool) -> list[float]:
    """Of every epoch but the first, which compiles."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = Checkpoints(Path(folder), every_seconds=1.0) if saved else None
        _, history = tfsoftmax.fit(dataset, recipe, checkpoints=checkpoints)
    return [epoch.train_seconds for epoch in history.epochs[1:]]


@click.command()
@mnist_option
@click.option("--rounds", default=7, show_default=True)
def main(mnist: tfsoftmax.Dataset, rounds: int) -> None:
    """Measure every case and print the table."""
    seconds: dict[str, list[float]] = {name: [] for name in _CASES}
    for _ in range(rounds):
        for name, (recipe, saved) in _CASES.items():
            seconds[name] += epoch_seconds(mnist, recipe, saved)
    off = float(np.median(seconds["all off"]))
    lines = table_head(["options", "s an epoch", "10 % to 90 %", "ratio"])
    for name, taken in seconds.items():
        low, middle, high = np.percentile(taken, [10, 50, 90])
        cells = [name, f"{middle:.4f}", f"{low:.4f} to {high:.4f}", f"{middle / off:.2f}"]
        lines.append(table_row(cells))
    click.echo("\n".join(lines))


if __name__ == "__main__":
    main()
