"""Compares models trained by one command from real files with scikit-learn's pipeline.

    python benchmarks/sources.py [--mnist DATASET] [--stream-rows 6000000]

writes real data to files of each kind, trains on each file with `tfsoftmax-train`, fits
scikit-learn's StandardScaler and LogisticRegression to the same rows, and writes
docs/sources.md.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import sklearn.datasets
import stream
import tensorflow as tf
from PIL import Image
from shared import mnist_option, table_head, table_row, write_page
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tfsoftmax

_COLUMNS = ("source", "rows", "features", "classes", "accuracy", "scikit-learn", "difference")
_PROOF = ("SavedModel", "TFLite")


class Case(NamedTuple):
    """A file that people have: how it is written, and how it is named on the command line."""

    title: str
    write: Callable[[Path], None]
    name: str
    options: tuple[str, ...] = ()


def _csv(load: Callable[..., Any]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        bunch = load(as_frame=True)
        frame = bunch.frame.drop(columns="target")
        frame["kind"] = bunch.target_names[bunch.target]
        frame.to_csv(path, index=False)

    return write


def _digits_parquet(path: Path) -> None:
    sklearn.datasets.load_digits(as_frame=True).frame.to_parquet(path)


def _digits_npz(path: Path) -> None:
    bunch = sklearn.datasets.load_digits()
    np.savez(path, features=bunch.images.astype(np.uint8), labels=bunch.target)


def _digits_svmlight(path: Path) -> None:
    bunch = sklearn.datasets.load_digits()
    sklearn.datasets.dump_svmlight_file(bunch.data, bunch.target, str(path))


def _digits_png(folder: Path) -> None:
    bunch = sklearn.datasets.load_digits()
    for row, (image, digit) in enumerate(zip(bunch.images, bunch.target, strict=True)):
        place = folder / f"digit-{digit}"
        place.mkdir(parents=True, exist_ok=True)
        levels = np.rint(image * (255 / 16)).astype(np.uint8)
        Image.fromarray(levels).save(place / f"{row}.png")


def _mnist_idx(mnist: tfsoftmax.Dataset) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        folder.mkdir()
        for prefix, split in (("train", mnist.train), ("t10k", mnist.test)):
            pictures, labels = split.features[:].reshape(-1, 28, 28), split.labels
            for kind, array in (("images-idx3", pictures), ("labels-idx1", labels)):
                sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
                content = bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()
                (folder / f"{prefix}-{kind}-ubyte").write_bytes(content)

    return write


def _mnist_tfrecord(mnist: tfsoftmax.Dataset) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        train = mnist.train
        with tf.io.TFRecordWriter(str(path)) as writer:
            for pixels, digit in zip(train.features, train.labels, strict=True):
                picture = tf.io.encode_png(pixels.reshape(28, 28, 1)).numpy()
                feature = {
                    "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[picture])),
                    "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[int(digit)])),
                }
                example = tf.train.Example(features=tf.train.Features(feature=feature))
                writer.write(example.SerializeToString())

    return write


def cases(mnist: tfsoftmax.Dataset) -> Iterator[Case]:
    """Every file."""
    kind = ("--label-column", "kind")
    for title, load in (
        ("Iris, CSV", sklearn.datasets.load_iris),
        ("Wine, CSV", sklearn.datasets.load_wine),
        ("Breast cancer, CSV", sklearn.datasets.load_breast_cancer),
    ):
        yield Case(title, _csv(load), "csv:{}.csv", kind)
    yield Case("digits, Parquet", _digits_parquet, "parquet:{}.parquet")
    yield Case("digits, npz", _digits_npz, "npz:{}.npz")
    yield Case("digits, svmlight", _digits_svmlight, "svmlight:{}.svm")
    yield Case("digits, folder of PNGs", _digits_png, "images:{}")
    yield Case("MNIST, IDX", _mnist_idx(mnist), "idx:{}")
    yield Case("MNIST, TFRecord of PNGs", _mnist_tfrecord(mnist), "tfrecord:{}.tfrecord")


def measured(case: Case, folder: Path) -> dict[str, Any]:
    """Writes the file, trains on it by command, and fits scikit-learn to the same rows."""
    name = case.name.format(folder / "source")
    case.write(Path(name.partition(":")[2]))
    tool = shutil.which("tfsoftmax-train") or str(Path(sys.executable).with_name("tfsoftmax-train"))
    data = ["--data-dir", str(folder / "data")]
    command = [tool, "--dataset", name, *case.options, *data, "--json", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
    if done.returncode:
        raise SystemExit(f"{case.title}: {done.stderr}")
    document = json.loads(done.stdout)
    options = tfsoftmax.SourceOptions.from_json(document["dataset"]["options"])
    dataset = tfsoftmax.load_dataset(name, data_dir=folder / "data", options=options)
    assert dataset.sha256() == document["dataset"]["sha256"]
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    pipeline.fit(dataset.train.features[:], dataset.train.labels)
    theirs = pipeline.score(dataset.test.features[:], dataset.test.labels)
    parity = document["model"]["parity"]
    return {
        "rows": len(dataset.train) + len(dataset.test),
        "features": dataset.spec.n_features,
        "classes": dataset.spec.n_classes,
        "ours": document["test"]["accuracy"],
        "theirs": theirs,
        "proof": [parity["saved_model.pb"], parity["model.tflite"]],
    }


def row_of(case: Case, found: dict[str, Any]) -> str:
    """A line of the table."""
    proof = [
        f"{one['same_class']:,}/{one['n_samples']:,}, {one['max_difference']:.0e}"
        for one in found["proof"]
    ]
    cells = [
        case.title,
        f"{found['rows']:,}",
        f"{found['features']:,}",
        str(found["classes"]),
        f"{found['ours']:.4f}",
        f"{found['theirs']:.4f}",
        f"{found['ours'] - found['theirs']:+.4f}",
        *proof,
    ]
    return table_row(cells)


_INTRODUCTION = """# Accuracy on each kind of file

Written by `benchmarks/sources.py`; do not edit.

Each row is one command that turns a file into an exported model; its only options are the name of
the file and, for CSV, `--label-column`. Accuracy is measured on the held-out rows, beside
scikit-learn's `StandardScaler` and `LogisticRegression` on the same rows. The last two columns
compare the exported SavedModel and `.tflite` file, given raw rows, with the trained model: the rows
with the same predicted class, and the largest difference between probabilities.
"""


@click.command()
@mnist_option
@click.option("--stream-rows", default=6_000_000, show_default=True)
def main(mnist: tfsoftmax.Dataset, stream_rows: int) -> None:
    """Measure everything and write docs/sources.md."""
    lines = [_INTRODUCTION, *table_head([*_COLUMNS, *_PROOF])]
    for case in cases(mnist):
        with tempfile.TemporaryDirectory() as folder:
            lines.append(row_of(case, measured(case, Path(folder))))
        click.echo(lines[-1])
    lines += [
        "",
        "## More rows than fit in memory",
        "",
        "Random pictures of ten classes, 784 bytes each, as `.npy` files, memory limit 1 GiB: one "
        "epoch of SGD, or Newton's steps to a relative gap of 1e-4, proven. Memory is the peak of "
        "the process minus its memory after TensorFlow has started.",
        "",
        *stream.table(stream_rows),
    ]
    write_page("sources.md", lines)


if __name__ == "__main__":
    main()
