"""Tables, whatever file they come from: columns to features, one column to labels."""

from __future__ import annotations

import difflib
import logging
import re
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tfsoftmax.data.collector import Collector
from tfsoftmax.data.exact import WholeNumbers
from tfsoftmax.errors import DataError
from tfsoftmax.source_options import SourceOptions
from tfsoftmax.spec import Spec

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)
_LABELS = ("label", "class", "target")
_WORDS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}


@dataclass(frozen=True)
class Columns:
    """Which columns of a table are what.

    Attributes:
      label: with the classes; None where they are not asked for.
      features: to learn from, in this order.
      weight: what each row counts; None where all count the same.
    """

    label: str | None
    features: tuple[str, ...]
    weight: str | None = None

    def spec(self, class_names: tuple[str, ...], options: SourceOptions) -> Spec:
        """What an example of the table is."""
        return Spec(
            (len(self.features),),
            "float32",
            class_names,
            feature_names=self.features,
            missing=options.fill,
        )


def columns_of(source: str, found: Sequence[str], options: SourceOptions) -> Columns:
    """Finds the columns that the options ask for.

    Args:
      source: for messages.
      found: the names of the table's columns.
      options: what is asked for.

    Raises:
      DataError: naming the column, if one is not there or there twice, or no column can be
        told to be the label, or none is left to learn from.
    """
    check_once(source, found)
    known = set(found)
    label = options.label_column or _label_among(source, found, options.drop)
    named = [label, *options.drop, *(options.features or ())]
    if options.weight_column:
        named.append(options.weight_column)
    for name in named:
        if name not in known:
            near = difflib.get_close_matches(name, found, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise DataError(f"{source}: no column {name!r}; {hint}there are {listed(found)}")
    if label in options.drop:
        raise DataError(f"{source}: column {label!r} cannot be both the label and dropped")
    asked = options.features or ()
    if len(set(asked)) < len(asked):
        raise DataError(f"{source}: a feature is asked for twice, of {listed(asked)}")
    apart = {label, options.weight_column, *options.drop}
    features = options.features or tuple(found)
    features = tuple(name for name in features if name not in apart)
    if not features:
        raise DataError(f"{source}: no column is left to learn from, of {listed(found)}")
    return Columns(label, features, options.weight_column)


def check_once(source: str, found: Sequence[str]) -> None:
    """Makes sure that no two columns of a table have the same name.

    Raises:
      DataError: naming one that stands twice.
    """
    twice = [name for name, count in Counter(found).items() if count > 1]
    if twice:
        raise DataError(f"{source}: two columns are called {twice[0]!r}; rename one")


def usual_label(found: Sequence[str]) -> str | None:
    """The column that is called ``label``, ``class`` or ``target``, if there is just one.

    >>> usual_label(["x", "Class"])
    'Class'
    """
    usual = [name for name in found if name.strip().lower() in _LABELS]
    return usual[0] if len(usual) == 1 else None


def _label_among(source: str, found: Sequence[str], dropped: Sequence[str]) -> str:
    apart = set(dropped)
    usual = usual_label([name for name in found if name not in apart])
    if usual is not None:
        return usual
    raise DataError(
        f"{source}: which column has the classes? Say it with --label-column; there are "
        f"{listed(found)}"
    )


def listed(names: Sequence[str]) -> str:
    """Names for a message, the first and the last if there are many.

    >>> listed(["a", "b"])
    "'a', 'b'"
    """
    shown = [repr(name) for name in names]
    if len(shown) > 12:
        # The last is the label more often than any other.
        shown[9:-2] = [f"... ({len(shown) - 11:,} more)"]
    return ", ".join(shown)


def add_frame(
    collector: Collector,
    source: str,
    frame: pd.DataFrame,
    columns: Columns,
    options: SourceOptions,
    first_row: int,
    test: bool = False,
) -> None:
    """Takes the rows of a part of a table in.

    Args:
      collector: what takes them.
      source: for messages.
      frame: the part.
      columns: which are what.
      options: whether values may be missing.
      first_row: what its first row is called, from 1.
      test: whether they are test rows.

    Raises:
      DataError: naming row and column, if a value is not a number or missing.
    """
    features = numbers_of(
        source, frame, columns.features, options, first_row, whole=collector.whole
    )
    weights = None
    if columns.weight:
        weights = numbers_of(source, frame, (columns.weight,), SourceOptions(), first_row)[:, 0]
        if (weights < 0).any():
            row = int(np.argmax(weights < 0))
            raise DataError(
                f"{source}, row {first_row + row}, column {columns.weight!r}: a weight of "
                f"{weights[row]:g}; expected 0 or more"
            )
    labels = frame[columns.label].to_numpy()
    collector.add(features, labels, weights, test=test, first_row=first_row, where=source)


def numbers_of(
    source: str,
    frame: pd.DataFrame,
    names: Sequence[str],
    options: SourceOptions,
    first_row: int,
    remedy: str | None = None,
    whole: WholeNumbers | None = None,
) -> np.ndarray:
    """Columns as float32 ``[n, len(names)]``; arguments and errors as for `add_frame`.

    `remedy` is what can be done about a missing value but to fill it in; None where nothing is
    trained yet, so that a column can be left out. `whole` looks at whole numbers before they
    are float32.
    """
    out = np.empty((len(frame), len(names)), np.float32)
    for place, name in enumerate(names):
        drop = f", or leave the column out with --drop {name}" if remedy is None else ""
        column = frame[name]
        values = _numeric(source, column, first_row, drop)
        if whole is not None and column.dtype.kind in "iu":
            numbers = column.dropna().to_numpy(column.dtype.name.lower())
            whole.add(f"column {name!r}", numbers, first_row, source)
        missing = np.isnan(values)
        if missing.any() and options.missing == "error":
            row = first_row + int(np.argmax(missing))
            usual = f"take the mean for it with --missing mean{drop}"
            raise DataError(
                f"{source}, row {row}, column {name!r}: the value is missing; fill it in, or "
                f"{remedy or usual}"
            )
        with np.errstate(over="ignore"):
            out[:, place] = values
        # Seen by what becomes of it: the largest float32 is written as a text that is larger.
        beyond = np.isinf(out[:, place])
        if beyond.any():
            row = int(np.argmax(beyond))
            raise DataError(
                f"{source}, row {first_row + row}, column {name!r}: {values[row]:g} is beyond what "
                f"can be computed with (3.4e38); mend it{drop}"
            )
    return out


def _numeric(source: str, column: pd.Series, first_row: int, drop: str) -> np.ndarray:
    import pandas as pd

    kind = column.dtype.kind if isinstance(column.dtype, np.dtype) else None
    if kind in ("i", "u", "f", "b"):
        return column.to_numpy(np.float64)
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        return column.to_numpy(np.float64, na_value=np.nan)
    where = f"{source}, column {column.name!r}"
    if not (pd.api.types.is_object_dtype(column.dtype) or _is_text(column)):
        raise DataError(
            f"{where}: its type is {column.dtype}; expected numbers or booleans: turn it into "
            f"numbers{drop}"
        )
    found = pd.to_numeric(column, errors="coerce")
    numbers = found.to_numpy(np.float64, na_value=np.nan, copy=True)
    strange = np.isnan(numbers) & column.notna().to_numpy()
    if strange.any():
        texts = column[strange].map(str)
        words = texts.str.strip().str.lower().map(_WORDS).to_numpy(np.float64, na_value=np.nan)
        if np.isnan(words).any():
            place = int(np.argmax(np.isnan(words)))
            row = first_row + int(np.flatnonzero(strange)[place])
            mostly = strange.mean() > 0.5
            _not_a_number(source, column.name, row, texts.iloc[place], mostly, drop)
        numbers[strange] = words
    return numbers


def _is_text(column: pd.Series) -> bool:
    import pandas as pd

    return pd.api.types.is_string_dtype(column.dtype) or isinstance(
        column.dtype, pd.CategoricalDtype
    )


def _not_a_number(
    source: str, name: Hashable, row: int, found: str, mostly: bool, drop: str
) -> None:
    if re.fullmatch(r"\s*[+-]?\d+,\d+\s*", found):
        raise DataError(
            f"{source}, row {row}, column {name!r}: {found!r} is not a number; if the comma stands "
            "before the decimals, say so with --decimal ,"
        )
    if mostly:
        raise DataError(
            f"{source}, column {name!r}: it is text (row {row}: {found[:40]!r}); expected numbers: "
            f"turn it into numbers{drop}"
        )
    raise DataError(
        f"{source}, row {row}, column {name!r}: {found[:40]!r} is not a number; mend it{drop}"
    )
