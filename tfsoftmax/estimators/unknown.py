"""The warning of categories that an estimator was not fitted on."""

from __future__ import annotations

import sys
import warnings

from tfsoftmax.data.unknown_categories import UnknownCategories
from tfsoftmax.errors import UnknownCategoryWarning

_warned: set[tuple[str, int]] = set()


def warn_of_unknown(unknown: UnknownCategories, level: int) -> None:
    """Warns of categories that an estimator was not fitted on, once for each line that asks.

    Python has a rule for that, too, but it starts anew whenever a filter is changed, which
    scikit-learn does in every fit; and the rows of each fold would be another warning.

    Args:
      unknown: what was found.
      level: of the line that asks, in calls above this function.
    """
    if not unknown.sentence:
        return
    asking = sys._getframe(level)
    line = asking.f_code.co_filename, asking.f_lineno
    if line in _warned and not _all_are_wanted():
        return
    message = f"X: {unknown.sentence} (said once for each line that asks)"
    warnings.warn(message, UnknownCategoryWarning, stacklevel=level + 1)
    _warned.add(line)


def _all_are_wanted() -> bool:
    """Whether a filter asks for every warning, or makes an error of it."""
    actions = (
        action
        for action, _, category, _, _ in warnings.filters
        if issubclass(UnknownCategoryWarning, category)
    )
    return next(actions, "default") in ("always", "all", "error")
