"""Names of datasets: those worth suggesting, and what to say of one nobody knows."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tfsoftmax.data.readers.bundled import BUNDLED
from tfsoftmax.errors import UnknownDatasetError

# Datasets of TensorFlow Datasets worth showing: small images of one shape, on which a
# linear model means something.
SUGGESTED = (
    "mnist",
    "fashion_mnist",
    "kmnist",
    "emnist/balanced",
    "emnist/letters",
    "cifar10",
    "svhn_cropped",
)


class Kind(NamedTuple):
    """A kind of file or folder: what it is, an example, and what reads it."""

    about: str
    example: str
    reader: tuple[str, str]


# What stands before the colon of KIND:PATH.
KINDS = {
    "csv": Kind(
        "a table as text, gzipped or not, a column of it the classes",
        "csv:flowers.csv",
        ("csv", "load_csv"),
    ),
    "parquet": Kind(
        "a table as a Parquet file, or a folder of parts",
        "parquet:flowers.parquet",
        ("parquet", "load_parquet"),
    ),
    "npz": Kind(
        "NumPy arrays, features and labels, in one file", "npz:data.npz", ("arrays", "load_npz")
    ),
    "npy": Kind(
        "NumPy arrays in a folder, or features.npy with labels.npy beside it",
        "npy:folder",
        ("arrays", "load_npy"),
    ),
    "svmlight": Kind(
        "sparse rows as text, LABEL INDEX:VALUE ...",
        "svmlight:rows.txt",
        ("svmlight", "load_svmlight"),
    ),
    "images": Kind(
        "a folder with a sub-folder of PNG, JPEG or WebP files for each class",
        "images:photos",
        ("image_folder", "load_images"),
    ),
    "tfrecord": Kind(
        "tf.Example messages, in a file or a folder of parts",
        "tfrecord:data.tfrecord",
        ("tfrecord", "load_tfrecord"),
    ),
    "idx": Kind(
        "a folder with the four IDX files MNIST comes in", "idx:path/to/mnist", ("idx", "load_idx")
    ),
}

# Every name and prefix worth completing in a shell.
NAMES = (*BUNDLED, *(f"{kind}:" for kind in KINDS), *SUGGESTED)


def unknown_dataset(name: str, others: Iterable[str] = ()) -> UnknownDatasetError:
    """The error for a name that nothing answers to, with the nearest names there are.

    Args:
      name: what the user typed.
      others: names that exist besides `NAMES`.
    """
    known = {*NAMES, *KINDS, *others}
    typed = name.strip().lower().partition(":")[0]
    near = difflib.get_close_matches(typed, sorted(known), n=3, cutoff=0.6)
    if Path(name).exists():
        near = [f"{kind_of(Path(name))}:{name}"]
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return UnknownDatasetError(
        f"unknown dataset {name!r}: {hint}'tfsoftmax datasets' lists those that are known"
    )


_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".npz": "npz",
    ".npy": "npy",
    ".svm": "svmlight",
    ".svmlight": "svmlight",
    ".libsvm": "svmlight",
    ".tfrecord": "tfrecord",
    ".tfrecords": "tfrecord",
}


def kind_of(path: Path) -> str:
    """What kind of source a file or folder seems to be, by its name and what lies in it.

    >>> kind_of(Path("flowers.csv.gz")), kind_of(Path("part-0.tfrecord"))
    ('csv', 'tfrecord')
    """
    if path.is_dir():
        names = [entry.name for entry in path.iterdir()]
        if any("-ubyte" in name for name in names):
            return "idx"
        for name in names:
            if (kind := _SUFFIXES.get(Path(name).suffix)) in ("parquet", "npy", "tfrecord"):
                return str(kind)
        return "images"
    return _SUFFIXES.get(Path(path.name.removesuffix(".gz")).suffix, "csv")
