"""JSON that every parser accepts."""

from __future__ import annotations

import json
import math
from typing import Any


def json_text(document: Any, indent: int | None = 2) -> str:
    """Writes a document as JSON, with null for numbers that are not finite.

    Python would write ``NaN`` and ``Infinity``, which are not JSON (RFC 8259, section 6).

    Args:
      document: dictionaries, lists, strings and numbers, nested in any way.
      indent: spaces per level; None writes a single line.

    >>> json_text({"log_loss": float("nan"), "accuracy": 0.5}, indent=None)
    '{"log_loss": null, "accuracy": 0.5}'
    """
    return json.dumps(_null_if_not_finite(document), indent=indent, allow_nan=False)


def _null_if_not_finite(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: _null_if_not_finite(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [_null_if_not_finite(value) for value in document]
    if isinstance(document, float) and not math.isfinite(document):
        return None
    return document
