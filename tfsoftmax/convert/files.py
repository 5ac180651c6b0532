"""Files of fitted scikit-learn and Keras models, and of rows to compare models on."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from tfsoftmax.convert.pipeline import names_of
from tfsoftmax.data.frames import columns_by_name
from tfsoftmax.data.names import locate
from tfsoftmax.errors import ConversionError, DataError, UnknownModelError, UsageError
from tfsoftmax.messages import setting
from tfsoftmax.system.paths import check_regular, user_path
from tfsoftmax.system.startup import import_tensorflow

_log = logging.getLogger(__name__)

PICKLES = (".joblib", ".pkl", ".pickle")
SKOPS, KERAS = ".skops", ".keras"
# Types in fitted pipelines that skops has not on its own list, and that run no code of the file.
TRUSTED = (
    "numpy.dtype",
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.feature_selection._univariate_selection.chi2",
    "sklearn.feature_selection._univariate_selection.f_classif",
)


def load_fitted(path: Path, *, allow_pickle: bool = False, trust: Collection[str] = ()) -> Any:
    """Loads a fitted model of scikit-learn or Keras.

    Args:
      path: ``.skops`` or ``.keras``, of which no code of their own is run; or ``.joblib``,
        ``.pkl`` or ``.pickle``.
      allow_pickle: whether files that are pickles may be read, which runs whatever code is in
        them.
      trust: names of types that a skops file may have, beside those known to be harmless.

    Raises:
      UnknownModelError: if there is no such file.
      UsageError: if it is a pickle and these are not allowed, or what reads it is not installed.
      ConversionError: if it cannot be read, or has types that are not trusted.
    """
    place = user_path(path)
    if not place.exists():
        raise UnknownModelError(f"{path}: no such file")
    check_regular(place)
    if place.suffix not in (SKOPS, KERAS, *PICKLES):
        raise ConversionError(
            f"{path}: expected {', '.join((SKOPS, *PICKLES))} with a fitted scikit-learn model, or "
            f"{KERAS} with one of Keras; skops.io.dump(model, 'model.skops') writes the first"
        )
    if place.suffix == KERAS:
        return _keras(place)
    if place.suffix in PICKLES and not allow_pickle:
        raise UsageError(
            f"{path}: it is a pickle, and reading one runs the code that is in it: give "
            + setting("allow_pickle", True)
            + " if you made the file or trust who did; or write it with "
            "skops.io.dump(model, 'model.skops')"
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fitted = _skops(place, trust) if place.suffix == SKOPS else _pickle(place)
    for each in caught:
        if "InconsistentVersionWarning" in type(each.message).__name__:
            _log.warning("Note: %s: %s", path, str(each.message).split(". ")[0])
    return fitted


def _skops(path: Path, trust: Collection[str]) -> Any:
    try:
        import skops.io as skops
    except ImportError as error:
        raise UsageError(
            f"{path}: reading it needs the package skops: pip install 'tfsoftmax[skops]'"
        ) from error
    try:
        unknown = sorted(set(skops.get_untrusted_types(file=path)) - {*TRUSTED, *trust})
        if not unknown:
            return skops.load(path, trusted=[*TRUSTED, *trust])
    except Exception as error:  # of any kind, from a file that may be anything
        raise ConversionError(
            f"{path}: it cannot be read as a skops file: {_said(error)}"
        ) from error
    raise ConversionError(
        f"{path}: it has objects of types that are not known to be harmless, such as {unknown[0]}: "
        "give " + setting("trust", unknown) + " if you know what they do when they are made"
    )


def _keras(path: Path) -> Any:
    import_tensorflow()  # Without its log, before Keras does it.
    try:
        import keras
    except ImportError as error:
        raise UsageError(
            f"{path}: reading it needs the package keras: pip install keras"
        ) from error
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # of any kind, from a file that may be anything
        raise ConversionError(
            f"{path}: it cannot be read as a Keras file, without running code that is in it: "
            f"{_said(error)}"
        ) from error


def _pickle(path: Path) -> Any:
    import joblib

    try:
        return joblib.load(path)
    except Exception as error:  # of any kind: what is in the file is run
        raise ConversionError(
            f"{path}: it cannot be read: {_said(error)}; read it with the version of scikit-learn "
            "that wrote it, and write it with skops.io.dump(model, 'model.skops')"
        ) from error


def _said(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def read_rows(name: str, fitted: Any) -> Any:
    """Reads rows as a user of scikit-learn would, to ask a fitted model.

    Args:
      name: of a CSV, Parquet or .npy file, or of a text file with one text a line, perhaps with
        its kind before it, as in ``csv:new.dat``.
      fitted: takes the columns that it was fitted on, by their names, if they had any.

    Raises:
      DataError: if it cannot be read.
      ModelError: if a column is missing.
    """
    import pandas as pd

    readers = {
        "csv": pd.read_csv,
        "parquet": pd.read_parquet,
        "npy": lambda path: np.load(path, allow_pickle=False),
        "text": lambda path: Path(path).read_text("utf-8").splitlines(),
    }
    location = locate(name)
    if location.path is None or location.kind.name not in readers:
        raise DataError(
            f"{name}: expected a file of rows, of the kind {', '.join(readers)}; the kind can "
            "stand before the name, as in csv:rows.dat"
        )
    try:
        rows = readers[location.kind.name](location.path)
    except (OSError, ValueError, ImportError) as error:
        raise DataError(f"{name}: it cannot be read: {_said(error)}") from error
    names = names_of(fitted)
    return rows if names is None else columns_by_name(names, rows, name)


def numbers_of(rows: Any, name: str) -> np.ndarray:
    """Rows of numbers alone, float32, each as an array of one dimension.

    Raises:
      DataError: if there is anything else.

    >>> numbers_of([[1, 2]], "rows").tolist()
    [[1.0, 2.0]]
    """
    try:
        numbers = np.asarray(rows, np.float32)
        return numbers.reshape(len(numbers), -1)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: expected rows of numbers: {_said(error)}") from error
