"""Keeps small matrix products on one core, because sharing them takes longer than they do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache

from threadpoolctl import ThreadpoolController

# Multiplications that one core does in about a tenth of a second: fewer are not worth sharing.
_WORTH_SHARING = 2**31
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


def one_thread_for(multiplications: float) -> AbstractContextManager[None]:
    """`one_thread`, if a block does no more than so many multiplications; else nothing.

    >>> import numpy as np
    >>> with one_thread_for(2 * 3 * 2):
    ...     product = np.ones((2, 3)) @ np.ones((3, 2))
    """
    return one_thread() if multiplications < _WORTH_SHARING else nullcontext()


@cache
def _libraries() -> ThreadpoolController:
    # Finding them takes milliseconds. SciPy has its own library, which must be loaded by now.
    import scipy.linalg  # noqa: F401

    return ThreadpoolController().select(user_api="blas")
