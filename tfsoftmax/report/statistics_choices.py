"""What `statistics` is asked for, checked; must not import TensorFlow."""

from __future__ import annotations

import math

from tfsoftmax.choices import did_you_mean
from tfsoftmax.errors import UsageError
from tfsoftmax.messages import setting
from tfsoftmax.spec import Spec

# So many resamples give steady intervals.
RESAMPLES = 1000


def check_choices(confidence: float, l2: float, bootstrap: int | None) -> None:
    """Checks what does not depend on the data; the arguments are those of `statistics`.

    Raises:
      UsageError: if a number is out of range, or l2 has no bootstrap.
    """
    if not 0 < confidence < 1:
        raise UsageError(
            setting("confidence") + f" must be above 0 and below 1, not {confidence!r}"
        )
    if not (l2 >= 0 and math.isfinite(l2)):
        raise UsageError(setting("l2") + f" must be a number of at least 0, not {l2!r}")
    fewest = math.ceil(round(2 / (1 - confidence), 6))
    if bootstrap is None:
        if l2:
            raise UsageError(
                "standard errors and p-values by formula do not hold for penalised coefficients: "
                "add " + setting("bootstrap", RESAMPLES) + ", or leave " + setting("l2") + " out"
            )
    elif bootstrap < fewest:
        raise UsageError(
            setting("bootstrap") + f" must be at least {fewest:,} for intervals of "
            f"{confidence:g}, not {bootstrap:,}"
        )


def reference_index(spec: Spec, reference: str | None) -> int:
    """The index of the class that the others are compared with; None is the first.

    Raises:
      UsageError: if there is no such class.

    >>> reference_index(Spec((2,), "float32", ("no", "yes")), "yes")
    1
    """
    names = spec.class_names
    if reference is None:
        return 0
    if reference not in names:
        raise UsageError(
            f"there is no class {reference!r} to be the reference; "
            f"{did_you_mean(reference, names)}there are {', '.join(names[:10])}"
        )
    return names.index(reference)
