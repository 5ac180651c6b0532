"""What a step of the compiled loop has: its rows, and the part of the state that they move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf

from tfsoftmax.columns.entries import Entries, Numbered
from tfsoftmax.device import joined
from tfsoftmax.training.sgd.updates import State

# Numbers (4 MB) in a block of features.
_BLOCK_NUMBERS = 2**20


class Batch(NamedTuple):
    """The rows of a step.

    Attributes:
      inputs: scaled features ``[batch_size, n_inputs]``, or of sparse rows the entries, whose
        features are numbered as in the step's part of the state.
      labels: ``[batch_size]``.
      weights: of the rows, as they are kept; None where all count the same.
      count: how many of these rows are no padding.
      total: how many rows the step has, in other processes, too.
    """

    inputs: tf.Tensor | Numbered
    labels: tf.Tensor
    weights: tf.Tensor | None
    count: tf.Tensor
    total: tf.Tensor


class Batches(Protocol):
    """How steps read rows and move the state."""

    def read(self, tensors: tuple[Any, ...], step: tf.Tensor) -> Batch:
        """The rows of a step, from the tensors of a chunk."""

    def part(self, tensors: tuple[Any, ...], step: tf.Tensor, state: State) -> State:
        """The part of the state that a step moves, features last."""

    def put(self, tensors: tuple[Any, ...], step: tf.Tensor, state: State, part: State) -> State:
        """The state with that part moved."""

    def blocks(self, n_inputs: int) -> list[slice]:
        """The features that are packed and unpacked at a time."""

    def pack(self, state: Callable[[slice], State], blocks: list[slice]) -> State:
        """From the states of blocks, with the features last, to the one that the loop keeps."""

    def unpack(self, state: State, block: slice) -> State:
        """And back."""


@dataclass(frozen=True)
class DenseBatches:
    """Batches of rows with their zeros: a step moves the whole state.

    Attributes:
      scaled: from raw features to the numbers that W multiplies.
      by_itself: whether a step is compiled by itself, not the loop that it is in.
    """

    scaled: Callable[[tf.Tensor], tf.Tensor]
    by_itself: bool = False

    def read(self, tensors: tuple[Any, ...], step: tf.Tensor) -> Batch:
        """As for `Batches`; rows are gathered on the device and only they are cast."""
        features, labels, weights, order, counts, totals = tensors
        of_step = partial(_step_of, self.by_itself, step)
        rows, count, total = map(of_step, (order, counts, totals))
        own = None if weights is None else tf.gather(weights, rows)
        inputs = self.scaled(tf.gather(features, rows))
        return Batch(inputs, tf.gather(labels, rows), own, count, total)

    def part(self, tensors: tuple[Any, ...], step: tf.Tensor, state: State) -> State:
        """As for `Batches`."""
        return state

    def put(self, tensors: tuple[Any, ...], step: tf.Tensor, state: State, part: State) -> State:
        """As for `Batches`."""
        return part

    def blocks(self, n_inputs: int) -> list[slice]:
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

    The loop keeps all numbers of a feature side by side, as a row, because reading one that is
    in no cache takes as long as reading all of them; and one row more, which takes what is done to
    places that are left over.

    Attributes:
      like: the shapes and dtypes of a state of one feature, for what there is of each.
      by_itself: as for `DenseBatches`.
    """

    like: State
    by_itself: bool = False

    @classmethod
    def of(cls, one: State, by_itself: bool = False) -> SparseBatches:
        """Those of states like that of one feature."""
        like = tf.nest.map_structure(lambda each: tf.TensorSpec(each.shape, each.dtype), one)
        return cls(like, by_itself)

    def read(self, tensors: tuple[Any, ...], step: tf.Tensor) -> Batch:
        """As for `Batches`."""
        of_step = partial(_step_of, self.by_itself, step)
        _, owners, values, others, labels, weights, counts, totals = tensors
        rows, features, numbers = map(of_step, others)
        others = Entries(rows, features, numbers, labels.shape[1])
        own = None if weights is None else of_step(weights)
        entries = Numbered(of_step(owners), of_step(values), others)
        return Batch(entries, of_step(labels), own, of_step(counts), of_step(totals))

    def part(self, tensors: tuple[Any, ...], step: tf.Tensor, state: State) -> State:
        """As for `Batches`."""
        return self._of_rows(tf.gather(state.parameters[0], self._moved(tensors, step)), state)

    def put(self, tensors: tuple[Any, ...], step: tf.Tensor, state: State, part: State) -> State:
        """As for `Batches`."""
        places = self._moved(tensors, step)[:, None]
        rows = tf.tensor_scatter_nd_update(state.parameters[0], places, _rows(part))
        return _kept(rows, part)

    def blocks(self, n_inputs: int) -> list[slice]:
        """As for `Batches`: few, so that little of W is held twice."""
        numbers = sum(_numbers_like(tensors[0]) for tensors in self.like if tensors)
        size = max(1, _BLOCK_NUMBERS // numbers)
        return [slice(i, min(i + size, n_inputs)) for i in range(0, n_inputs, size)]

    def pack(self, state: Callable[[slice], State], blocks: list[slice]) -> State:
        """As for `Batches`."""
        of_block: list[State] = []

        def rows() -> Iterator[tf.Tensor]:
            for block in blocks:
                of_block[:] = [state(block)]
                yield _rows(of_block[0])

        of_all = joined(rows(), blocks[-1].stop + 1)
        # That of each block has all of b.
        return _kept(of_all, of_block[0])

    def unpack(self, state: State, block: slice) -> State:
        """As for `Batches`."""
        return self._of_rows(state.parameters[0][block], state)

    def _moved(self, tensors: tuple[Any, ...], step: tf.Tensor) -> tf.Tensor:
        """The features that a step moves."""
        return _step_of(self.by_itself, step, tensors[0])

    def _of_rows(self, rows: tf.Tensor, kept: State) -> State:
        """The state of the features that have these rows, and of b."""
        parts, first = [], 0
        for like, tensors in zip(self.like, kept, strict=True):
            numbers = []
            if like:
                last = first + _numbers_like(like[0])
                numbers, first = [_from_numbers(rows[:, first:last], like[0])], last
            parts.append([*numbers, *tensors[len(tensors) - len(like[1:]) :]])
        return State(*parts)


def _step_of(by_itself: bool, step: tf.Tensor, tensor: tf.Tensor) -> tf.Tensor:
    """What a chunk's tensor has of a step."""
    # Of a step that is compiled by itself XLA takes a slice's place for a constant, and would
    # compile for each; in a loop slices are faster.
    return tf.gather(tensor, step) if by_itself else tensor[step]


def _kept(rows: tf.Tensor, state: State) -> State:
    """The rows of all features, and what a state has of b."""
    of_b = State(*(tensors[1:] for tensors in state))
    return of_b._replace(parameters=[rows, *of_b.parameters])


def _rows(state: State) -> tf.Tensor:
    """All numbers of each feature side by side, float32 ``[n, numbers]``."""
    return tf.concat([_numbers(tensors[0]) for tensors in state if tensors], 1)


def _numbers(numbers: tf.Tensor) -> tf.Tensor:
    """``[..., n]`` as float32 ``[n, numbers]``; a float64 is the bits of two."""
    rank = numbers.shape.rank
    first = tf.transpose(numbers, [rank - 1, *range(rank - 1)])
    return tf.reshape(tf.bitcast(first, tf.float32), [first.shape[0], -1])


def _numbers_like(like: tf.TensorSpec) -> int:
    """How many numbers these are of each feature, as `_numbers` has them."""
    return int(np.prod(like.shape[:-1])) * (2 if like.dtype == tf.float64 else 1)


def _from_numbers(numbers: tf.Tensor, like: tf.TensorSpec) -> tf.Tensor:
    """And back, to a tensor like another in all but the number of features."""
    parts = [2] if like.dtype == tf.float64 else []
    first = tf.bitcast(tf.reshape(numbers, [-1, *like.shape[:-1], *parts]), like.dtype)
    rank = first.shape.rank
    return tf.transpose(first, [*range(1, rank), 0])
