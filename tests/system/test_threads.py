"""Products by one thread: in the block, in blocks inside it, and not after it."""

import pytest
from threadpoolctl import ThreadpoolController

from tfsoftmax.system.threads import one_thread


def threads():
    import scipy.linalg  # noqa: F401

    blas = ThreadpoolController().select(user_api="blas")
    return [library.num_threads for library in blas.lib_controllers]


def test_a_block_and_those_inside_it_have_one_thread():
    before = threads()
    with one_thread():
        assert set(threads()) == {1}
        with one_thread():
            assert set(threads()) == {1}
        assert set(threads()) == {1}
    assert threads() == before


def test_an_error_ends_it():
    before = threads()
    with pytest.raises(KeyError), one_thread(), one_thread():
        raise KeyError
    assert threads() == before
    with one_thread():
        assert set(threads()) == {1}
