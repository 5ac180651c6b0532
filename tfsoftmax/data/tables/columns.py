"""Which columns of a table are features, and which one has the labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tfsoftmax.choices import did_you_mean
from tfsoftmax.data.options import SourceOptions
from tfsoftmax.errors import DataError
from tfsoftmax.messages import setting
from tfsoftmax.spec import Spec

_LABELS = ("label", "class", "target")


@dataclass(frozen=True)
class Columns:
    """The columns of a table by their role.

    Attributes:
      label: the column with the classes; None where it is not needed.
      features: the columns to learn from, in this order.
      weight: the column with the weight of each row; None where all count the same.
    """

    label: str | None
    features: tuple[str, ...]
    weight: str | None = None

    def spec(self, class_names: tuple[str, ...], options: SourceOptions) -> Spec:
        """Describes an example of the table."""
        return Spec(
            (len(self.features),),
            "float32",
            class_names,
            feature_names=self.features,
            missing=options.fill,
        )


def columns_of(source: str, found: Sequence[str], options: SourceOptions) -> Columns:
    """Assigns the columns of a table their roles.

    Args:
      source: for messages.
      found: the names of the table's columns.
      options: what is asked for.

    Raises:
      DataError: naming the column, if one is missing or there twice, if it is not clear which
        one has the labels, or if no column is left to learn from.
    """
    check_once(source, found)
    known = dict.fromkeys(found)
    dropped, asked = named(options.drop, known), named(options.features or (), known)
    label = options.label_column or _label_among(source, found, dropped)
    weight = [options.weight_column] if options.weight_column else []
    for name in (label, *dropped, *asked, *weight):
        check_there(source, name, known)
    if label in dropped:
        raise DataError(f"{source}: column {label!r} cannot be both the label and dropped")
    if label in asked:
        raise DataError(f"{source}: column {label!r} cannot be both the label and a feature")
    if len(set(asked)) < len(asked):
        raise DataError(f"{source}: a feature is asked for twice, of {listed(asked)}")
    apart = {label, *weight, *dropped}
    features = tuple(name for name in asked or found if name not in apart)
    if not features:
        raise DataError(f"{source}: no column is left to learn from, of {listed(found)}")
    return Columns(label, features, options.weight_column)


def check_there(source: str, name: str, found: Collection[str]) -> None:
    """Checks that a table has a column.

    Raises:
      DataError: if not; it suggests the nearest.

    >>> check_there("t.csv", "agee", ["age", "fare"])
    Traceback (most recent call last):
    ...
    tfsoftmax.errors.DataError: t.csv: no column 'agee'; did you mean 'age'? there are 'age', 'fare'
    """
    if name not in found:
        raise DataError(
            f"{source}: no column {name!r}; {did_you_mean(name, found)}there are "
            f"{listed(list(found))}"
        )


def check_once(source: str, found: Sequence[str]) -> None:
    """Checks that no two columns of a table have the same name.

    Raises:
      DataError: naming a name that is there twice.
    """
    twice = [name for name, count in Counter(found).items() if count > 1]
    if twice:
        raise DataError(f"{source}: two columns are called {twice[0]!r}; rename one")


def usual_label(found: Sequence[str]) -> str | None:
    """Finds the column called ``label``, ``class`` or ``target``, if there is exactly one.

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
        f"{source}: which column has the classes? Say it with "
        + setting("label_column")
        + f"; there are {listed(found)}"
    )


def listed(names: Sequence[str]) -> str:
    """Lists names for a message, only the first and the last if there are many.

    >>> listed(["a", "b"])
    "'a', 'b'"
    """
    shown = [repr(name) for name in names]
    if len(shown) > 12:
        # The last column is most often the label.
        shown[9:-2] = [f"... ({len(shown) - 11:,} more)"]
    return ", ".join(shown)


def named(asked: Sequence[str], found: Collection[str]) -> tuple[str, ...]:
    """Splits what was asked for into names of columns: at commas, unless a column is called so.

    >>> named(["a,b", "price, net"], {"a", "b", "price, net"})
    ('a', 'b', 'price, net')
    """
    names: list[str] = []
    for text in asked:
        parts = [part.strip() for part in text.split(",")]
        names += [text] if text in found else filter(None, parts)
    return tuple(names)
