"""What a step of the compiled loop has: its rows, and the part of the state that they move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import tensorflow as tf

from tfsoftmax.columns.entries import Entries, Numbered
from tfsoftmax.device import joined
from tfsoftmax.training.sgd.updates import State

# Numbers of W (4 MB) in a block of features.
_BLOCK_NUMBERS = 2**20


class Batch(NamedTuple):
    """The rows of a step.

    Attributes:
      inputs: scaled features ``[batch_size, n_inputs]``, or of sparse rows the entries, whose
        features are numbered as in the step's part of the state.
      labels: ``[batch_size]``.
      weights: of the rows, as they are kept; None where all count the same.
      count: how many of these rows are no padding.
    """

    inputs: tf.Tensor | Numbered
    labels: tf.Tensor
    weights: tf.Tensor | None
    count: tf.Tensor


class Batches(Protocol):
    """How steps read rows and move the state."""

    def read(self, tensors: tuple[Any, ...], step: tf.Tensor) -> Batch:
        """The rows of a step, from the tensors of a chunk."""

    def part(self, tensors: tuple[Any, ...], step: tf.Tensor, state: State) -> State:
        """The part of the state that a step moves, features last."""

    def put(self, tensors: tuple[Any, ...], step: tf.Tensor, state: State, part: State) -> State:
        """The state with that part moved."""

    def blocks(self, n_inputs: int, a_feature: int) -> list[slice]:
        """The features that are packed and unpacked at a time; W has so many numbers of each."""

    def pack(self, state: Callable[[slice], State], blocks: list[slice]) -> State:
        """From the states of blocks, with the features last, to the one that the loop keeps."""

    def unpack(self, state: State, block: slice) -> State:
        """And back."""


class DenseBatches(NamedTuple):
    """Batches of rows with their zeros: a step moves the whole state.

    Attributes:
      scaled: from raw features to the numbers that W multiplies.
    """

    scaled: Callable[[tf.Tensor], tf.Tensor]

    def read(self, tensors: tuple[Any, ...], step: tf.Tensor) -> Batch:
        """As for `Batches`; rows are gathered on the device and only they are cast."""
        features, labels, weights, n_samples, order = tensors
        batch_size = order.shape[1]
        rows = order[step]
        # All of the batch, but for what pads the last one.
        count = tf.minimum(n_samples - step * batch_size, batch_size)
        own = None if weights is None else tf.gather(weights, rows)
        return Batch(self.scaled(tf.gather(features, rows)), tf.gather(labels, rows), own, count)

    def part(self, tensors: tuple[Any, ...], step: tf.Tensor, state: State) -> State:
        """As for `Batches`."""
        return state

    def put(self, tensors: tuple[Any, ...], step: tf.Tensor, state: State, part: State) -> State:
        """As for `Batches`."""
        return part

    def blocks(self, n_inputs: int, a_feature: int) -> list[slice]:
        """As for `Batches`: all."""
        return [slice(None)]

    def pack(self, state: Callable[[slice], State], blocks: list[slice]) -> State:
        """As for `Batches`."""
        (all_features,) = blocks
        return state(all_features)

    def unpack(self, state: State, block: slice) -> State:
        """As for `Batches`."""
        return state


class SparseBatches(NamedTuple):
    """Batches of sparse rows: a step moves the features that they have.

    The loop keeps the state with the features first, so that a feature's numbers lie side by
    side, and with one more, which takes what is done to places that are left over.
    """

    def read(self, tensors: tuple[Any, ...], step: tf.Tensor) -> Batch:
        """As for `Batches`."""
        _, owners, values, others, labels, weights, counts = tensors
        rows, features, numbers = (part[step] for part in others)
        others = Entries(rows, features, numbers, labels.shape[1])
        own = None if weights is None else weights[step]
        entries = Numbered(owners[step], values[step], others)
        return Batch(entries, labels[step], own, counts[step])

    def part(self, tensors: tuple[Any, ...], step: tf.Tensor, state: State) -> State:
        """As for `Batches`."""
        features = tensors[0][step]
        return _of_features(lambda kept: _features_last(tf.gather(kept, features)), state)

    def put(self, tensors: tuple[Any, ...], step: tf.Tensor, state: State, part: State) -> State:
        """As for `Batches`."""
        features = tensors[0][step][:, None]
        return _of_features(
            lambda kept, moved: tf.tensor_scatter_nd_update(kept, features, _features_first(moved)),
            state,
            part,
        )

    def blocks(self, n_inputs: int, a_feature: int) -> list[slice]:
        """As for `Batches`: few, so that little of W is held twice."""
        size = max(1, _BLOCK_NUMBERS // a_feature)
        return [slice(i, min(i + size, n_inputs)) for i in range(0, n_inputs, size)]

    def pack(self, state: Callable[[slice], State], blocks: list[slice]) -> State:
        """As for `Batches`."""
        n_kept = blocks[-1].stop + 1

        def pack(name: str, first: list[tf.Tensor]) -> list[tf.Tensor]:
            # A block's state is made again for each name: all of them would be a copy of W.
            parts = (_features_first(getattr(state(block), name)[0]) for block in blocks)
            return [joined(parts, n_kept), *first[1:]] if first else []

        return State(*(pack(*each) for each in state(blocks[0])._asdict().items()))

    def unpack(self, state: State, block: slice) -> State:
        """As for `Batches`."""
        return _of_features(lambda kept: _features_last(kept[block]), state)


def _of_features(change: Callable[..., tf.Tensor], state: State, *others: State) -> State:
    """A state whose tensors with a number for each feature are changed, and b's of the last."""
    last = (state, *others)[-1]
    parts = []
    for name in State._fields:
        tensors = [getattr(each, name) for each in (state, *others)]
        parts.append(
            [change(*(each[0] for each in tensors)), *getattr(last, name)[1:]] if tensors[0] else []
        )
    return State(*parts)


def _features_last(numbers: tf.Tensor) -> tf.Tensor:
    rank = numbers.shape.rank
    return tf.transpose(numbers, [*range(1, rank), 0])


def _features_first(numbers: tf.Tensor) -> tf.Tensor:
    rank = numbers.shape.rank
    return tf.transpose(numbers, [rank - 1, *range(rank - 1)])
