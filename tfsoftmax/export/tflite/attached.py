"""Spec and labels attached to a TFLite file, with checksums over all of it."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zipfile
import zlib
from typing import Any, NamedTuple

from tfsoftmax.export.metadata import (
    FILE_NAME,
    LABELS_NAME,
    identity,
    labels_text,
    spec_from_bytes,
    to_bytes,
)
from tfsoftmax.spec import Spec

_MAX_BYTES = 64 * 2**20
_CHECKSUM = "sha256"


class Attached(NamedTuple):
    """What a TFLite file carries: its model's spec, and how many rows it takes if that is fixed."""

    spec: Spec
    batch: int | None


def append(model: bytes, spec: Spec, name: str, batch: int | None = None) -> bytes:
    """A TFLite file with its labels and its spec attached.

    They follow the model as an uncompressed zip archive, the way TFLite metadata attaches
    its files; interpreters read the model alone.
    """
    description = {
        **identity(spec, name),
        **({"batch": batch} if batch else {}),
        "model": {"bytes": len(model), "sha256": hashlib.sha256(model).hexdigest()},
    }
    description[_CHECKSUM] = _checksum(description)
    archive = io.BytesIO()
    archive.write(model)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_STORED) as attached:
        # A fixed date, so that the same model gives the same bytes.
        for entry, content in (
            (LABELS_NAME, labels_text(spec).encode("utf-8")),
            (FILE_NAME, to_bytes(description)),
        ):
            attached.writestr(zipfile.ZipInfo(entry, (1980, 1, 1, 0, 0, 0)), content)
    return archive.getvalue()


def read(model: bytes) -> Attached | None:
    """What `append` attached to a file; None if nothing is.

    Raises:
      ValueError: if what is attached cannot be read, or the model is not the one it was
        attached to.
    """
    stream = io.BytesIO(model)
    try:
        if not zipfile.is_zipfile(stream):
            return None
        with zipfile.ZipFile(stream) as archive:
            if FILE_NAME not in archive.namelist():
                return None
            content, labels = (_entry(archive, name) for name in (FILE_NAME, LABELS_NAME))
    except _DAMAGED as error:
        raise ValueError(f"its attached files are damaged: {error}") from error
    spec, description = spec_from_bytes(content), json.loads(content)
    # Files of the first versions have no checksum but the model's.
    checksum = description.pop(_CHECKSUM, None)
    if checksum is not None and checksum != _checksum(description):
        raise ValueError(f"its attached {FILE_NAME} was changed: its checksum does not match")
    if labels != labels_text(spec).encode("utf-8"):
        raise ValueError(f"its attached {LABELS_NAME} has other class names than {FILE_NAME}")
    if not _is_of(model, description.get("model")):
        raise ValueError("it is damaged: its checksum does not match")
    batch = description.get("batch")
    return Attached(spec, batch if isinstance(batch, int) else None)


# What zipfile raises on damage of one kind or another.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    RuntimeError,
    OSError,
    EOFError,
    KeyError,
    ValueError,
    OverflowError,
)


def _entry(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > _MAX_BYTES:
        raise ValueError(f"{name} is larger than {_MAX_BYTES:,} bytes")
    return archive.read(name)


def _is_of(model: bytes, digest: Any) -> bool:
    """Whether a digest of the model without what is attached is the right one."""
    if not isinstance(digest, dict) or not isinstance(digest.get("bytes"), int):
        return False
    return hashlib.sha256(model[: digest["bytes"]]).hexdigest() == digest.get("sha256")


def _checksum(description: dict[str, Any]) -> str:
    """Of a description, whatever the order and spacing it is written in."""
    text = json.dumps(description, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
