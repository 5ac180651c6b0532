"""A table of penguins with columns of every kind, and models of it with weights drawn."""

from dataclasses import replace

import numpy as np
import pandas as pd

from tfsoftmax import SoftmaxRegression, Spec, Split
from tfsoftmax.columns.column import Column, Encoding, Input
from tfsoftmax.data.inputs import rows_for
from tfsoftmax.spec import Scaling

INPUTS = (
    Input("bill depth (mm)", "float32"),
    Input("class", "string"),
    Input("a/b", "string"),
    Input("a_b", "string"),
    Input("îlot 🐧", "string"),
    Input("seen", "string"),
    Input("notes", "string"),
    Input("adult", "string"),
    Input("self", "int64"),
)


def encoding_of(size):
    """All kinds of columns; names that are no arguments, and two that are one without signs."""
    return Encoding(
        INPUTS,
        (
            Column("bill depth (mm)", "number", ("bill depth (mm)",)),
            Column("adult", "boolean", ("adult",)),
            Column("seen", "date", ("seen",), time_zone="UTC"),
            Column("class", "category", ("class",), vocabulary=("Biscoe", "Dream", 'Ø, "x"')),
            Column("self", "category", ("self",), vocabulary=("-1", "2")),
            Column("a/b", "hashed", ("a/b",), size=7),
            Column("class:a_b", "cross", ("class", "a_b"), size=11),
            Column("depths", "buckets", ("bill depth (mm)",), boundaries=(14.0, 17.5)),
            Column("notes", "text", ("notes",), size=size),
            Column("îlot 🐧", "hashed", ("îlot 🐧",), size=5),
        ),
    )


def frame_of_penguins(n_rows=200, seed=0):
    generator = np.random.default_rng(seed)

    def some(*cells):
        return np.array(cells, object)[generator.integers(0, len(cells), n_rows)]

    depths = generator.normal(17, 2, n_rows).astype(np.float32)
    depths[::9] = np.nan
    words = some("", "big red", "small", "Über groß", "a very  long-ish note, 123 🐧")
    return pd.DataFrame(
        {
            "bill depth (mm)": depths,
            "class": some("Biscoe", "Dream", None, "Torgersen", 'Ø, "x"'),
            "a/b": some("u", "v", "", "é"),
            "a_b": some("p", "q", None),
            "îlot 🐧": some("x", "y z", None),
            "seen": some("2024-05-31", "2023-01-01T05:06:07+02:00", None),
            "notes": words,
            "adult": some("yes", "no", None),
            "self": generator.integers(-1, 4, n_rows),
        }
    )


def model_of_penguins(size, missing="indicator", reject_below=None):
    """Weights drawn, two of three rows of W zero; numbers scaled as training would."""
    encoding = encoding_of(size)
    spec = Spec(
        (encoding.n_features,),
        "float32",
        ("Adelie", "Gentoo", "Kaiserpinguin 🐧"),
        missing=missing,
        encoding=encoding,
        reject_below=reject_below,
    )
    numbers = encoding.numbers
    rows = rows_for(replace(spec, missing="mean"), frame_of_penguins())
    columns = np.asarray(rows[:])[:, numbers]
    scaling = Scaling(
        tuple(np.nanmean(columns, axis=0).tolist()),
        tuple((1 / np.nanstd(columns, axis=0).clip(1e-3)).tolist()),
        fill=tuple(np.nanmean(columns, axis=0).tolist()) if missing else None,
        indicators=tuple(range(len(numbers))) if missing == "indicator" else (),
        limit=5.0,
    )
    model = SoftmaxRegression(replace(spec, scaling=scaling.spread(numbers, encoding.n_features)))
    generator = np.random.default_rng(1)
    W = generator.normal(size=model.W.shape)
    W[generator.random(len(W)) < 0.7] = 0
    W[numbers] += 0.1
    model.W.assign(W)
    model.b.assign([0.1, 0.0, -0.2])
    return model


def split_of(model, frame):
    """Rows as a mixed table's reader hands them over, with the cells that they come from."""
    from tfsoftmax.data.encoded import cells_of_frame

    labels = np.arange(len(frame), dtype=np.int32) % model.spec.n_classes
    cells = cells_of_frame(model.spec.encoding, frame)
    return Split(rows_for(model.spec, frame), labels, raw=cells)
