"""Half-precision weights in a TFLite file, and in nothing but the weights."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np

from tfsoftmax.export.tflite import version as tflite_version

_MODEL_IDENTIFIER = b"TFL3"
# The first version of the operator DEQUANTIZE that reads float16.
_DEQUANTIZE_VERSION = 3
# The first version of TFLite that has that version of the operator.
_FIRST_RUNTIME = "1.15.0"


def halve_weights(model: bytes) -> bytes:
    """Stores the weights of a float32 TFLite model's matrix products as float16.

    An operation in front of each product converts them to float32 again. The converter's own
    option would make every constant float16, and so overflow an offset of a million, or round
    one of a thousand so coarsely that differences between values are lost.

    Args:
      model: a TFLite file.
    """
    from ai_edge_litert import schema_py_generated as schema

    content = schema.ModelT.InitFromPackedBuf(model)
    (graph,) = content.subgraphs
    product = schema.BuiltinOperator.FULLY_CONNECTED
    operators: list[Any] = []
    for operator in graph.operators:
        if content.operatorCodes[operator.opcodeIndex].builtinCode == product:
            operators.append(_dequantize(content, graph, operator, schema))
        operators.append(operator)
    graph.operators = operators
    tflite_version.raise_to(_FIRST_RUNTIME, content)
    builder = flatbuffers.Builder(len(model))
    builder.Finish(content.Pack(builder), _MODEL_IDENTIFIER)
    return bytes(builder.Output())


def _dequantize(content: Any, graph: Any, product: Any, schema: Any) -> Any:
    """Makes a product's weights float16, and the operation that makes them float32 again."""
    features, weights_index, *rest = map(int, product.inputs)
    weights = graph.tensors[weights_index]
    numbers = np.frombuffer(bytes(content.buffers[weights.buffer].data), np.float32)
    halves = schema.BufferT()
    halves.data = np.frombuffer(numbers.astype(np.float16).tobytes(), np.uint8)
    content.buffers.append(halves)
    turned = schema.TensorT()
    turned.shape, turned.type, turned.name = weights.shape, weights.type, weights.name
    turned.buffer = 0
    graph.tensors.append(turned)
    content.buffers[weights.buffer].data = None
    weights.type, weights.buffer = schema.TensorType.FLOAT16, len(content.buffers) - 1
    weights.name = weights.name + b"_half"
    product.inputs = [features, len(graph.tensors) - 1, *rest]
    operator = schema.OperatorT()
    operator.opcodeIndex = _code(content, schema)
    operator.inputs, operator.outputs = [weights_index], [len(graph.tensors) - 1]
    return operator


def _code(content: Any, schema: Any) -> int:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.DEQUANTIZE
    code.version = _DEQUANTIZE_VERSION
    content.operatorCodes.append(code)
    return len(content.operatorCodes) - 1
