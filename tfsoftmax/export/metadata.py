"""What an artefact says about itself: ``tfsoftmax.json``, beside or inside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tfsoftmax.spec import Spec
from tfsoftmax.system.json_text import json_text
from tfsoftmax.system.packages import installed_versions

FILE_NAME = "tfsoftmax.json"
LABELS_NAME = "labels.txt"
RESCUED = ".rescued"  # ends the name of the file that keeps a model which could not be exported
_FORMAT = 1


def describe(spec: Spec, name: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Everything worth keeping with a model, JSON-ready.

    Args:
      spec: of the model.
      name: of the model.
      record: how it was made, as far as is known.
    """
    return {**identity(spec, name), "versions": installed_versions(), **record}


def identity(spec: Spec, name: str) -> dict[str, Any]:
    """The minimum that an artefact must contain to be used, JSON-ready."""
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


def description_from_bytes(content: bytes) -> dict[str, Any]:
    """What a version's ``tfsoftmax.json`` says, with its spec and all else that is relied on.

    Raises:
      ValueError: if something of it is missing or of another kind.
    """
    spec_from_bytes(content)
    fields = json.loads(content)
    data = fields.get("dataset") or {}
    kinds = [(fields.get("name"), str), (data, dict)]
    if isinstance(data, dict):
        kinds += [(data.get("name") or "", str), (data.get("options") or {}, dict)]
    if not all(isinstance(value, kind) for value, kind in kinds):
        raise ValueError(f"its {FILE_NAME} is damaged or of another kind")
    return fields


def labels_text(spec: Spec) -> str:
    """The class names, one a line, as they go along with a model."""
    return "".join(f"{label}\n" for label in spec.class_names)
