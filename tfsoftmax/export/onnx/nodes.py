"""The nodes from a model's inputs to its logits, operation by operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tfsoftmax.export.tensors import DENSE, IDS, VALUES

if TYPE_CHECKING:
    from tfsoftmax.model import SoftmaxRegression

Make = Callable[..., Any]
Constants = dict[str, np.ndarray]
FLOAT, INT32, INT64, TEXT = 1, 6, 7, 8


class Front(NamedTuple):
    """What comes before the logits.

    Attributes:
      inputs: for each input its type's number in ONNX, and the shape of a row.
      nodes: from the inputs to ``logits``.
      names: of the inputs that clients call otherwise, what they call them.
    """

    inputs: dict[str, tuple[int, list[int | str]]]
    nodes: list[Any]
    names: Mapping[str, str] = {}


def of_all_features(model: SoftmaxRegression, node: Make, constants: Constants) -> Front:
    """From all features of each row; adds the constants."""
    import onnx

    spec = model.spec
    constants["rows"] = np.array([-1, spec.n_features], np.int64)
    nodes = [
        node("Cast", [DENSE], ["floats"], to=FLOAT),
        node("Reshape", ["floats", "rows"], ["numbers"]),
        *to_logits(model, node, constants),
    ]
    dtype = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(spec.dtype))
    return Front({DENSE: (dtype, list(spec.example_shape))}, nodes)


def to_logits(model: SoftmaxRegression, node: Make, constants: Constants) -> list[Any]:
    """Nodes from ``numbers [n, n_features]`` to ``logits``; adds their constants."""
    constants["W"] = model.W.numpy()
    nodes = _scaled(model, node, constants)
    if model.indicators:
        constants["watched"] = np.array(model.indicators, np.int64)
        nodes += [
            node("Gather", ["missing", "watched"], ["absent"], axis=1),
            node("Cast", ["absent"], ["indicators"], to=FLOAT),
            node("Concat", ["scaled", "indicators"], ["features"], axis=1),
        ]
    else:
        nodes[-1].output[0] = "features"
    return [*nodes, node("Gemm", ["features", "W", "b"], ["logits"])]


def of_entries(model: SoftmaxRegression, node: Make, constants: Constants) -> Front:
    """From the entries of sparse rows, with only the rows of W that count; adds the constants."""
    from tfsoftmax.export.packed import PackedModel

    packed = PackedModel(model)
    W, n_features = packed.model.W.numpy(), packed.model.spec.n_features
    constants |= {
        "places": packed.places.numpy(),
        "none": np.array(0, np.int32),
        "nothing": np.array(0, np.float32),
        "row": np.array([1], np.int64),
        "W": W[:n_features],
    }
    nodes = [
        node("GreaterOrEqual", [IDS, "none"], ["there"]),
        node("Where", ["there", IDS, "none"], ["features"]),
        node("Gather", ["places", "features"], ["found"]),
        node("Where", ["there", "found", "none"], ["at"]),
        node("Identity", [VALUES], ["numbers"]),
        *_scaled(packed.model, node, constants, at="at"),
        node("Greater", ["at", "none"], ["counts"]),
        node("Where", ["counts", "scaled", "nothing"], ["inputs"]),
        *_summed(node, "inputs", "W", "sums"),
    ]
    if packed.model.indicators:
        of_missing = np.zeros_like(W[:n_features])
        of_missing[packed.model.indicators] = W[n_features:]
        constants["W_missing"] = of_missing
        nodes += [
            node("Cast", ["missing"], ["absent"], to=FLOAT),
            *_summed(node, "absent", "W_missing", "of_missing"),
            node("Add", ["sums", "of_missing"], ["all_sums"]),
        ]
    last = "all_sums" if packed.model.indicators else "sums"
    nodes.append(node("Add", [last, "b"], ["logits"]))
    return Front({IDS: (INT32, ["k"]), VALUES: (FLOAT, ["k"])}, nodes)


def _summed(node: Make, numbers: str, W: str, sums: str) -> list[Any]:
    """Nodes that add up the rows of W at some places, each times a number, for each row."""
    return [
        node("Gather", [W, "at"], [f"{W}_rows"]),
        node("Unsqueeze", [numbers, "row"], [f"{numbers}_row"]),
        node("MatMul", [f"{numbers}_row", f"{W}_rows"], [f"{sums}_row"]),
        node("Squeeze", [f"{sums}_row", "row"], [sums]),
    ]


def _scaled(
    model: SoftmaxRegression, node: Make, constants: Constants, at: str | None = None
) -> list[Any]:
    """Nodes from ``numbers`` to ``scaled``, and ``missing`` if some may be; adds their constants.

    Args:
      model: says how.
      node: makes a node.
      constants: of the graph.
      at: the name of which feature each number is of; None if all are there, in their order.
    """
    nodes, last = [], "numbers"

    def of_each(name: str, numbers: np.ndarray) -> str:
        constants[name] = numbers
        if at is None or not numbers.ndim:
            return name
        nodes.append(node("Gather", [name, at], [f"{name}_each"]))
        return f"{name}_each"

    if model.fill is not None:
        fill = of_each("fill", model.fill)
        nodes += [
            node("IsNaN", [last], ["missing"]),
            node("Where", ["missing", fill, last], ["filled"]),
        ]
        last = "filled"
    offset, scale = of_each("offset", model.offset), of_each("scale", model.scale)
    nodes += [
        node("Sub", [last, offset], ["shifted"]),
        node("Mul", ["shifted", scale], ["scaled"]),
    ]
    if model.limit is not None:
        nodes[-1].output[0] = "unlimited"
        constants |= {"least": np.array(-model.limit, "f4"), "most": np.array(model.limit, "f4")}
        nodes.append(node("Clip", ["unlimited", "least", "most"], ["scaled"]))
    return nodes
