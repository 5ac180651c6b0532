"""Workers that take every step together on sparse rows go where one process goes."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from support.sparse import sparse_dataset, sparse_matrix
from support.sparse_workers import PLAIN, ROW_WEIGHTS, assert_same, trained
from support.workers import in_threads

from tfsoftmax import Checkpoints, Recipe, Split, fit
from tfsoftmax.data.sparse_rows import SparseRows
from tfsoftmax.training.sgd import sparse_feed
from tfsoftmax.training.sgd.sparse_feed import SparseFeed
from tfsoftmax.training.sgd.sparse_shard_feed import SparseShardFeed

TOGETHER = {**PLAIN, "sync_every": 1}
N_FEATURES = 700


def alone(fields, **others):
    """What one process finds."""
    result = fit(sparse_dataset(weights=ROW_WEIGHTS), Recipe(**fields), **others)
    figures = [[epoch.train_log_loss, epoch.test_log_loss] for epoch in result.history.epochs]
    return {"W": result.model.W.numpy(), "b": result.model.b.numpy(), "figures": figures}


def rows_of(chunk, step):
    """The rows of a step with their zeros, by their labels, which tell them apart."""
    features, owners, values = (part[step].numpy() for part in chunk[:3])
    rows, places, others = (part[step].numpy() for part in chunk.others)
    whole = np.zeros((chunk.labels.shape[1], N_FEATURES + 1), np.float32)
    np.add.at(whole, (owners, features), values)
    np.add.at(whole, (rows, features[places]), others)
    labels = chunk.labels[step].numpy()[: chunk.counts[step]]
    return dict(zip(labels.tolist(), whole, strict=False))


@pytest.mark.parametrize("bounds", [[0, 100, 200, 300], [0, 0, 7, 300], [0, 300, 300]])
def test_workers_have_the_batches_of_one_process_among_them(bounds, monkeypatch):
    monkeypatch.setattr(sparse_feed, "_CHUNK_ENTRIES", 500)
    split = Split(SparseRows(sparse_matrix(300, N_FEATURES)), np.arange(300, dtype=np.int32))
    shards = [range(*pair) for pair in pairwise(bounds)]

    def chunks_of(workers):
        kind = partial(SparseShardFeed, workers=workers)
        return list(kind(split, 16, 0, 2**30, shards, workers.index).epoch(1))

    of_workers = in_threads(len(shards), chunks_of)
    of_one = list(SparseFeed(split, 16, 0, 2**30).epoch(1))
    assert len(of_one) > 3
    for expected, *found in zip(of_one, *of_workers, strict=True):
        for step in range(expected.steps):
            rows, wanted = {}, rows_of(expected, step)
            for chunk in found:
                rows |= rows_of(chunk, step)
                assert chunk.totals[step] == expected.counts[step]
                np.testing.assert_array_equal(chunk.features, found[0].features)
            assert rows.keys() == wanted.keys()
            for label, row in rows.items():
                np.testing.assert_allclose(row, wanted[label], rtol=1e-6)
            moved = np.unique(found[0].features[step])
            np.testing.assert_array_equal(moved, np.unique(expected.features[step]))


@pytest.mark.slow
def test_descent_goes_where_one_process_goes(tmp_path):
    fields = {**TOGETHER, "optimizer": "sgd"}
    found, expected = trained(tmp_path, fields, "sparse", "in parts"), alone(fields)
    assert_same(found["sparse"], expected)
    assert_same(found["in parts"], expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "bounds"),
    [
        ({"optimizer": "adagrad", "xla": True}, [0, 100, 200, 300]),
        ({"optimizer": "ftrl", "label_smoothing": 0.1}, [0, 0, 7, 300]),
        ({"optimizer": "sgd", "xla": True, "class_weight": {"class 1": 3.0}}, [0, 0, 7, 300]),
        ({"optimizer": "adagrad", "loss_reduction": "sum", "learning_rate": 0.02}, [0, 300, 300]),
        ({"optimizer": "ftrl", "xla": True, "learning_rate": "auto"}, [0, 150, 300]),
        ({"optimizer": "sgd", "l1": 0.0, "schedule": "inverse"}, [0, 299, 299, 300]),
    ],
)
def test_so_does_every_rule_whoever_has_how_many_rows(tmp_path, changes, bounds):
    fields = {**TOGETHER, **changes}
    kinds = "sparse", "in parts"
    found = trained(tmp_path, fields, *kinds, count=len(bounds) - 1, bounds=bounds)
    for kind in kinds:
        assert_same(found[kind], alone(fields))


@pytest.mark.slow
def test_the_same_number_of_workers_gives_the_same_bytes(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    fields = {**TOGETHER, "optimizer": "adagrad"}
    one, other = (trained(folder, fields, "sparse")["sparse"] for folder in (first, second))
    assert all(one[part].tobytes() == other[part].tobytes() for part in one)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "ftrl"])
def test_three_begin_one_process_goes_on_and_two_end_a_run(tmp_path, optimizer):
    fields = {**TOGETHER, "optimizer": optimizer, "memory_limit": 2**30}
    expected, script_fields = alone(fields), {**TOGETHER, "optimizer": optimizer}
    assert not trained(tmp_path, script_fields, "saved", count=3, stop_after=7)

    def stop(progress):
        if progress.step > 20:
            raise KeyboardInterrupt

    saved = Checkpoints(tmp_path / "run", every_steps=4, resume=True)
    with pytest.raises(KeyboardInterrupt):
        alone(fields, checkpoints=saved, on_progress=stop)
    assert_same(trained(tmp_path, script_fields, "saved")["saved"], expected)
