"""The standard metadata of a TFLite file: its input, its output and its file of labels.

Written field by field after TensorFlow's ``metadata_schema.fbs``, as no package that is
still maintained writes it; MediaPipe Tasks and Android's tools read it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import flatbuffers

from tfsoftmax.export.metadata import LABELS_NAME
from tfsoftmax.export.tensors import IDS, VALUES
from tfsoftmax.spec import Spec

_NAME = b"TFLITE_METADATA"
_IDENTIFIER = b"M001"
_MODEL_IDENTIFIER = b"TFL3"
_CONVERSION = b"CONVERSION_METADATA"
# Values of the schema's enums and unions.
_RGB = 1
_GRAYSCALE = 2
_FEATURE_PROPERTIES = 1
_IMAGE_PROPERTIES = 2
_NORMALIZATION = 1
_TENSOR_AXIS_LABELS = 2
_SLOTS = 11  # of the largest table


def attach(model: bytes, spec: Spec, name: str, example_shape: tuple[int, ...]) -> bytes:
    """Adds standard metadata, which names an attached labels file, to a TFLite file.

    Args:
      model: a TFLite file.
      spec: of the model.
      name: of the model.
      example_shape: of the file's input, which may differ from the spec's.
    """
    from ai_edge_litert import schema_py_generated as schema

    content = schema.ModelT.InitFromPackedBuf(model)
    # The converter's arguments are of no use to a reader, and take space.
    for entry in content.metadata or []:
        if entry.name == _CONVERSION:
            content.buffers[entry.buffer].data = None
    content.metadata = [one for one in content.metadata or [] if one.name != _CONVERSION]
    buffer = schema.BufferT()
    buffer.data = list(_metadata(spec, name, example_shape))
    content.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = _NAME, len(content.buffers) - 1
    content.metadata.append(entry)
    builder = flatbuffers.Builder(len(model) + 4096)
    builder.Finish(content.Pack(builder), _MODEL_IDENTIFIER)
    return bytes(builder.Output())


def _metadata(spec: Spec, name: str, example_shape: tuple[int, ...]) -> bytes:
    write = _Writer()
    labels = write.table(
        {
            0: write.text(LABELS_NAME),
            1: write.text("The class names, one a line."),
            2: write.byte(_TENSOR_AXIS_LABELS),
        }
    )
    outputs = write.table(
        {
            0: write.text("probabilities"),
            1: write.text("Probability of each class."),
            3: write.table({0: write.byte(_FEATURE_PROPERTIES), 1: write.table({})}),
            6: write.tables([labels]),
        }
    )
    inputs = [_input(write, spec, example_shape)]
    if spec.sparse:
        inputs = [
            write.table({0: write.text(IDS), 1: write.text("Features, -1 where there is none.")}),
            write.table({0: write.text(VALUES), 1: write.text("Of these features.")}),
        ]
    subgraph = write.table({2: write.tables(inputs), 3: write.tables([outputs])})
    root = write.table(
        {
            0: write.text(name),
            1: write.text(f"Softmax regression of {spec.n_classes} classes, by tfsoftmax."),
            3: write.tables([subgraph]),
            7: write.text("1.0.0"),
        }
    )
    return write.finish(root)


def _input(write: _Writer, spec: Spec, example_shape: tuple[int, ...]) -> _Field:
    fields = {0: write.text("inputs"), 1: write.text("Raw examples; scaling is in the graph.")}
    if spec.is_image:
        color = _RGB if example_shape[2:] == (3,) else _GRAYSCALE
        image = write.table({0: write.byte(color)})
        fields[3] = write.table({0: write.byte(_IMAGE_PROPERTIES), 1: image})
    # The graph scales its inputs, so a caller has nothing to normalise.
    normalization = write.table({0: write.numbers([0.0]), 1: write.numbers([1.0])})
    unit = write.table({0: write.byte(_NORMALIZATION), 1: normalization})
    fields[4] = write.tables([unit])
    if spec.value_range:
        low, high = spec.value_range
        fields[5] = write.table({0: write.numbers([high]), 1: write.numbers([low])})
    return write.table(fields)


class _Writer:
    """Writes flatbuffers bottom-up: the children of a table are written before the table.

    Every method returns a field, for `table` to put into a slot.
    """

    def __init__(self) -> None:
        self._builder = flatbuffers.Builder(1024)

    def text(self, value: str) -> _Field:
        return self._reference(self._builder.CreateString(value))

    def byte(self, value: int) -> _Field:
        return _Field(lambda slot: self._builder.PrependUint8Slot(slot, value, 0), 0)

    def numbers(self, values: Sequence[float]) -> _Field:
        return self._vector(values, self._builder.PrependFloat32)

    def tables(self, tables: Sequence[_Field]) -> _Field:
        offsets = [table.offset for table in tables]
        return self._vector(offsets, self._builder.PrependUOffsetTRelative)

    def table(self, fields: dict[int, _Field]) -> _Field:
        self._builder.StartObject(_SLOTS)
        for slot, field in fields.items():
            field.put(slot)
        return self._reference(self._builder.EndObject())

    def finish(self, root: _Field) -> bytes:
        self._builder.Finish(root.offset, _IDENTIFIER)
        return bytes(self._builder.Output())

    def _vector(self, values: Sequence[Any], prepend: Callable[[Any], None]) -> _Field:
        self._builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            prepend(value)
        return self._reference(self._builder.EndVector())

    def _reference(self, offset: int) -> _Field:
        return _Field(
            lambda slot: self._builder.PrependUOffsetTRelativeSlot(slot, offset, 0), offset
        )


class _Field(NamedTuple):
    """A written value: how to put it into a slot of a table, and its offset."""

    put: Callable[[int], None]
    offset: int
