"""Multiclass logistic regression (softmax regression), from scratch in TensorFlow 2.

A complete example::

    import tfsoftmax

    dataset = tfsoftmax.load_dataset("mnist5k")
    model, history = tfsoftmax.fit(dataset)
    print(tfsoftmax.evaluate(model, dataset.test).accuracy)
    print(model.predict(dataset.test.features[:5]))
    tfsoftmax.export_model(model, "savedmodels", "mnist5k", check_on=dataset.test.features)

Conventions, for every function of the package:

* ``features [n_samples, n_features]`` in their compact dtype (pixels stay uint8),
  ``labels [n_samples]`` int32 in ``[0, n_classes)``, ``logits [n_samples, n_classes]``;
* arguments come in the order ``(logits, labels)``;
* losses are per example, in nats; the caller takes the mean.

Names are imported on first use, so that ``import tfsoftmax`` does not import TensorFlow.
"""

from __future__ import annotations

__version__ = "0.1.0"

_MODULE_OF = {
    "Dataset": "tfsoftmax.data.dataset",
    "Split": "tfsoftmax.data.dataset",
    "load_dataset": "tfsoftmax.data.load",
    "SourceOptions": "tfsoftmax.data.options",
    "from_arrays": "tfsoftmax.data.readers.in_memory",
    "from_frame": "tfsoftmax.data.readers.in_memory",
    "from_tf_data": "tfsoftmax.data.readers.in_memory",
    "Spec": "tfsoftmax.spec",
    "Scaling": "tfsoftmax.spec",
    "SoftmaxRegression": "tfsoftmax.model",
    "RECIPES": "tfsoftmax.training.recipe",
    "Recipe": "tfsoftmax.training.recipe",
    "fit": "tfsoftmax.training.fit",
    "Checkpoints": "tfsoftmax.training.checkpoint",
    "FitResult": "tfsoftmax.training.fit",
    "join_workers": "tfsoftmax.distributed.workers",
    "warm_start": "tfsoftmax.training.warm_start",
    "diagnose": "tfsoftmax.report.convergence",
    "Convergence": "tfsoftmax.report.convergence",
    "Explanation": "tfsoftmax.explanation",
    "plot_explanation": "tfsoftmax.report.heat_map",
    "compare": "tfsoftmax.report.comparison",
    "Comparison": "tfsoftmax.report.comparison",
    "drift": "tfsoftmax.report.drift",
    "Drift": "tfsoftmax.report.drift",
    "coefficients": "tfsoftmax.report.coefficients",
    "statistics": "tfsoftmax.report.statistics",
    "Statistics": "tfsoftmax.report.statistics",
    "tune": "tfsoftmax.tuning.tune",
    "Tuning": "tfsoftmax.tuning.tune",
    "Candidate": "tfsoftmax.tuning.tune",
    "plot_tuning": "tfsoftmax.report.plots",
    "History": "tfsoftmax.training.history",
    "EpochMetrics": "tfsoftmax.training.history",
    "SoftmaxClassifier": "tfsoftmax.estimators.classifier",
    "SoftmaxClassifierCV": "tfsoftmax.estimators.classifier_cv",
    "evaluate": "tfsoftmax.evaluation",
    "Evaluation": "tfsoftmax.metrics",
    "score_rows": "tfsoftmax.evaluation",
    "RowScores": "tfsoftmax.row_scores",
    "export_model": "tfsoftmax.export.export",
    "ExportResult": "tfsoftmax.export.export",
    "Predictor": "tfsoftmax.export.predictor",
    "load_predictor": "tfsoftmax.export.load",
    "from_keras": "tfsoftmax.convert.from_keras",
    "from_sklearn": "tfsoftmax.convert.from_sklearn",
    "TfsoftmaxError": "tfsoftmax.errors",
    "UsageError": "tfsoftmax.errors",
    "ArgumentError": "tfsoftmax.errors",
    "DataError": "tfsoftmax.errors",
    "UnknownDatasetError": "tfsoftmax.errors",
    "DivergenceError": "tfsoftmax.errors",
    "MachineError": "tfsoftmax.errors",
    "ModelError": "tfsoftmax.errors",
    "PeerError": "tfsoftmax.errors",
    "UnknownModelError": "tfsoftmax.errors",
    "ExportError": "tfsoftmax.errors",
    "IncompleteExportError": "tfsoftmax.errors",
    "ConversionError": "tfsoftmax.errors",
    "CheckpointError": "tfsoftmax.errors",
    "UnknownCategoryWarning": "tfsoftmax.errors",
}

