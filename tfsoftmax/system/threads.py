"""Keeps small matrix products on one core, because sharing them takes longer than they do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController

# Whether a block has set the limit, which is the whole process's.
_limited = False


@contextmanager
def one_thread() -> Iterator[None]:
    """In the block, each matrix product of NumPy's and SciPy's is computed by one thread.

    It is so for the whole process. TensorFlow's own threads stay as they are.

    >>> import numpy as np
    >>> with one_thread():
    ...     product = np.ones((2, 3)) @ np.ones((3, 2))
    >>> product.tolist()
    [[3.0, 3.0], [3.0, 3.0]]
    """
    global _limited
    if _limited:
        # A limit takes longer than a small product does.
        yield
        return
    with _libraries().limit(limits=1):
        _limited = True
        try:
            yield
        finally:
            _limited = False


@cache
def _libraries() -> ThreadpoolController:
    # Finding them takes milliseconds. SciPy has its own library, which must be loaded by now.
    import scipy.linalg  # noqa: F401

    return ThreadpoolController().select(user_api="blas")
