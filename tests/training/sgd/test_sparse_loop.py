"""Training on sparse rows is training on the same rows with their zeros."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf
from support.marks import slow
from support.runs import bytes_of
from support.sparse import InFile, sparse_dataset, sparse_matrix, with_zeros

from tfsoftmax import Checkpoints, Recipe, Split, UsageError, fit, tune
from tfsoftmax.data.sparse_rows import SparseRows
from tfsoftmax.distributed.timed import TimedSums
from tfsoftmax.distributed.workers import ALONE
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.spec import Scaling
from tfsoftmax.training import build
from tfsoftmax.training.prepare import prepare
from tfsoftmax.training.sgd import batches, feed
from tfsoftmax.training.sgd.loop import Loop
from tfsoftmax.training.sgd.sparse_feed import SparseFeed
from tfsoftmax.training.trainer import Trainer

# Steps are large and penalties strong, so that what is made up for later is most of it. What XLA
# compiles does the same; that takes longer than all steps.
PLAIN = Recipe(
    epochs=2, batch_size=16, learning_rate=0.4, l2=0.05, center=False, standardize="off",
    optimizer="sgd", xla=False,
)  # fmt: skip


def assert_same(first, second, tolerance=2e-6):
    for ours, theirs in zip(first.model.parameters, second.model.parameters, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=tolerance)
    ours, theirs = (result.history.last for result in (first, second))
    assert ours.moving_loss == pytest.approx(theirs.moving_loss, rel=1e-5)
    assert ours.test_log_loss == pytest.approx(theirs.test_log_loss, rel=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        slow({"xla": True}),
        slow({"l2": 0.0, "l1": 0.003, "class_weight": {"class 1": 3.0}}),
        {"l2": 0.05, "l1": 0.003, "label_smoothing": 0.1, "schedule": "inverse", "xla": True},
        slow({"l2": 0.0, "class_weight": {"class 1": 3.0}, "xla": True}),
        slow({"optimizer": "adagrad", "l1": 0.002, "xla": True}),
        {"optimizer": "ftrl", "l1": 0.002, "xla": True},
        slow({"l2": 0.05, "l1": 0.003}),
        slow({"optimizer": "adagrad"}),
        {"initializer": "normal"},
    ],
)
def test_sparse_rows_train_as_the_same_rows_with_zeros(changes):
    dataset = sparse_dataset(weights=np.random.default_rng(1).uniform(0.5, 2, 300).astype("f4"))
    recipe = PLAIN.but(**changes)
    sparse, dense = fit(dataset, recipe), fit(with_zeros(dataset), recipe.but(xla=False))
    assert_same(sparse, dense)
    if recipe.l1:
        zeros = [(result.model.W.numpy() == 0).mean() for result in (sparse, dense)]
        assert zeros[0] == pytest.approx(zeros[1], abs=0.002)
        assert 0.05 < zeros[0] < 0.99


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adagrad", "ftrl"])
def test_the_result_is_the_same_however_many_features_are_read_at_a_time(optimizer, monkeypatch):
    dataset, recipe = sparse_dataset(), PLAIN.but(optimizer=optimizer, initializer="normal")
    at_once = fit(dataset, recipe)
    monkeypatch.setattr(batches, "_BLOCK_NUMBERS", 100)
    assert_same(fit(dataset, recipe), at_once, tolerance=1e-6)


def test_scaled_entries_and_indicators_train_as_with_zeros():
    dataset = sparse_dataset()
    matrix = dataset.train.features.read_sparse([slice(None)]).copy()
    matrix.data[::11] = np.nan
    spec = replace(
        dataset.spec,
        missing="indicator",
        scaling=Scaling(0.0, 0.5, fill=(2.0,) * 700, indicators=tuple(range(0, 700, 2)), limit=1.0),
    )
    train = replace(dataset.train, features=SparseRows(matrix))
    dataset = replace(dataset, spec=spec, train=train)
    assert_same(fit(dataset, PLAIN), fit(with_zeros(dataset), PLAIN))


def test_entries_of_one_place_are_added_up_and_empty_rows_have_the_bias():
    matrix = sparse_matrix(64, 300)
    doubled = scipy.sparse.csr_array(
        (np.repeat(matrix.data / 2, 2), np.repeat(matrix.indices, 2), matrix.indptr * 2),
        shape=matrix.shape,
    )
    empty = scipy.sparse.csr_array((64, 300), dtype=np.float32)
    dataset = sparse_dataset(n_train=64, n_features=300)
    once, twice, never = (
        fit(replace(dataset, train=Split(SparseRows(rows), dataset.train.labels)), PLAIN)
        for rows in (matrix, doubled, empty)
    )
    assert_same(once, twice)
    assert not never.model.W.numpy().any()
    assert never.model.b.numpy().any()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("optimizer", "xla"), [slow("sgd", True), ("sgd", False), ("adagrad", False), ("ftrl", False)]
)
def test_a_run_is_resumed_with_the_same_bytes(tmp_path, optimizer, xla, monkeypatch):
    monkeypatch.setattr("tfsoftmax.training.sgd.sparse_feed._CHUNK_ENTRIES", 500)
    recipe = PLAIN.but(optimizer=optimizer, l1=0.001, epochs=3, xla=xla)
    dataset = sparse_dataset()
    whole, steps = fit(dataset, recipe), []

    def stop(progress):
        steps.append(progress.step)
        if len(steps) == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(dataset, recipe, checkpoints=Checkpoints(tmp_path), on_progress=stop)
    assert steps[-1] % 19
    resumed = fit(dataset, recipe, checkpoints=Checkpoints(tmp_path, resume=True))
    assert bytes_of(resumed) == bytes_of(whole)
    assert resumed.history.last.moving_loss == whole.history.last.moving_loss


def test_rows_beyond_the_memory_limit_are_each_used_once_an_epoch(monkeypatch):
    monkeypatch.setattr(feed, "_BLOCK_BYTES", 256)
    matrix = scipy.sparse.csr_array(np.diag(np.arange(1, 301)).astype(np.float32))
    split = Split(InFile(matrix), np.arange(300, dtype=np.int32))
    rows = SparseFeed(split, 8, 0, 1200)
    chunks = list(rows.epoch(1))
    assert len(chunks) > 5
    assert sum(chunk.steps for chunk in chunks) == rows.steps
    found = [
        (label, features[owners == place][0], values[owners == place][0])
        for chunk in chunks
        for step in range(chunk.steps)
        for features, owners, values in [[part[step].numpy() for part in chunk[:3]]]
        for place, label in enumerate(chunk.labels[step].numpy()[: chunk.counts[step]])
    ]
    assert sorted(found) == [(row, row, row + 1) for row in range(300)]
    order = [label for label, *_ in found]
    assert order != sorted(order)
    shapes = {tuple(part.shape for part in tf.nest.flatten(chunk[:5])) for chunk in chunks}
    assert len(shapes) == 1


@pytest.mark.slow
def test_a_streamed_run_learns_what_the_same_run_in_memory_does(monkeypatch):
    monkeypatch.setattr(feed, "_BLOCK_BYTES", 256)
    dataset = sparse_dataset()
    matrix = dataset.train.features.read_sparse([slice(None)])
    streamed = replace(dataset, train=replace(dataset.train, features=InFile(matrix)))
    recipe = PLAIN.but(epochs=10, optimizer="adagrad", memory_limit=4000)
    in_memory = fit(dataset, recipe.but(memory_limit=2**30))
    found = fit(streamed, recipe)
    assert found.history.last.train_log_loss == pytest.approx(
        in_memory.history.last.train_log_loss, rel=2e-3
    )


@pytest.mark.parametrize("optimizer", ["sgd", slow("adagrad"), slow("ftrl")])
def test_a_step_taken_with_others_moves_w_where_it_is(optimizer, monkeypatch):
    monkeypatch.setattr(build, "_kind_of", lambda *_: partial(Loop, sums=TimedSums(ALONE)))
    dataset, recipe = prepare(sparse_dataset(), PLAIN.but(optimizer=optimizer, xla=True))
    trainer = Trainer(SoftmaxRegression(dataset.spec), dataset.train, recipe)

    def place():
        return np.asarray(memoryview(trainer.loop._kept.parameters[0].read_value())).ctypes.data

    trainer.run_epoch(0)
    before = place()
    trainer.run_epoch(1)
    assert place() == before
    monkeypatch.undo()
    alone = fit(dataset, PLAIN.but(optimizer=optimizer))
    np.testing.assert_allclose(trainer.model.W, alone.model.W, atol=2e-6)


@pytest.mark.parametrize("changes", [{"momentum": 0.9}, {"averaging": 0.5}, {"clip_norm": 1.0}])
def test_what_moves_every_weight_is_refused(changes):
    with pytest.raises(UsageError, match="moves every weight in every step"):
        fit(sparse_dataset(), Recipe(**changes))
    with pytest.raises(UsageError, match="exclude each other"):
        Recipe(optimizer="ftrl", **changes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("optimizer", "xla"), [slow("sgd", True), ("sgd", False), ("adagrad", False), ("ftrl", False)]
)
def test_tune_scores_as_on_the_same_rows_with_zeros(optimizer, xla):
    dataset = sparse_dataset(n_train=120, n_test=10, n_features=600)
    recipe = PLAIN.but(optimizer=optimizer, xla=xla)
    sparse, dense = (
        tune(rows, recipe, l2=(0.001, 0.1), l1=(0.0, 0.002), learning_rate=(0.1, 0.4), folds=2)
        for rows in (dataset, with_zeros(dataset))
    )
    for ours, theirs in zip(sparse.candidates, dense.candidates, strict=True):
        assert ours.log_losses == pytest.approx(theirs.log_losses, rel=1e-5)