__all__ = ["__version__", *_MODULE_OF]

TYPE_CHECKING = False  # For type checkers it is True; importing it would delay Ctrl-C's handler.
if TYPE_CHECKING:  # The same names again.
    from typing import Any

    from tfsoftmax.convert.from_keras import from_keras as from_keras
    from tfsoftmax.convert.from_sklearn import from_sklearn as from_sklearn
    from tfsoftmax.data.dataset import Dataset as Dataset
    from tfsoftmax.data.dataset import Split as Split
    from tfsoftmax.data.load import load_dataset as load_dataset
    from tfsoftmax.data.options import SourceOptions as SourceOptions
    from tfsoftmax.data.readers.in_memory import from_arrays as from_arrays
    from tfsoftmax.data.readers.in_memory import from_frame as from_frame
    from tfsoftmax.data.readers.in_memory import from_tf_data as from_tf_data
    from tfsoftmax.distributed.workers import join_workers as join_workers
    from tfsoftmax.errors import ArgumentError as ArgumentError
    from tfsoftmax.errors import CheckpointError as CheckpointError
    from tfsoftmax.errors import ConversionError as ConversionError
    from tfsoftmax.errors import DataError as DataError
    from tfsoftmax.errors import DivergenceError as DivergenceError
    from tfsoftmax.errors import ExportError as ExportError
    from tfsoftmax.errors import IncompleteExportError as IncompleteExportError
    from tfsoftmax.errors import MachineError as MachineError
    from tfsoftmax.errors import ModelError as ModelError
    from tfsoftmax.errors import PeerError as PeerError
    from tfsoftmax.errors import TfsoftmaxError as TfsoftmaxError
    from tfsoftmax.errors import UnknownCategoryWarning as UnknownCategoryWarning
    from tfsoftmax.errors import UnknownDatasetError as UnknownDatasetError
    from tfsoftmax.errors import UnknownModelError as UnknownModelError
    from tfsoftmax.errors import UsageError as UsageError
    from tfsoftmax.estimators.classifier import SoftmaxClassifier as SoftmaxClassifier
    from tfsoftmax.estimators.classifier_cv import SoftmaxClassifierCV as SoftmaxClassifierCV
    from tfsoftmax.evaluation import evaluate as evaluate
    from tfsoftmax.evaluation import score_rows as score_rows
    from tfsoftmax.explanation import Explanation as Explanation
    from tfsoftmax.export.export import ExportResult as ExportResult
    from tfsoftmax.export.export import export_model as export_model
    from tfsoftmax.export.load import load_predictor as load_predictor
    from tfsoftmax.export.predictor import Predictor as Predictor
    from tfsoftmax.metrics import Evaluation as Evaluation
    from tfsoftmax.model import SoftmaxRegression as SoftmaxRegression
    from tfsoftmax.report.coefficients import coefficients as coefficients
    from tfsoftmax.report.comparison import Comparison as Comparison
    from tfsoftmax.report.comparison import compare as compare
    from tfsoftmax.report.convergence import Convergence as Convergence
    from tfsoftmax.report.convergence import diagnose as diagnose
    from tfsoftmax.report.drift import Drift as Drift
    from tfsoftmax.report.drift import drift as drift
    from tfsoftmax.report.heat_map import plot_explanation as plot_explanation
    from tfsoftmax.report.plots import plot_tuning as plot_tuning
    from tfsoftmax.report.statistics import Statistics as Statistics
    from tfsoftmax.report.statistics import statistics as statistics
    from tfsoftmax.row_scores import RowScores as RowScores
    from tfsoftmax.spec import Scaling as Scaling
    from tfsoftmax.spec import Spec as Spec
    from tfsoftmax.training.checkpoint import Checkpoints as Checkpoints
    from tfsoftmax.training.fit import FitResult as FitResult
    from tfsoftmax.training.fit import fit as fit
    from tfsoftmax.training.history import EpochMetrics as EpochMetrics
    from tfsoftmax.training.history import History as History
    from tfsoftmax.training.recipe import RECIPES as RECIPES
    from tfsoftmax.training.recipe import Recipe as Recipe
    from tfsoftmax.training.warm_start import warm_start as warm_start
    from tfsoftmax.tuning.tune import Candidate as Candidate
    from tfsoftmax.tuning.tune import Tuning as Tuning
    from tfsoftmax.tuning.tune import tune as tune


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'tfsoftmax' has no attribute {name!r}")
    from importlib import import_module

    from tfsoftmax.system.startup import quiet_in_notebooks

    with quiet_in_notebooks():
        value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
