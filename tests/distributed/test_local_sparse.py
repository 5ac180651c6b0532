"""Workers that train by themselves on sparse rows do as on the same rows with their zeros."""

import pytest
from support.sparse import sparse_dataset
from support.sparse_workers import PLAIN, assert_same, trained

from tfsoftmax import Recipe, fit

LOCAL = {**PLAIN, "sync_every": 4}


@pytest.mark.slow
def test_descent_goes_where_it_goes_with_the_zeros(tmp_path):
    found = trained(tmp_path, {**LOCAL, "optimizer": "sgd"}, "with zeros", "sparse", "in parts")
    assert_same(found["sparse"], found["with zeros"])
    assert_same(found["in parts"], found["sparse"])


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adagrad", "ftrl"])
def test_the_other_rules_do_so_too(tmp_path, optimizer):
    found = trained(tmp_path, {**LOCAL, "optimizer": optimizer}, "with zeros", "sparse", "in parts")
    assert_same(found["sparse"], found["with zeros"])
    assert_same(found["in parts"], found["sparse"])


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "ftrl"])
def test_streamed_rows_give_the_same_bytes_twice_and_resumed(tmp_path, optimizer):
    fields = {**LOCAL, "optimizer": optimizer, "l2": 0.001, "epochs": 10}
    found = trained(tmp_path, fields, "streamed", "again", "resumed", stop_after=30)
    for name in ("again", "resumed"):
        for part in "Wb":
            assert found[name][part].tobytes() == found["streamed"][part].tobytes()
    alone = fit(sparse_dataset(), Recipe(**fields)).history.last
    assert found["streamed"]["figures"][-1][1] < 1.1 * alone.test_log_loss
