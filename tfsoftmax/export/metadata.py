"""What an artefact says about itself: ``tfsoftmax.json``, beside or inside it."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import zipfile
from importlib.metadata import version
from typing import Any, NamedTuple

from tfsoftmax.json_text import json_text
from tfsoftmax.spec import Spec

FILE_NAME = "tfsoftmax.json"
LABELS_NAME = "labels.txt"
_FORMAT = 1
_MAX_BYTES = 64 * 2**20


def describe(spec: Spec, name: str, record: dict[str, Any]) -> dict[str, Any]:
    """Everything worth keeping with a model, JSON-ready.

    Args:
      spec: of the model.
      name: of the model.
      record: how it was made: dataset, recipe, history, as far as is known.
    """
    return {
        **identity(spec, name),
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in ("tfsoftmax", "tensorflow", "numpy")},
        },
        **record,
    }


def identity(spec: Spec, name: str) -> dict[str, Any]:
    """The least an artefact must say of itself to be used, JSON-ready."""
    return {"format": _FORMAT, "name": name, "spec": spec.to_json()}


def to_bytes(description: dict[str, Any]) -> bytes:
    """The content of ``tfsoftmax.json``."""
    return (json_text(description) + "\n").encode("utf-8")


def spec_from_bytes(content: bytes) -> Spec:
    """The spec within a ``tfsoftmax.json``.

    Raises:
      ValueError: if it holds none.
    """
    try:
        fields = json.loads(content)
        if fields["format"] == _FORMAT:
            return Spec.from_json(fields["spec"])
        reason = f"is of format {fields['format']!r}, and this version reads {_FORMAT}"
    # Whatever is in there may be of any shape.
    except (ValueError, KeyError, TypeError, LookupError, AttributeError, RecursionError):
        reason = "is damaged or of another kind"
    raise ValueError(f"its {FILE_NAME} {reason}")


class Attached(NamedTuple):
    """What a TFLite file carries: its model's spec, and how many rows it takes if that is fixed."""

    spec: Spec
    batch: int | None


def append_to_tflite(model: bytes, spec: Spec, name: str, batch: int | None = None) -> bytes:
    """A TFLite file with its labels and its spec attached.

    They follow the model as an uncompressed zip archive, the way TFLite metadata attaches
    its files; interpreters read the model alone.
    """
    description = {
        **identity(spec, name),
        **({"batch": batch} if batch else {}),
        "model": {"bytes": len(model), "sha256": hashlib.sha256(model).hexdigest()},
    }
    archive = io.BytesIO()
    archive.write(model)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_STORED) as attached:
        labels = "".join(f"{label}\n" for label in spec.class_names)
        # A fixed date, so that the same model gives the same bytes.
        for entry, content in (
            (LABELS_NAME, labels.encode("utf-8")),
            (FILE_NAME, to_bytes(description)),
        ):
            attached.writestr(zipfile.ZipInfo(entry, (1980, 1, 1, 0, 0, 0)), content)
    return archive.getvalue()


def attached_to_tflite(model: bytes) -> Attached | None:
    """What `append_to_tflite` attached to a file; None if nothing is.

    Raises:
      ValueError: if what is attached cannot be read, or the model is not the one it was
        attached to.
    """
    stream = io.BytesIO(model)
    if not zipfile.is_zipfile(stream):
        return None
    try:
        with zipfile.ZipFile(stream) as attached:
            if FILE_NAME not in attached.namelist():
                return None
            if attached.getinfo(FILE_NAME).file_size > _MAX_BYTES:
                raise ValueError(f"its {FILE_NAME} is larger than {_MAX_BYTES:,} bytes")
            content = attached.read(FILE_NAME)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError) as error:
        raise ValueError(f"its attached files are damaged: {error}") from error
    spec, description = spec_from_bytes(content), json.loads(content)
    digest = description.get("model") or {}
    if hashlib.sha256(model[: digest.get("bytes")]).hexdigest() != digest.get("sha256"):
        raise ValueError("it is damaged: its checksum does not match")
    return Attached(spec, description.get("batch"))
