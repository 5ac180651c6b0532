"""The model of what becomes of each column: its spec, and its weights rounded to float32."""

from __future__ import annotations

from typing import Any, cast, get_args

import numpy as np

from tfsoftmax.choices import Fill
from tfsoftmax.columns.column import Encoding, Input
from tfsoftmax.convert.blocks import Block, blocks_of
from tfsoftmax.convert.uses import Category, Uses, Words
from tfsoftmax.convert.walk import Walk
from tfsoftmax.data.frames import frame_of
from tfsoftmax.data.matrices import is_matrix
from tfsoftmax.errors import ConversionError
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.spec import Scaling, Spec

# What texts are called that are no column of a table.
TEXT = "text"


def assemble(
    uses: Uses, names: tuple[str, ...] | None, class_names: tuple[str, ...], walk: Walk
) -> SoftmaxRegression:
    """Makes the model.

    Args:
      uses: what becomes of each column of the table.
      names: of the columns; None if they have none.
      class_names: of the model's outputs.
      walk: has what is added to each row; more constants and notes go there.
    """
    encoded = any(isinstance(use, Category | Words) for column in uses for use in column)
    if names is None and encoded:
        of_text = len(uses) == 1 and isinstance(uses[0][0], Words)
        names = (TEXT,) if of_text else names_by_position(len(uses))
    if names is not None and len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConversionError(f"two columns are called {twice!r}; rename one, and fit again")
    columns = [
        (name or f"column {index}", column)
        for index, (name, column) in enumerate(zip(names or [""] * len(uses), uses, strict=True))
        if column or names is None
    ]
    if not columns:
        raise ConversionError("the model takes no column at all")
    blocks = [block for name, column in columns for block in blocks_of(name, column, walk)]
    spec = Spec(
        (sum(block.column.n_features for block in blocks),),
        "float32",
        class_names,
        feature_names=None if encoded or names is None else tuple(name for name, _ in columns),
        encoding=_encoding(blocks) if encoded else None,
        **_scaled(blocks, walk),
    )
    model = SoftmaxRegression(spec)
    indicated = [block.of_missing[None] for block in blocks if block.of_missing is not None]
    W = np.concatenate([block.rows for block in blocks] + indicated)
    if not (np.isfinite(W).all() and np.isfinite(walk.constant).all()):
        raise ConversionError("some of its weights are not finite numbers; fit it again")
    model.W.assign(W.astype(np.float32))
    model.b.assign(walk.constant.astype(np.float32))
    return model


def _scaled(blocks: list[Block], walk: Walk) -> dict[str, Any]:
    """The fields of the spec that say how numbers are scaled and filled in."""
    first = np.cumsum([0, *(block.column.n_features for block in blocks)]).tolist()
    numbers = [(at, block) for at, block in zip(first, blocks, strict=False) if block.is_number]
    features, found = [at for at, _ in numbers], [block for _, block in numbers]
    fills = [block.fill for block in found]
    filled = any(fill is not None for fill in fills)
    for block in found if filled else []:
        if block.fill is None:
            walk.notes.append(
                f"column {block.column.name!r} has no imputer, so scikit-learn refuses rows in "
                f"which it is missing; the converted model takes {block.center:g} there"
            )
    scaling = Scaling(
        tuple(block.center for block in found),
        tuple(block.unit for block in found),
        tuple(block.center if block.fill is None else block.fill for block in found)
        if filled
        else None,
        tuple(index for index, block in enumerate(found) if block.of_missing is not None),
    ).spread(features, first[-1])
    return {"scaling": None if scaling == Scaling() else scaling, "missing": _fill(scaling, walk)}


def _fill(scaling: Scaling, walk: Walk) -> Fill | None:
    """How the spec calls what is filled in; `Scaling.fill` has the numbers."""
    if scaling.fill is None:
        return None
    if scaling.indicators:
        return "indicator"
    (only,) = walk.fills if len(walk.fills) == 1 else ("mean",)
    return cast(Fill, only if only in get_args(Fill) else "mean")


def names_by_position(n_columns: int) -> tuple[str, ...]:
    """What columns without names are called, as scikit-learn calls them."""
    return tuple(f"x{index}" for index in range(n_columns))


def rows_of(spec: Spec, rows: Any) -> Any:
    """Rows as a pipeline takes them, as its converted model takes them.

    Columns of an array that is encoded get the names that the model has for them.
    """
    if spec.encoding is None or frame_of(rows) is not None or is_matrix(rows):
        return rows
    import pandas as pd

    table = np.asarray(rows, object)
    if table.ndim == 1:
        return pd.DataFrame({spec.encoding.inputs[0].name: table})
    return pd.DataFrame(table, columns=names_by_position(table.shape[1])).infer_objects()


def _encoding(blocks: list[Block]) -> Encoding:
    inputs = {block.column.inputs[0]: block.dtype for block in blocks}
    return Encoding(
        tuple(Input(name, dtype) for name, dtype in inputs.items()),
        tuple(block.column for block in blocks),
    )
