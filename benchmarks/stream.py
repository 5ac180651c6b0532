"""Training on more rows than memory is given: memory and rows a second, against in memory.

    python benchmarks/stream.py [--rows 6000000] [--folder DIR]

makes a file of random pictures of ten kinds, 784 bytes each, and trains on it in processes of
their own: one epoch of SGD, and Newton's steps to within 1e-4 of the optimum, proven. A tenth of
it is held in memory for one more epoch. It prints a table in Markdown.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from shared import table_head, table_row

_PIXELS = 784
_CLASSES = 10
_ROWS_A_BLOCK = 20_000
_MEMORY_LIMIT = 2**30


def write_source(folder: Path, rows: int) -> None:
    """Writes features.npy and labels.npy, a block at a time."""
    generator = np.random.default_rng(0)
    kinds = generator.integers(0, 256, (_CLASSES, _PIXELS), dtype=np.int16)
    labels = generator.integers(0, _CLASSES, rows)
    with (folder / "features.npy").open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (rows, _PIXELS)}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, rows, _ROWS_A_BLOCK):
            chosen = kinds[labels[start : start + _ROWS_A_BLOCK]]
            noise = generator.integers(-128, 128, chosen.shape, dtype=np.int8)
            noisy = 64 + chosen // 4 + np.int16(2) * noise
            file.write(noisy.clip(0, 255).astype(np.uint8).data)
    np.save(folder / "labels.npy", labels)


_RUN = """
import json, sys, time
from tfsoftmax.system.startup import import_tensorflow
import_tensorflow()
import tensorflow as tf
tf.constant(1.0) + 1
# Of this program alone: what getrusage says begins with the memory of whoever started it.
status = lambda: dict(line.split(":", 1) for line in open("/proc/self/status"))
peak = lambda: int(status()["VmHWM"].split()[0]) * 1024
own = peak()
import tfsoftmax
name, limit, how = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
started = time.perf_counter()
dataset = tfsoftmax.load_dataset(name, options=tfsoftmax.SourceOptions(memory_limit=limit))
loaded = time.perf_counter()
recipe = tfsoftmax.Recipe(epochs=1, memory_limit=limit, **how)
model, history = tfsoftmax.fit(dataset, recipe)
proof = history.proof
trained = time.perf_counter()
print(json.dumps({
    "rows": len(dataset.train) + len(dataset.test),
    "bytes": dataset.train.features.nbytes + dataset.test.features.nbytes,
    "added": peak() - own,
    "load_seconds": loaded - started,
    "fit_seconds": trained - loaded,
    "rows_a_second": len(dataset.train) / history.epochs[0].train_seconds,
    "passes": proof.passes if proof else None,
    "gap": proof.relative_gap if proof else None,
    "accuracy": history.last.test_accuracy,
}))
"""


def measured(folder: Path, **how: Any) -> dict[str, Any]:
    """One run by such a recipe, in a process of its own."""
    command = [sys.executable, "-c", _RUN, f"npy:{folder}", str(_MEMORY_LIMIT), json.dumps(how)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def table(rows: int, parent: Path | None = None) -> Iterator[str]:
    """The lines of a table: a tenth of the rows in memory, and all of them streamed."""
    columns = ("", "rows", "features, GB", "memory added, GB", "rows/s", "load, s", "fit, s")
    yield from table_head([*columns, "accuracy", "passes", "gap"])
    for held, count in (("in memory", rows // 10), ("streamed", rows)):
        with tempfile.TemporaryDirectory(dir=parent) as name:
            write_source(Path(name), count)
            yield _row(held, measured(Path(name)))
            if count == rows:
                yield _row("streamed, newton", measured(Path(name), solver="newton", tol=1e-4))


def _row(what: str, found: dict[str, Any]) -> str:
    cells = [
        what,
        f"{found['rows']:,}",
        f"{found['bytes'] / 1e9:.2f}",
        f"{found['added'] / 1e9:.2f}",
        f"{found['rows_a_second']:,.0f}",
        f"{found['load_seconds']:.1f}",
        f"{found['fit_seconds']:.1f}",
        f"{found['accuracy']:.4f}",
    ]
    solved = found["passes"] is not None
    proven = [f"{found['passes']:.1f}", f"{found['gap']:.0e}"] if solved else ["", ""]
    return table_row([*cells, *proven])


@click.command()
@click.option("--rows", default=6_000_000, show_default=True)
@click.option("--folder", type=Path, help="On a disk with room; a temporary one if not given.")
def main(rows: int, folder: Path | None) -> None:
    """Measure both and print the table."""
    for line in table(rows, folder):
        click.echo(line)


if __name__ == "__main__":
    main()
