"""Multiclass logistic regression (softmax regression), from scratch in TensorFlow 2.

The whole journey in a handful of lines::

    import tfsoftmax

    dataset = tfsoftmax.load_dataset("mnist5k")
    model, history = tfsoftmax.fit(dataset)
    print(tfsoftmax.evaluate(model, dataset.test).accuracy)
    print(model.predict(dataset.test.features[:5]))
    tfsoftmax.export(model, "savedmodels", "mnist5k", check_on=dataset.test.features)

Conventions, for every function of the package:

* ``features [n_samples, n_features]`` in their compact dtype (pixels stay uint8),
  ``labels [n_samples]`` int32 in ``[0, n_classes)``, ``logits [n_samples, n_classes]``;
* arguments come in the order ``(logits, labels)``;
* losses are per example, in nats; whoever calls takes the mean.

Names are imported on first use, so that ``import tfsoftmax`` does not pay for TensorFlow.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Dataset": "tfsoftmax.data.dataset",
    "Split": "tfsoftmax.data.dataset",
    "load_dataset": "tfsoftmax.data",
    "Spec": "tfsoftmax.spec",
    "SoftmaxRegression": "tfsoftmax.model",
    "RECIPES": "tfsoftmax.recipes",
    "Recipe": "tfsoftmax.recipes",
    "fit": "tfsoftmax.training",
    "FitResult": "tfsoftmax.training",
    "History": "tfsoftmax.history",
    "EpochMetrics": "tfsoftmax.history",
    "evaluate": "tfsoftmax.evaluation",
    "Evaluation": "tfsoftmax.evaluation",
    "export": "tfsoftmax.export",
    "ExportResult": "tfsoftmax.export",
    "load_predictor": "tfsoftmax.export",
    "TfsoftmaxError": "tfsoftmax.errors",
    "DataError": "tfsoftmax.errors",
    "UnknownDatasetError": "tfsoftmax.errors",
    "DivergenceError": "tfsoftmax.errors",
    "ModelError": "tfsoftmax.errors",
    "ExportError": "tfsoftmax.errors",
}

__all__ = ["__version__", *_HOME]

if TYPE_CHECKING:
    from tfsoftmax.data import load_dataset
    from tfsoftmax.data.dataset import Dataset, Split
    from tfsoftmax.errors import (
        DataError,
        DivergenceError,
        ExportError,
        ModelError,
        TfsoftmaxError,
        UnknownDatasetError,
    )
    from tfsoftmax.evaluation import Evaluation, evaluate
    from tfsoftmax.export import ExportResult, export, load_predictor
    from tfsoftmax.history import EpochMetrics, History
    from tfsoftmax.model import SoftmaxRegression
    from tfsoftmax.recipes import RECIPES, Recipe
    from tfsoftmax.spec import Spec
    from tfsoftmax.training import FitResult, fit


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'tfsoftmax' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
