"""A model as ONNX, written operation by operation."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.errors import UsageError
from tfsoftmax.export import metadata
from tfsoftmax.export.onnx.nodes import of_all_features, of_entries

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

    It takes ``inputs [n, *example_shape]``, raw and in the dataset's own dtype, or, of a model
    of sparse rows, ``ids [n, k]`` int32, below 0 where there is none, and ``values [n, k]``
    float32; and answers
    ``probabilities [n, n_classes]`` float32 and ``class_index [n]`` int64; where the model
    may abstain, ``abstain [n]`` too.

    Args:
      model: the trained model.
      name: of the model.

    Raises:
      UsageError: if the package onnx is missing.
    """
    onnx = import_onnx()
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    spec = model.spec
    constants: dict[str, np.ndarray] = {"b": model.b.numpy()}
    node, value = helper.make_node, helper.make_tensor_value_info
    front = (of_entries if spec.sparse else of_all_features)(model, node, constants)
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
    graph = helper.make_graph(
        nodes,
        name,
        [value(name, kind, ["n", *shape]) for name, (kind, shape) in front.inputs.items()],
        outputs,
        [numpy_helper.from_array(array, key) for key, array in constants.items()],
    )
    proto = helper.make_model(
        graph,
        producer_name="tfsoftmax",
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
    )
    description = {**metadata.identity(spec, name), "sha256": NO_DIGEST}
    helper.set_model_props(proto, {SPEC_KEY: metadata.to_bytes(description).decode("utf-8")})
    onnx.checker.check_model(proto, full_check=True)
    content = proto.SerializeToString(deterministic=True)
    digest = hashlib.sha256(content).hexdigest().encode()
    return DIGEST.sub(b'"sha256": "%b"' % digest, content, count=1)


def import_onnx() -> Any:
    """The package, or a UsageError that says how to install it."""
    try:
        import onnx
    except ImportError as error:
        raise UsageError("ONNX needs the package onnx: pip install 'tfsoftmax[onnx]'") from error
    return onnx
