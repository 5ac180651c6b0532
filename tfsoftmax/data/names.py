"""Names of datasets: those worth suggesting, and what to say of one nobody knows."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

from tfsoftmax.data.bundled import BUNDLED
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

# Every name and prefix worth completing in a shell.
NAMES = (*BUNDLED, "idx:", *SUGGESTED)


def unknown_dataset(name: str, others: Iterable[str] = ()) -> UnknownDatasetError:
    """The error for a name that nothing answers to, with the nearest names there are.

    Args:
      name: what the user typed.
      others: names that exist besides `NAMES`.
    """
    known = {*NAMES, *others}
    typed = name.strip().lower().partition(":")[0]
    near = difflib.get_close_matches(typed, sorted(known), n=3, cutoff=0.6)
    if Path(name).is_dir():
        near = [f"idx:{name}"]
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return UnknownDatasetError(
        f"unknown dataset {name!r}: {hint}'tfsoftmax datasets' lists those that are known"
    )
