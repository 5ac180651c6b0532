"""What training minimises, in one place: the loss, its derivatives and the penalties.

Of W and b it is

    F(W, b) = 1/n sum_i w_i L(W (x_i - c) + b, y_i) + l2/2 ||W||^2 + l1 ||W||_1

where x_i is a row's scaled features, c the point that training is centred on, w_i what the row
counts (`row_weights`, mean 1), and L the cross-entropy of its logits with its label, which
smoothing spreads over all classes. The bias is never penalised.

Everything here has the classes first: W is ``[..., n_classes, n_inputs]``, b
``[..., n_classes, 1]`` and logits ``[..., n_classes, n_rows]``, so that what is multiplied and
added lies side by side in memory, where ten columns would make small strides. Axes before
those are models of their own. The losses' derivatives are sums over rows: whoever goes through
the rows block by block adds the blocks up and divides by n once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfsoftmax import ops
from tfsoftmax.columns.entries import Entries, Numbered
from tfsoftmax.device import joined
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.scaler import scaler
from tfsoftmax.training.resolved_recipe import ResolvedRecipe

# W, then b.
Parameters = Sequence[tf.Tensor]
# A number, or an array or tensor with one number for each model.
Hyper = Any
CLASSES = -2


class Sums(NamedTuple):
    """The loss of some rows and what its derivatives are made of.

    Attributes:
      loss: of all the rows together, each times its weight, ``[...]``.
      gradient: its gradient with respect to W and b.
      logits, probabilities: of each row, ``[..., n_classes, n_rows]``.
    """

    loss: tf.Tensor
    gradient: list[tf.Tensor]
    logits: tf.Tensor
    probabilities: tf.Tensor


class Numbers(NamedTuple):
    """The numbers of an objective that differ from run to run; None where it has none.

    Attributes:
      center: as for `Objective`.
      l2, l1: likewise, float32.
    """

    center: tf.Tensor | None
    l2: tf.Tensor | None
    l1: tf.Tensor | None


@dataclass(frozen=True)
class Objective:
    """What training minimises, as the module's docstring has it.

    Attributes:
      scaled: from raw features to the numbers that W multiplies.
      center: c, ``[n_inputs]``, perhaps with leading axes for models of their own; None is 0.
      smoothing: share of each row's label that is spread over all classes.
      l2, l1: strengths of the penalties.
      sum_of_batch: whether a step of SGD follows the gradient of the sum of its batch's losses
        rather than of their mean. The objective is the mean either way.

    >>> objective = Objective(lambda rows: rows, l2=0.5)
    >>> sums = objective.sums([tf.zeros([2, 1]), tf.zeros([2, 1])], tf.constant([[1.0], [3.0]]),
    ...                       tf.constant([0, 1]), tf.constant([1.0, 1.0]))
    >>> [part.numpy().tolist() for part in sums.gradient]
    [[[1.0], [-1.0]], [[0.0], [0.0]]]
    """

    scaled: Callable[[tf.Tensor], tf.Tensor]
    center: np.ndarray | None = None
    smoothing: float = 0.0
    l2: Hyper = 0.0
    l1: Hyper = 0.0
    sum_of_batch: bool = False

    @classmethod
    def of(
        cls, model: SoftmaxRegression, recipe: ResolvedRecipe, center: np.ndarray | None = None
    ) -> Objective:
        """What a recipe's run minimises."""
        return cls(
            scaled=scaler(model.spec),
            center=center,
            smoothing=recipe.label_smoothing,
            l2=recipe.l2,
            l1=recipe.l1,
            sum_of_batch=recipe.loss_reduction == "sum",
        )

    @property
    def numbers(self) -> Numbers:
        """Its numbers as tensors, for what is traced once for all objectives of a kind."""
        l2, l1 = (tf.constant(x, tf.float32) if penalises(x) else None for x in (self.l2, self.l1))
        return Numbers(None if self.center is None else tf.constant(self.center), l2, l1)

    def with_numbers(self, numbers: Numbers) -> Objective:
        """The objective with other numbers."""
        l2, l1 = (0.0 if strength is None else strength for strength in (numbers.l2, numbers.l1))
        return replace(self, center=numbers.center, l2=l2, l1=l1)

    def logits(self, parameters: Parameters, inputs: tf.Tensor) -> tf.Tensor:
        """``W (x - c) + b`` of each row, linear in the parameters.

        Args:
          parameters: W and b, or a direction to move them in.
          inputs: scaled features ``[n_rows, n_inputs]``; sparse ones as a `tf.SparseTensor`,
            as `Entries` or, a few, as `Numbered`.
        """
        # Taking c off the bias is the same as off every row, for a batch-th of the work.
        W, b = self.from_centered(parameters)
        # All models' products as one.
        products = _products(tf.reshape(W, [-1, W.shape[-1]]), inputs)
        return tf.reshape(products, [*b.shape[:-1], -1]) + b

    def losses(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Each row's L, in nats, ``[..., n_rows]``; weights are not in it."""
        return ops.cross_entropy(logits, labels, axis=CLASSES, smoothing=self.smoothing)

    def target(self, labels: tf.Tensor, n_classes: int, dtype: Any) -> tf.Tensor:
        """What each row's probabilities are compared with, ``[n_classes, n_rows]``."""
        chosen = tf.one_hot(labels, n_classes, axis=0, dtype=dtype)
        return (1 - self.smoothing) * chosen + self.smoothing / n_classes

    def slopes(self, probabilities: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Each row's gradient with respect to its logits, ``[n_classes, n_rows]``: p - target.

        A row's slopes add up to 0, so its own class's is minus those of the others. Near 1 its
        probability would have lost in rounding what it is less than 1.
        """
        n_classes, dtype = probabilities.shape[CLASSES], probabilities.dtype
        own = tf.one_hot(labels, n_classes, axis=0, dtype=dtype)
        others = (1 - own) * (probabilities - self.smoothing / n_classes)
        return others - own * tf.reduce_sum(others, CLASSES, keepdims=True)

    def sums(
        self,
        parameters: Parameters,
        inputs: tf.Tensor,
        labels: tf.Tensor,
        weights: tf.Tensor,
    ) -> Sums:
        """Loss and gradient of some rows, in one pass over them.

        With respect to a row's logits the gradient is ``softmax(logits) - target``. Products
        with the rows are computed in the inputs' precision, all that is as narrow as the
        classes in the weights': float64 weights make sums that can be added up over many blocks.

        Args:
          parameters: W and b.
          inputs: scaled features ``[n_rows, n_inputs]``.
          labels: int32 ``[n_rows]``.
          weights: what each row counts, ``[n_rows]``.

        Reference: Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.109.
        """
        cast = [tf.cast(parameter, inputs.dtype) for parameter in parameters]
        logits = tf.cast(self.logits(cast, inputs), weights.dtype)
        loss = tf.reduce_sum(weights * self.losses(logits, labels), -1)
        probabilities = ops.softmax(logits, axis=CLASSES)
        gradient = self.to_parameters(weights * self.slopes(probabilities, labels), inputs)
        return Sums(loss, gradient, logits, probabilities)

    def hessian_product(
        self,
        probabilities: tf.Tensor,
        inputs: tf.Tensor,
        weights: tf.Tensor,
        direction: Parameters,
    ) -> list[tf.Tensor]:
        """The Hessian of the loss of some rows times a direction.

        With p a row's probabilities and v its logits along the direction, with respect to its
        logits it is ``p * v - p (p' v)``, whatever the label and its smoothing.

        Args:
          probabilities: of these rows, as `sums` returns them.
          inputs: scaled features ``[n_rows, n_inputs]``.
          weights: what each row counts, ``[n_rows]``.
          direction: for W and for b.

        Reference: Bishop (2006), eq. 4.110.
        """
        cast = [tf.cast(part, inputs.dtype) for part in direction]
        moved = probabilities * tf.cast(self.logits(cast, inputs), probabilities.dtype)
        total = tf.reduce_sum(moved, CLASSES, keepdims=True)
        return self.to_parameters(weights * (moved - probabilities * total), inputs)

    def hessian_diagonal(
        self, probabilities: tf.Tensor, inputs: tf.Tensor, weights: tf.Tensor
    ) -> list[tf.Tensor]:
        """The diagonal of the same Hessian, ``p (1 - p) x^2`` summed over the rows."""
        if self.center is not None:
            inputs -= tf.cast(self.center, inputs.dtype)
        if isinstance(inputs, tf.SparseTensor):
            squares = inputs.with_values(tf.square(inputs.values))
        else:
            squares = tf.square(inputs)
        return _to_parameters(weights * probabilities * (1 - probabilities), squares)

    def to_parameters(self, of_logits: tf.Tensor, inputs: tf.Tensor) -> list[tf.Tensor]:
        """From a derivative with respect to logits to that with respect to W and b."""
        W, b = _to_parameters(of_logits, inputs)
        return [W, b] if self.center is None else [W - b * tf.cast(self.center, b.dtype), b]

    def penalty(self, W: tf.Tensor) -> tf.Tensor:
        """``l2/2 ||W||^2 + l1 ||W||_1`` of each model."""
        squares, magnitudes = (tf.reduce_sum(part, [-2, -1]) for part in (tf.square(W), tf.abs(W)))
        return self.l2 / 2 * squares + self.l1 * magnitudes

    def with_l2(self, gradients: Parameters, parameters: Parameters) -> list[tf.Tensor]:
        """Gradients of the mean loss with that of the l2 penalty, ``l2 W``, added."""
        of_W, of_b = gradients
        if penalises(self.l2):
            of_W += each_model(self.l2) * parameters[0]
        return [of_W, of_b]

    @property
    def proximal(self) -> Callable[[tf.Tensor, Hyper], tf.Tensor] | None:
        """From W and a step's size to W after the proximal step of l1; None without l1."""
        if not penalises(self.l1):
            return None
        return lambda W, step: soft_threshold(W, step * self.l1)

    def shortest_subgradient(
        self, gradients: Parameters, parameters: Parameters
    ) -> list[tf.Tensor]:
        """The whole objective's subgradient of least length; 0 where l1 holds a weight at 0.

        Args:
          gradients: of the mean loss.
          parameters: that they are at.

        Reference: Andrew and Gao, Scalable training of L1-regularized log-linear models (ICML
        2007), eq. 4.
        """
        of_W, of_b = self.with_l2(gradients, parameters)
        W, l1 = parameters[0], each_model(self.l1)
        return [tf.where(W == 0, soft_threshold(of_W, self.l1), of_W + l1 * tf.sign(W)), of_b]

    def lower_bound(self, n_classes: int) -> float:
        """What no W and b go below: 0, or the entropy of smoothed labels, in nats."""
        other = self.smoothing / n_classes
        own = 1.0 - self.smoothing + other
        entropy = -own * math.log(own)
        return entropy - (n_classes - 1) * other * math.log(other) if other else 0.0

    @property
    def always_has_a_minimum(self) -> bool:
        """Whether it has one even where the classes are separable."""
        return bool(np.any(self.l2) or np.any(self.l1) or self.smoothing)

    def rate(self, learning_rate: tf.Tensor, n_rows: tf.Tensor) -> tf.Tensor:
        """What a step multiplies the gradient of its batch's mean loss with."""
        return learning_rate * tf.cast(n_rows, tf.float32) if self.sum_of_batch else learning_rate

    def to_centered(self, parameters: Parameters) -> list[tf.Tensor]:
        """The parameters that give the same logits once c is taken off the features."""
        return self._shifted(parameters, -1.0)

    def from_centered(self, parameters: Parameters) -> list[tf.Tensor]:
        """From those back: ``W (x - c) + b = W x + (b - W c)``."""
        return self._shifted(parameters, 1.0)

    def _shifted(self, parameters: Parameters, sign: float) -> list[tf.Tensor]:
        W, b = parameters
        if self.center is None:
            return [W, b]
        shift = tf.cast(sign * self.center, W.dtype)
        return [W, b - tf.reduce_sum(W * shift, axis=-1, keepdims=True)]


def soft_threshold(W: tf.Tensor, amount: Hyper) -> tf.Tensor:
    """Every number moved towards 0 by `amount`, and those closer than that to 0 exactly.

    The proximal step of ``amount * |w|``.

    Reference: Tibshirani, Regression shrinkage and selection via the lasso (1996), eq. 3.

    >>> soft_threshold(tf.constant([[3.0, -0.5, -2.0]]), 1.0).numpy().tolist()
    [[2.0, 0.0, -1.0]]
    """
    limit = each_model(amount)
    return tf.maximum(W - limit, 0.0) + tf.minimum(W + limit, 0.0)


def penalises(strength: Hyper) -> bool:
    """Whether a penalty is above 0 for a model; of a tensor in a trace it may be.

    >>> penalises(0.0), penalises(np.array([0.0, 0.1]))
    (False, True)
    """
    return tf.is_tensor(strength) or bool(np.any(strength))


def each_model(hyper: Hyper) -> Any:
    """Ready to be multiplied with parameters: an array's numbers each with its own model."""
    return hyper if isinstance(hyper, float | int) else tf.convert_to_tensor(hyper)[..., None, None]


def parameters_of(model: SoftmaxRegression, inputs: slice = slice(None)) -> list[tf.Tensor]:
    """A model's W, or that of some inputs, and b, with the classes first."""
    return [tf.transpose(model.W[inputs]), model.b[:, None]]


def set_parameters(model: SoftmaxRegression, parts: Iterable[Parameters]) -> None:
    """Gives a model W and b that have the classes first; W may be in parts, each with all of b."""

    def rows() -> Iterator[tf.Tensor]:
        for W, b in parts:
            model.b.assign(b[:, 0])
            yield tf.transpose(W)

    model.W.assign(joined(rows(), model.W.shape[0]))


def _products(W: tf.Tensor, inputs: tf.Tensor | tf.SparseTensor | Entries | Numbered) -> tf.Tensor:
    """W times the rows, ``[n, n_rows]``."""
    if isinstance(inputs, Entries | Numbered):
        return tf.transpose(inputs.product(tf.transpose(W)))
    if isinstance(inputs, tf.SparseTensor):
        return tf.transpose(tf.sparse.sparse_dense_matmul(inputs, tf.transpose(W)))
    return tf.matmul(W, inputs, transpose_b=True)


def _to_parameters(of_logits: tf.Tensor, inputs: tf.Tensor | tf.SparseTensor) -> list[tf.Tensor]:
    of_rows = tf.cast(of_logits, inputs.dtype)
    if isinstance(inputs, tf.SparseTensor):
        sums = tf.sparse.sparse_dense_matmul(inputs, tf.transpose(of_rows), adjoint_a=True)
        W = tf.transpose(sums)
    else:
        W = tf.matmul(of_rows, inputs)
    return [tf.cast(W, of_logits.dtype), tf.reduce_sum(of_logits, -1, keepdims=True)]
