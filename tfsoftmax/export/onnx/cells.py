"""Rows of a table in ONNX, as far as it has operations for them, and back from features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.columns.column import Column, Encoding
from tfsoftmax.export.onnx.nodes import FLOAT, INT64, TEXT, Constants, Front, Make, to_logits
from tfsoftmax.export.tensors import Tensors
from tfsoftmax.spec import Spec

if TYPE_CHECKING:
    from tfsoftmax.model import SoftmaxRegression

# Operations of classical machine learning, and the version of them that this needs.
DOMAIN, VERSION = "ai.onnx.ml", 2
OUTPUTS = ("probabilities", "class_index", "abstain")
_KINDS = ("number", "boolean", "category")
_TYPES = {"float32": FLOAT, "int64": INT64, "string": TEXT}


def takes_cells(spec: Spec) -> bool:
    """Whether a model's ONNX file takes the columns of the table by name.

    That is so if all are numbers and categories: ONNX has no operations that hash texts, split
    them, or read dates and words for yes and no.
    """
    if spec.encoding is None or spec.sparse:
        return False
    dtypes = {each.name: each.dtype for each in spec.encoding.inputs}
    names = all(name and name not in OUTPUTS for name in dtypes)
    words = any(
        column.kind == "boolean" and dtypes[column.inputs[0]] == "string"
        for column in spec.encoding.columns
    )
    return names and not words and all(one.kind in _KINDS for one in spec.encoding.columns)


def of_cells(model: SoftmaxRegression, node: Make, constants: Constants) -> Front:
    """From the columns of a table, each ``[n]``; adds the constants."""
    encoding = model.spec.encoding
    assert encoding is not None
    dtypes = {each.name: each.dtype for each in encoding.inputs}
    constants |= {"axis": np.array([1], np.int64), "off_on": np.array([0, 1], np.float32)}
    names = {each.name: f"cells_{index}" for index, each in enumerate(encoding.inputs)}
    nodes, parts = [], []
    for index, column in enumerate(encoding.columns):
        (name,), part = column.inputs, f"column_{index}"
        cells, of_category = names[name], f"category_{index}"
        parts.append(part)
        if column.kind != "category":
            nodes.append(node("Unsqueeze", [cells, "axis"], [part]))
            continue
        constants[f"depth_{index}"] = np.array(column.n_features, np.int64)
        places = _places(column, dtypes[name])
        nodes += [
            node("LabelEncoder", [cells], [of_category], domain=DOMAIN, **places),
            node("OneHot", [of_category, f"depth_{index}", "off_on"], [part], axis=-1),
        ]
    nodes += [node("Concat", parts, ["numbers"], axis=1), *to_logits(model, node, constants)]
    inputs: dict[str, tuple[int, list[int | str]]] = {
        names[each.name]: (_TYPES[each.dtype], []) for each in encoding.inputs
    }
    return Front(inputs, nodes, {inner: name for name, inner in names.items()})


def _places(column: Column, dtype: str) -> dict[str, Any]:
    """The attributes of a LabelEncoder: what is in no key is unknown, the second feature."""
    places = list(range(2, column.n_features))
    if dtype == "int64":
        keys: dict[str, Any] = {"keys_int64s": [int(each) for each in column.vocabulary]}
    else:
        keys, places = {"keys_strings": ["", *column.vocabulary]}, [0, *places]
    return {**keys, "values_int64s": places, "default_int64": 1}


def cells_of_features(encoding: Encoding, rows: np.ndarray) -> Tensors:
    """Cells that become these rows of features, if they are ones that cells become.

    Args:
      encoding: of numbers and categories (`takes_cells`).
      rows: float32 ``[n, n_features]``.
    """
    dtypes = {each.name: each.dtype for each in encoding.inputs}
    found = {
        each.name: np.full(len(rows), "" if each.dtype == "string" else 0, _array_type(each.dtype))
        for each in encoding.inputs
    }
    for first, column in zip(encoding.offsets, encoding.columns, strict=False):
        (name,) = column.inputs
        if column.kind != "category":
            found[name] = rows[:, first]
            continue
        known = set(column.vocabulary)
        unknown = next(str(number) for number in range(len(known) + 1) if str(number) not in known)
        missing = "" if dtypes[name] == "string" else unknown
        cells = np.array([missing, unknown, *column.vocabulary], object)
        chosen = cells[rows[:, first : first + column.n_features].argmax(axis=1)]
        found[name] = chosen.astype(_array_type(dtypes[name]))
    return found


def _array_type(dtype: str) -> Any:
    return object if dtype == "string" else dtype
