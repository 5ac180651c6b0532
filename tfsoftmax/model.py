"""The model: explicit variables W and b, and the preprocessing that ships with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tfsoftmax import ops
from tfsoftmax.columns.entries import Entries, entries_of
from tfsoftmax.data.inputs import rows_for
from tfsoftmax.device import zeros
from tfsoftmax.errors import UsageError
from tfsoftmax.explanation import Explanation, cells_given, check_size, explanation_of
from tfsoftmax.keras_model import keras_model
from tfsoftmax.prediction import RowClassifier
from tfsoftmax.scaler import Scaler
from tfsoftmax.spec import Spec
from tfsoftmax.summary import summary
from tfsoftmax.system.html import html_table

if TYPE_CHECKING:
    import keras
    from scipy.sparse import csr_array

    from tfsoftmax.data.profile import Profile
    from tfsoftmax.report.converted import ConversionRecord
    from tfsoftmax.training.record import RunRecord

Initializer = Callable[[tuple[int, ...]], np.ndarray]


class SoftmaxRegression(tf.Module, Scaler, RowClassifier):
    """Multiclass logistic regression, ``softmax(scaled(x) W + b)``.

    Raw features go in, in whatever type they are kept in, and are scaled first as the spec
    says: those with a known range to [0, 1], columns of a table to mean 0 and deviation 1.
    The constants travel with the model wherever it is exported.

    Attributes:
      spec: what goes in and what comes out.
      W: variable, float32 ``[n_inputs, n_classes]``: a row for each feature, and for each
        indicator of a missing one.
      b: variable, float32 ``[n_classes]``.
      record: how it was made, for its card when it is exported: by `fit`, `from_sklearn` or
        `from_keras`; None otherwise.
      profile: how the rows are distributed that it was trained on; None where that is not known.

    >>> spec = Spec((2,), "uint8", ("low", "high"), (0, 255))
    >>> model = SoftmaxRegression(spec)
    >>> model.W.assign([[-1.0, 1.0], [-1.0, 1.0]]); model.b.assign([1.0, -1.0])
    <...>
    >>> model.predict([[0, 10], [255, 200]]).tolist()
    ['low', 'high']
    >>> model.predict_proba([[0, 10]]).round(2)
    array([[0.87, 0.13]], dtype=float32)
    """

    def __init__(self, spec: Spec, initializer: Initializer | None = None):
        """Allocates W and b.

        Args:
          spec: what goes in and what comes out.
          initializer: from a shape to the initial values of a variable of that shape,
            called for W and then for b; None starts both at zero, which for this convex
            loss is as good a start as any.
        """
        tf.Module.__init__(self, name="softmax_regression")
        Scaler.__init__(self, spec)
        self.record: RunRecord | ConversionRecord | None = None
        self.profile: Profile | None = None
        shape = (spec.n_inputs, spec.n_classes)

        def start(shape: tuple[int, ...]) -> tf.Tensor:
            return tf.cast(initializer(shape), tf.float32) if initializer else zeros(shape)

        self.W = tf.Variable(start(shape), name="W")
        self.b = tf.Variable(start(shape[1:]), name="b")

    def __repr__(self) -> str:
        shape = self.spec.shape_in_words
        classes = f"{self.spec.n_classes:,} classes"
        return f"SoftmaxRegression({shape} {self.spec.dtype} features, {classes})"

    def _repr_html_(self) -> str:
        lines = (line.split(maxsplit=1) for line in self.summary().splitlines())
        return html_table("SoftmaxRegression", [tuple(line) for line in lines])

    def plot_weights(self) -> Any:
        """Plots W: of pictures an image of each class, else the strongest features of all classes.

        Red weights speak for a class, blue ones against it.

        Returns:
          A NumPy array of matplotlib axes, one for each class, of pictures; else one.

        Raises:
          UsageError: if there are more than 100 classes, or matplotlib is not installed.
        """
        from tfsoftmax.weight_plots import plot_weights

        return plot_weights(self.spec, self.W.numpy())

    @property
    def parameters(self) -> tuple[tf.Variable, tf.Variable]:
        """The variables that training moves."""
        return self.W, self.b

    def logits(self, features: tf.Tensor | Entries) -> tf.Tensor:
        """Scores before the softmax.

        Args:
          features: raw, ``[n_samples, n_features]``.

        Returns:
          float32 ``[n_samples, n_classes]``.
        """
        inputs = self.scaled(features)
        if isinstance(inputs, Entries):
            # Faster than `Entries.product` up to about 100 classes, and needs less memory.
            rows = inputs.tensor(self.spec.n_inputs)
            return tf.sparse.sparse_dense_matmul(rows, self.W) + self.b
        return tf.matmul(inputs, self.W) + self.b

    def probabilities(self, features: tf.Tensor | Entries) -> tf.Tensor:
        """Probability of each class, float32 ``[n_samples, n_classes]``, from raw features.

        For graphs: rows that come as people have them, `predict_proba` takes.
        """
        return ops.softmax(self.logits(features))

    def raw_probabilities(self, examples: np.ndarray | csr_array) -> np.ndarray:
        """Probability of each class, as `RowClassifier.raw_probabilities`."""
        return self._scores(examples)[1]

    def raw_logits(self, examples: np.ndarray | csr_array) -> np.ndarray:
        """Scores before the softmax, float32 ``[n, n_classes]``, as for `raw_probabilities`."""
        if isinstance(examples, np.ndarray):
            rows = tf.constant(examples.reshape(len(examples), self.spec.n_features))
        else:
            rows = entries_of(examples)
        return self.logits(rows).numpy()

    def summary(self) -> str:
        """What goes in, how it is scaled, the parameters, and what comes out, a line each.

        >>> print(SoftmaxRegression(Spec((2,), "float32", ("no", "yes"))).summary())
        features    2 float32
        missing     not taken
        scaling     none
        W           2 x 2, 0 not 0, largest 0
        b           2
        parameters  6
        classes     2: no, yes
        """
        return summary(self.spec, self.W.numpy(), self.b.numpy())

    def to_keras(self) -> keras.Sequential:
        """The same model in Keras's own layers: scaling, Dense, softmax.

        It takes the rows that this model takes, raw and in the spec's dtype; of an encoded table
        rows of features (`docs/encoding.md`). `tfsoftmax.from_keras` turns it back. It never
        abstains.

        Raises:
          UsageError: if the model fills in missing values, or takes the entries of sparse rows.

        >>> model = SoftmaxRegression(Spec((2,), "float32", ("no", "yes")))
        >>> model.to_keras().predict(np.zeros((1, 2)), verbose=0).tolist()
        [[0.5, 0.5]]
        """
        return keras_model(self.spec, self.W.numpy(), self.b.numpy())

    def explain(self, rows: Any) -> Explanation:
        """What each feature adds to the score of each class, exactly.

        Args:
          rows: as `predict_proba` takes them.

        Raises:
          UsageError: if there are too many rows for memory.
          as `predict_proba`.

        >>> spec = Spec((2,), "float32", ("no", "yes"), feature_names=("age", "fare"))
        >>> model = SoftmaxRegression(spec)
        >>> model.W.assign([[-1.0, 1.0], [2.0, -2.0]])
        <...>
        >>> model.explain([[3.0, 1.0]]).table()
          column value  contribution
        0    age     3           3.0
        1   fare     1          -2.0
        """
        raw = rows_for(self.spec, rows)
        check_size(self.spec, len(raw))
        features = np.asarray(raw[:])
        scaled = self.scaled(tf.constant(features)).numpy()
        weights = self.W.numpy(), self.b.numpy()
        cells = cells_given(self.spec, rows)
        mean = self.profile.mean if self.profile else None
        return explanation_of(self.spec, weights, features, scaled, mean, cells)

    def _scores(self, examples: np.ndarray | csr_array) -> tuple[np.ndarray, np.ndarray]:
        # Ranked by logits: two probabilities may be rounded to one.
        logits = self.raw_logits(examples)
        return logits, ops.softmax(tf.constant(logits)).numpy()


def check_model(given: Any) -> None:
    """Makes sure that this is a model.

    Raises:
      UsageError: if it is none; of an estimator it says what has its model.
    """
    if isinstance(given, SoftmaxRegression):
        return
    hint = ": give its model_" if hasattr(type(given), "model_") else ""
    raise UsageError(f"expected a SoftmaxRegression, not a {type(given).__name__}{hint}")
