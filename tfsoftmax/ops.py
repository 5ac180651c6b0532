"""The mathematics of softmax regression: pure functions of tensors, no state.

All of them work row by row on ``logits [..., n_classes]`` and survive logits of any
finite size, because the row's own maximum is subtracted before anything is
exponentiated; softmax does not change under such a shift.
"""

import tensorflow as tf


def _shifted(logits: tf.Tensor) -> tf.Tensor:
    return logits - tf.stop_gradient(tf.reduce_max(logits, axis=-1, keepdims=True))


def softmax(logits: tf.Tensor) -> tf.Tensor:
    """Probabilities ``exp(z_k) / sum_j exp(z_j)`` of each row.

    Args:
      logits: float ``[..., n_classes]``.

    Returns:
      Tensor of the same shape; rows sum to 1.

    Reference: Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.62.

    >>> softmax(tf.constant([[1e4, 1e4, -1e4]])).numpy().tolist()
    [[0.5, 0.5, 0.0]]
    """
    exponentials = tf.exp(_shifted(logits))
    return exponentials / tf.reduce_sum(exponentials, axis=-1, keepdims=True)


def log_softmax(logits: tf.Tensor) -> tf.Tensor:
    """Logarithms of the softmax, ``z_k - log sum_j exp(z_j)``, never through a probability.

    Args:
      logits: float ``[..., n_classes]``.

    Returns:
      Tensor of the same shape, in nats; finite wherever the logits are.

    Reference: Blanchard, Higham and Higham, Accurately computing the log-sum-exp and
    softmax functions, IMA J. Numer. Anal. 41 (2021), eq. 1.3 and 3.9.

    >>> log_softmax(tf.constant([[0.0, -1e4]])).numpy().tolist()
    [[0.0, -10000.0]]
    """
    shifted = _shifted(logits)
    return shifted - tf.math.log(tf.reduce_sum(tf.exp(shifted), axis=-1, keepdims=True))


def cross_entropy(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Loss of each example, ``-log softmax(logits)[label]``, in nats.

    Its gradient with respect to the logits is ``softmax(logits) - one_hot(labels)``.

    Args:
      logits: float ``[n_samples, n_classes]``.
      labels: int32 ``[n_samples]`` in ``[0, n_classes)``.

    Returns:
      float ``[n_samples]``.

    Reference: Bishop (2006), eq. 4.108 and 4.109.

    >>> import math
    >>> losses = cross_entropy(tf.constant([[0.0, 0.0]]), tf.constant([1]))
    >>> bool(abs(losses[0] - math.log(2)) < 1e-6)
    True
    """
    # A one-hot product rather than a gather: its gradient is a plain product too,
    # which XLA fuses, where a gather's would scatter.
    chosen = tf.one_hot(labels, tf.shape(logits)[-1], dtype=logits.dtype)
    # The sum is only over the chosen class, so a -inf elsewhere must not meet 0 * -inf.
    log_probabilities = log_softmax(logits)
    return -tf.reduce_sum(
        tf.where(chosen > 0, log_probabilities, tf.zeros_like(log_probabilities)), axis=-1
    )
