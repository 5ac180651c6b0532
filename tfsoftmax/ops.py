"""The mathematics of softmax regression: pure functions of tensors, no state.

All of them work example by example on ``logits [n_samples, n_classes]``, or on any tensor
whose `axis` runs over the classes, and survive logits of any finite size, because the
example's own maximum is subtracted before anything is exponentiated; softmax does not
change under such a shift.
"""

import tensorflow as tf


def _shifted(logits: tf.Tensor, axis: int) -> tf.Tensor:
    return logits - tf.stop_gradient(tf.reduce_max(logits, axis, keepdims=True))


def softmax(logits: tf.Tensor, axis: int = -1) -> tf.Tensor:
    """Probabilities ``exp(z_k) / sum_j exp(z_j)`` of each example.

    Args:
      logits: float, any shape.
      axis: of the classes.

    Returns:
      Tensor of the same shape; sums to 1 along the axis.

    Reference: Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.62.

    >>> softmax(tf.constant([[1e4, 1e4, -1e4]])).numpy().tolist()
    [[0.5, 0.5, 0.0]]
    """
    exponentials = tf.exp(_shifted(logits, axis))
    return exponentials / tf.reduce_sum(exponentials, axis, keepdims=True)


def log_softmax(logits: tf.Tensor, axis: int = -1) -> tf.Tensor:
    """Logarithms of the softmax, ``z_k - log sum_j exp(z_j)``, never through a probability.

    Args:
      logits: float, any shape.
      axis: of the classes.

    Returns:
      Tensor of the same shape, in nats; finite wherever the logits are.

    Reference: Blanchard, Higham and Higham, Accurately computing the log-sum-exp and
    softmax functions, IMA J. Numer. Anal. 41 (2021), eq. 1.3 and 3.9.

    >>> log_softmax(tf.constant([[0.0, -1e4]])).numpy().tolist()
    [[0.0, -10000.0]]
    """
    shifted = _shifted(logits, axis)
    return shifted - tf.math.log(tf.reduce_sum(tf.exp(shifted), axis, keepdims=True))


def cross_entropy(
    logits: tf.Tensor, labels: tf.Tensor, axis: int = -1, smoothing: float = 0.0
) -> tf.Tensor:
    """Loss of each example, ``-log softmax(logits)[label]``, in nats.

    Its gradient with respect to the logits is ``softmax(logits) - one_hot(labels)``. With
    smoothing the example belongs to its label with ``1 - smoothing`` only, and with
    ``smoothing / n_classes`` to every class.

    Args:
      logits: float ``[n_samples, n_classes]``, or ``[..., n_classes, n_samples]``.
      labels: int32 ``[n_samples]`` in ``[0, n_classes)``.
      axis: of the classes; -2 where the samples come last.
      smoothing: in ``[0, 1)``.

    Returns:
      float, of the logits' shape without the axis.

    References: Bishop (2006), eq. 4.108 and 4.109; Szegedy et al., Rethinking the Inception
    architecture (CVPR 2016), section 7, for smoothing.

    >>> import math
    >>> losses = cross_entropy(tf.constant([[0.0, 0.0]]), tf.constant([1]))
    >>> bool(abs(losses[0] - math.log(2)) < 1e-6)
    True
    """
    shifted = _shifted(logits, axis)
    # A mask rather than a gather: its gradient is elementwise too, which XLA fuses, where
    # a gather's would scatter. And a mask rather than a product: 0 * -inf is no number.
    n_classes, classes_axis = tf.shape(logits)[axis], -1 if axis == -1 else 0
    chosen = tf.one_hot(labels, n_classes, on_value=True, off_value=False, axis=classes_axis)
    target = tf.reduce_sum(tf.where(chosen, shifted, tf.zeros_like(shifted)), axis)
    if smoothing:
        target += smoothing * (tf.reduce_mean(shifted, axis) - target)
    return tf.math.log(tf.reduce_sum(tf.exp(shifted), axis)) - target
