"""A model as ONNX, written operation by operation."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.errors import UsageError
from tfsoftmax.export import metadata
from tfsoftmax.export.onnx.cells import DOMAIN, VERSION, of_cells, takes_cells
from tfsoftmax.export.onnx.nodes import Constants, Front, of_all_features, of_entries
from tfsoftmax.spec import Spec

if TYPE_CHECKING:
    from tfsoftmax.model import SoftmaxRegression

# Old enough for every current runtime, new enough for the operators used; both came with ONNX
# 1.12. ONNX Runtime before 1.18 refuses IR version 10.
_OPSET = 17
_IR_VERSION = 8
# What a runtime must know to run a file.
NEEDS = f"ONNX opset {_OPSET}"
SPEC_KEY = "tfsoftmax"
NO_DIGEST = "0" * 64
DIGEST = re.compile(rb'"sha256": "([^"]{64})"')


def convert(model: SoftmaxRegression, name: str) -> bytes:
    """An ONNX model of a few operations, spec and labels in its metadata.

    It takes ``inputs [n, *example_shape]``, raw and in the dataset's own dtype; of a model of
    sparse rows ``ids [n, k]`` int32, below 0 where there is none, and ``values [n, k]`` float32;
    of an encoded table the columns by name, each ``[n]``, if ONNX has what they need
    (`takes_cells`). It answers ``probabilities [n, n_classes]`` float32 and ``class_index [n]``
    int64; where the model may abstain, ``abstain [n]`` too.

    Args:
      model: the trained model.
      name: of the model.

    Raises:
      UsageError: if the package onnx is missing.
    """
    onnx = import_onnx()
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    spec = model.spec
    constants: Constants = {"b": model.b.numpy()}
    node, value = helper.make_node, helper.make_tensor_value_info
    front = _front_of(spec)(model, node, constants)
    nodes = [
        *front.nodes,
        node("Softmax", ["logits"], ["probabilities"], axis=-1),
        node("ArgMax", ["probabilities"], ["class_index"], axis=-1, keepdims=0),
    ]
    outputs = [
        value("probabilities", onnx.TensorProto.FLOAT, ["n", spec.n_classes]),
        value("class_index", onnx.TensorProto.INT64, ["n"]),
    ]
    if spec.reject_below is not None:
        constants["reject_below"] = np.array(spec.reject_below, np.float32)
        nodes += [
            node("ReduceMax", ["probabilities"], ["confidence"], axes=[-1], keepdims=0),
            # Not "is below": NaN, of scores that overflow, is neither, and no answer.
            node("GreaterOrEqual", ["confidence", "reject_below"], ["answered"]),
            node("Not", ["answered"], ["abstain"]),
        ]
        outputs.append(value("abstain", onnx.TensorProto.BOOL, ["n"]))
    constants = _name_inputs(nodes, constants, front)
    inputs = [
        value(front.names.get(inner, inner), kind, ["n", *shape])
        for inner, (kind, shape) in front.inputs.items()
    ]
    graph = helper.make_graph(
        nodes,
        name,
        inputs,
        outputs,
        [numpy_helper.from_array(array, key) for key, array in constants.items()],
    )
    proto = helper.make_model(
        graph,
        producer_name="tfsoftmax",
        opset_imports=[
            helper.make_opsetid("", _OPSET),
            *([helper.make_opsetid(DOMAIN, VERSION)] if takes_cells(spec) else []),
        ],
        ir_version=_IR_VERSION,
    )
    description = {**metadata.identity(spec, name), "sha256": NO_DIGEST}
    helper.set_model_props(proto, {SPEC_KEY: metadata.to_bytes(description).decode("utf-8")})
    onnx.checker.check_model(proto, full_check=True)
    content = proto.SerializeToString(deterministic=True)
    digest = hashlib.sha256(content).hexdigest().encode()
    return DIGEST.sub(b'"sha256": "%b"' % digest, content, count=1)


def _front_of(spec: Spec) -> Callable[..., Front]:
    if takes_cells(spec):
        return of_cells
    return of_entries if spec.sparse else of_all_features


def _name_inputs(nodes: list[Any], constants: Constants, front: Front) -> Constants:
    """Calls inputs what clients call them, and what is inside of the graph something else.

    Returns:
      The constants by their new names.
    """
    inside = [*constants, *(output for node in nodes for output in node.output)]
    taken, new_names = {*inside, *front.names.values()}, dict(front.names)
    for name in set(inside) & set(front.names.values()):
        new_names[name] = name + "_"
        while new_names[name] in taken:
            new_names[name] += "_"
        taken.add(new_names[name])
    for node in nodes:
        for names in (node.input, node.output):
            names[:] = [new_names.get(name, name) for name in names]
    return {new_names.get(name, name): array for name, array in constants.items()}


def import_onnx() -> Any:
    """The package, or a UsageError that says how to install it."""
    try:
        import onnx
    except ImportError as error:
        raise UsageError("ONNX needs the package onnx: pip install 'tfsoftmax[onnx]'") from error
    return onnx
