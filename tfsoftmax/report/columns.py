"""What the card says of a table: how its columns became features, and which did not."""

from __future__ import annotations

from tfsoftmax.columns.column import DATE_PARTS, Column
from tfsoftmax.data.record import DataRecord
from tfsoftmax.report.markdown import table
from tfsoftmax.spec import Spec

# More columns, or more categories of one, would hide the rest of the card.
_MOST_COLUMNS = 40
_MOST_CATEGORIES = 8
_OWN_FEATURE = "has a feature of its own"


def describe_columns(spec: Spec, data: DataRecord | None) -> list[str]:
    """Lines of Markdown; none for features without names that are never missing.

    Args:
      spec: of the model.
      data: that it was trained on; None if that is not known.

    >>> spec = Spec((1,), "float32", ("no", "yes"), feature_names=("age",))
    >>> print(*describe_columns(spec, None)[-4:-1], sep="\\n")
    | column | read as | features | missing |
    |---|---|---|---|
    | age | number | 1 | an error |
    """
    if spec.encoding is None and spec.feature_names is None:
        return [_missing_anywhere(spec, data), ""] if spec.missing else []
    columns = _columns(spec)
    rows = [
        (column.name, _in_words(column), f"{column.n_features:,}", missing)
        for column, missing in columns[:_MOST_COLUMNS]
    ]
    more = len(columns) - _MOST_COLUMNS
    return [
        "## Columns",
        "",
        *_order(spec, data),
        *(_not_features(data) if data else []),
        "",
        *table(["column", "read as", "features", "missing"], rows),
        *(["", f"... and {more:,} more; `tfsoftmax.json` has all."] if more > 0 else []),
        "",
    ]


def _in_words(column: Column) -> str:
    shown = ", ".join(column.vocabulary[:_MOST_CATEGORIES])
    more = ", ..." if len(column.vocabulary) > _MOST_CATEGORIES else ""
    parts = f": {', '.join(DATE_PARTS)}" if column.kind == "date" else ""
    return column.in_words + (f": {shown}{more}" if shown else parts)


def _columns(spec: Spec) -> list[tuple[Column, str]]:
    """The columns in the model's order, and what becomes of a missing cell of each."""
    if spec.encoding is None:
        named = [Column(name, "number", (name,)) for name in spec.feature_names or ()]
        return [(column, _missing_number(spec, [index])) for index, column in enumerate(named)]
    encoding = spec.encoding
    return [
        (
            column,
            _missing_number(spec, list(range(first, first + column.n_numbers)))
            if column.n_numbers
            else _missing_other(column),
        )
        for first, column in zip(encoding.offsets, encoding.columns, strict=False)
    ]


def _missing_number(spec: Spec, features: list[int]) -> str:
    scaling = spec.scaled_by
    if not spec.missing or scaling.fill is None:
        return "an error"
    fill = ", ".join(f"{scaling.fill[index]:.6g}" for index in features)
    seen = set(features) & set(scaling.indicators)
    return f"counts as {fill}" + (f", and {_OWN_FEATURE}" if seen else "")


def _missing_other(column: Column) -> str:
    if column.kind == "category":
        return f"{_OWN_FEATURE}; so has any other category"
    return f"{'an empty text ' if column.kind == 'text' else ''}{_OWN_FEATURE}"


def _missing_anywhere(spec: Spec, data: DataRecord | None) -> str:
    seen = " and has a feature of its own" if spec.scaled_by.indicators else ""
    if data is None:
        return (
            f"A missing value counts as a number that its feature has for it{seen}; "
            "`tfsoftmax.json` has the numbers."
        )
    rule = "mean" if spec.missing == "indicator" else str(spec.missing).replace("_", " ")
    return f"A missing value counts as its feature's {rule} in the training rows{seen}."


def _order(spec: Spec, data: DataRecord | None) -> list[str]:
    lines = ["Columns are found by their names; their features stand in this order."]
    if spec.scaled_by.indicators:
        lines.append("Features that say that a number is missing come after all others.")
    if spec.encoding is not None and spec.encoding.sparse:
        lines.append("Most features of a row are 0, and only the others are kept.")
    if spec.missing and data:
        lines.append("What a missing number counts as was found in the training rows.")
    return lines


def _not_features(data: DataRecord) -> list[str]:
    """Which columns of the table are no features, and why."""
    options, notes = data.options, data.notes
    label = notes.label or options.label_column
    why = {
        "the classes": [label] if label else [],
        "weights of rows": [options.weight_column] if options.weight_column else [],
        "left out as asked": list(options.drop),
        "left out, as it only numbers the rows": [notes.index] if notes.index else [],
        "left out, as texts that differ in every row": list(notes.left_out),
    }
    said = [f"{', '.join(names)} ({reason})" for reason, names in why.items() if names]
    if options.features:
        said.append("all that were not asked for")
    return [f"Not among them: {'; '.join(said)}."] if said else []
