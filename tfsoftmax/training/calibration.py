"""Temperature scaling: probabilities that match how often the model is right."""

from __future__ import annotations

import numpy as np
import scipy.optimize
import scipy.special

from tfsoftmax.data.dataset import Split
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.prediction import prediction_blocks

# The temperature is searched between 1 / 100 and 100.
_LARGEST_TEMPERATURE = 100.0


def calibrate(model: SoftmaxRegression, split: Split) -> float:
    """Calibrates a model's probabilities on rows that it was not trained on.

    Its logits are divided by the temperature that minimises these rows' mean cross-entropy,
    which changes no predicted class. The logits of a linear model are divided by dividing W
    and b, so every form it is exported in carries the temperature.

    Args:
      model: its W and b are divided.
      split: validation rows.

    Returns:
      The temperature; above 1 if the model was overconfident.

    Reference: Guo et al., On calibration of modern neural networks (ICML 2017), section 4.2.

    >>> import tfsoftmax
    >>> dataset = tfsoftmax.load_dataset("digits")
    >>> model = tfsoftmax.fit(dataset, tfsoftmax.Recipe(epochs=5)).model
    >>> model.W.assign(10 * model.W); model.b.assign(10 * model.b)
    <...>
    >>> calibrate(model, dataset.test) > 2
    True
    """
    labels = np.asarray(split.labels)

    def mean_loss(log_sharpness: float) -> float:
        sharpness, total = np.exp(log_sharpness), 0.0
        # Logits are computed again each time: those of many classes may not fit in memory.
        for start, rows in prediction_blocks(model.spec, split.features):
            logits = model.raw_logits(rows).astype(np.float64)
            chosen = logits[np.arange(len(logits)), labels[start : start + len(logits)]]
            loss = scipy.special.logsumexp(sharpness * logits, 1) - sharpness * chosen
            total += float(loss.sum())
        return total / len(labels)

    limit = np.log(_LARGEST_TEMPERATURE)
    found = scipy.optimize.minimize_scalar(mean_loss, bounds=(-limit, limit), method="bounded")
    temperature = float(np.exp(-found.x))
    for parameter in model.parameters:
        parameter.assign(parameter / temperature)
    return temperature
