"""Files of fitted scikit-learn models, and of rows to compare models on."""

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

_log = logging.getLogger(__name__)

PICKLES = (".joblib", ".pkl", ".pickle")
SKOPS = ".skops"
# Types in fitted pipelines that skops has not on its own list, and that run no code of the file.
TRUSTED = (
    "numpy.dtype",
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.feature_selection._univariate_selection.chi2",
    "sklearn.feature_selection._univariate_selection.f_classif",
)


def load_fitted(path: Path, *, allow_pickle: bool = False, trust: Collection[str] = ()) -> Any:
    """Loads a fitted scikit-learn model.

    Args:
      path: ``.skops``; or ``.joblib``, ``.pkl`` or ``.pickle``.
      allow_pickle: whether files that are pickles may be read, which runs whatever code is in
        them.
      trust: names of types that a skops file may have, beside those known to be harmless.

    Raises:
      UnknownModelError: if there is no such file.
      UsageError: if it is a pickle and these are not allowed, or skops is not installed.
      ConversionError: if it cannot be read, or has types that are not trusted.
    """
    place = user_path(path)
    if not place.exists():
        raise UnknownModelError(f"{path}: no such file")
    check_regular(place)
    if place.suffix not in (SKOPS, *PICKLES):
        raise ConversionError(
            f"{path}: expected {', '.join((SKOPS, *PICKLES))} with a fitted scikit-learn model; "
            "skops.io.dump(model, 'model.skops') writes one"
        )
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
