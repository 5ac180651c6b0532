"""The oldest TFLite that runs a file, as the file's own metadata says it.

The converter looks up each operator's version in TensorFlow's table of them and writes the
newest runtime that any of them needs (``UpdateMinimumRuntimeVersionForModel`` in TensorFlow's
``lite/tools/versioning/runtime_version.cc``). What is added to a file afterwards must raise it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_ENTRY = b"min_runtime_version"
_BYTES = 16


def oldest_runtime(model: bytes) -> str:
    """The oldest version of TFLite that has every operator of a file, such as ``2.3.0``.

    Args:
      model: a TFLite file that `tf.lite.TFLiteConverter` made.
    """
    from ai_edge_litert import schema_py_generated as schema

    content = schema.ModelT.InitFromPackedBuf(model)
    return bytes(_buffer(content).data).rstrip(b"\0").decode("ascii")


def raise_to(version: str, content: Any) -> None:
    """Writes a version into a file's metadata, if a newer one is not there already.

    Args:
      version: such as ``2.3.0``.
      content: the file as a ``ModelT``.
    """
    buffer = _buffer(content)
    written = bytes(buffer.data).rstrip(b"\0").decode("ascii")
    if _numbers(written) < _numbers(version):
        buffer.data = np.frombuffer(version.encode("ascii").ljust(_BYTES, b"\0"), np.uint8)


def _buffer(content: Any) -> Any:
    (entry,) = (entry for entry in content.metadata if entry.name == _ENTRY)
    return content.buffers[entry.buffer]


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]
