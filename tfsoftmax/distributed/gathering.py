"""What each of several workers has found, made known to all of them: numbers, values and errors.

Whatever is gathered is a sum, as all that workers say: in it each has its own, and zeros in place
of what is another's. All workers must call each of these functions, in the same order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tfsoftmax import errors
from tfsoftmax.distributed.workers import Workers
from tfsoftmax.errors import PeerError, TfsoftmaxError
from tfsoftmax.messages import Message, Setting, message_of


def merged(array: np.ndarray, workers: Workers) -> np.ndarray:
    """An array of which each worker has some numbers, and zeros in place of all others'.

    Args:
      array: contiguous, of any type without pointers; the same shape and type in all workers.
      workers: all.

    >>> from tfsoftmax.distributed.workers import ALONE
    >>> merged(np.float32([1, np.nan]), ALONE).tolist()
    [1.0, nan]
    """
    if workers.count == 1:
        return array
    # As whole numbers, because sums of those lose nothing: of NaN, or of a zero's sign.
    words = np.zeros(-(-array.nbytes // 4), np.int32)
    words.view(np.uint8)[: array.nbytes] = np.frombuffer(array.tobytes(), np.uint8)
    (total,) = workers.sum([words])
    content = np.asarray(total).view(np.uint8)[: array.nbytes]
    return np.frombuffer(content.tobytes(), array.dtype).reshape(array.shape)


def gathered(own: np.ndarray, workers: Workers, sizes: np.ndarray | None = None) -> np.ndarray:
    """The rows of all workers, in the workers' order; each may have any number, or none.

    Args:
      own: ``[n, ...]``, of the same type and the same other axes in all.
      workers: all.
      sizes: how many rows each worker has, where all know it; that saves a message.

    >>> from tfsoftmax.distributed.workers import ALONE
    >>> gathered(np.array([3, 4]), ALONE).tolist()
    [3, 4]
    """
    if workers.count == 1:
        return own
    if sizes is None:
        sizes = np.zeros(workers.count, np.int64)
        sizes[workers.index] = len(own)
        sizes = merged(sizes, workers)
    ends = np.cumsum(sizes)
    rows = np.zeros((ends[-1], *own.shape[1:]), own.dtype)
    rows[ends[workers.index] - len(own) : ends[workers.index]] = own
    return merged(rows, workers)


def said_by_all(value: Any, workers: Workers) -> list[Any]:
    """What each worker says, JSON-ready, in the workers' order.

    >>> from tfsoftmax.distributed.workers import ALONE
    >>> said_by_all({"rows": 3}, ALONE)
    [{'rows': 3}]
    """
    if workers.count == 1:
        return [value]
    content = np.frombuffer(json.dumps(value).encode() + b"\n", np.uint8)
    return [json.loads(line) for line in gathered(content, workers).tobytes().splitlines()]


@contextmanager
def errors_of_all(workers: Workers) -> Iterator[None]:
    """Ends the block with the same error in all workers, if one of them raises one in it.

    It is that of the first worker that has one. In the block no worker may wait for another. One
    that has lost another there ends it at once, as the others may be gone.

    Raises:
      TfsoftmaxError: of the type, and with the message, of the one that was raised.

    >>> from tfsoftmax.distributed.workers import ALONE
    >>> with errors_of_all(ALONE):
    ...     raise errors.DataError("row 3: it is missing")
    Traceback (most recent call last):
    ...
    tfsoftmax.errors.DataError: row 3: it is missing
    """
    own: TfsoftmaxError | None = None
    try:
        yield
    except TfsoftmaxError as error:
        if workers.count == 1 or isinstance(error, PeerError):
            raise
        own = error
    found = said_by_all(own and [_kind(own), _parts(own)], workers)
    for index, raised in enumerate(found):
        if raised is None:
            continue
        if own is not None and index == workers.index:
            raise own
        kind, parts = raised
        said = Message(*(part if isinstance(part, str) else Setting(*part) for part in parts))
        raise getattr(errors, kind)(said)


def _kind(error: TfsoftmaxError) -> str:
    """The name of its type, or of the type that it is derived from, in `errors`."""
    return next(each.__name__ for each in type(error).__mro__ if hasattr(errors, each.__name__))


def _parts(error: TfsoftmaxError) -> list[Any]:
    """What an error says, with the options that it names, JSON-ready."""
    said = message_of(error)
    if not isinstance(said, Message):
        return [str(said)]
    named: list[Any] = []
    for part in said.parts:
        if isinstance(part, Setting):
            named.append([part.name] if part.value is ... else [*part])
        else:
            named.append(part)
    return named
