"""JSON that every reader takes."""

from __future__ import annotations

import json
import math
from typing import Any


def json_text(document: Any, indent: int | None = 2) -> str:
    """A document as JSON; a figure that is not a finite number does not exist, and is null.

    Python would write ``NaN`` and ``Infinity``, which are no JSON (RFC 8259, section 6).

    Args:
      document: of dictionaries, lists, texts and numbers.
      indent: spaces a level; None is one line.

    >>> json_text({"log_loss": float("nan"), "accuracy": 0.5}, indent=None)
    '{"log_loss": null, "accuracy": 0.5}'
    """
    return json.dumps(_finite(document), indent=indent, allow_nan=False)


def _finite(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: _finite(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [_finite(value) for value in document]
    if isinstance(document, float) and not math.isfinite(document):
        return None
    return document
