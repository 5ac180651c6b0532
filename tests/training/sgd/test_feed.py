import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from support.datasets import make_dataset

from tfsoftmax import DataError, Recipe, SoftmaxRegression, Split, evaluate, fit
from tfsoftmax.data.features import aligned_empty, read_rows
from tfsoftmax.device import to_tensor
from tfsoftmax.training.prepare import resolve
from tfsoftmax.training.sgd import feed
from tfsoftmax.training.sgd.feed import Feed
from tfsoftmax.training.trainer import Trainer


def numbered(n_samples, n_features=4, dtype="int64"):
    """Rows that say which they are."""
    numbers = np.arange(n_samples)
    features = np.repeat(numbers[:, None], n_features, axis=1).astype(dtype)
    return Split(features, numbers.astype(np.int32))


def order_of(chunk):
    """A chunk's row numbers, those of each step after another."""
    return np.concatenate([o[:n] for o, n in zip(chunk.order, chunk.counts, strict=True)])


def rows_of(chunk):
    """The row numbers of a chunk, in the order they are trained on."""
    order = order_of(chunk)
    features, labels = chunk.features.numpy()[order], chunk.labels.numpy()[order]
    np.testing.assert_array_equal(features[:, 0], labels)
    return labels.tolist()


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(feed, "_BLOCK_BYTES", 256)  # 8 numbered rows


@pytest.fixture
def mapped(tmp_path):
    path = tmp_path / "rows.npy"
    np.save(path, np.arange(600.0).reshape(100, 6))
    return np.load(path, mmap_mode="r")


def test_every_row_once_an_epoch_in_an_order_drawn_anew():
    whole = Feed(numbered(50), 16, seed=0, memory_limit=10**6)
    orders = [rows_of(chunk) for epoch in range(3) for chunk in whole.epoch(epoch)]
    assert len(orders) == 3
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert orders[0] != orders[1] != orders[2]


@given(
    n_samples=st.integers(1, 300),
    batch_size=st.integers(1, 40),
    memory_limit=st.integers(1, 6000),
    seed=st.integers(0, 5),
)
def test_chunks_hold_every_row_once_in_as_many_steps(n_samples, batch_size, memory_limit, seed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed, "_BLOCK_BYTES", 256)
        rows = Feed(numbered(n_samples), batch_size, seed, memory_limit)
        chunks = list(rows.epoch(1))
        assert sorted(row for chunk in chunks for row in rows_of(chunk)) == list(range(n_samples))
        counts = [count for chunk in chunks for count in chunk.counts[: chunk.steps]]
        assert all(chunk.counts[: chunk.steps].sum() == chunk.counts.sum() for chunk in chunks)
        # All but the last row's step are full.
        assert sum(count < rows.batch_size for count in counts) <= 1
        assert len(counts) == rows.steps == -(-n_samples // rows.batch_size)
        # One shape for all, or they would be compiled one by one.
        shapes = {(c.features.shape, c.labels.shape, c.order.shape) for c in chunks}
        assert len(shapes) == 1
        again = [rows_of(chunk) for chunk in rows.epoch(1)]
        assert again == [rows_of(chunk) for chunk in chunks]


def test_chunks_and_rows_are_mixed(small_blocks):
    """Rows sorted by class, as files often are, must not arrive sorted."""
    rows = Feed(numbered(4000), 8, seed=0, memory_limit=4000 * 32 // 4)
    epochs = [[rows_of(chunk) for chunk in rows.epoch(epoch)] for epoch in range(2)]
    assert len(epochs[0]) == 13
    assert epochs[0] != epochs[1]
    for chunk in epochs[0][:-1]:
        # Means of 320 rows from 40 blocks: the mean of all is 2000, their spread 180.
        assert 1200 < np.mean(chunk) < 2800
        steps = np.abs(np.diff(chunk))
        assert np.median(steps) > 100


@pytest.mark.slow
@pytest.mark.parametrize("memory_limit", [10**9, 2000])
def test_a_streamed_run_is_the_same_for_the_same_seed(small_blocks, memory_limit):
    dataset = make_dataset(n_train=200)
    recipe = Recipe(epochs=3, batch_size=16, memory_limit=memory_limit, l2=1e-3)
    first, again = (fit(dataset, recipe) for _ in range(2))
    np.testing.assert_array_equal(first.model.W, again.model.W)
    assert first.history.last.train_log_loss == again.history.last.train_log_loss
    assert first.history.last.steps == 3 * 13


def test_a_streamed_run_equals_steps_written_out(small_blocks):
    """Every chunk's batches, taken one by one in NumPy with closed-form gradients."""
    dataset = make_dataset(n_train=203)
    recipe = Recipe(
        epochs=2, batch_size=16, learning_rate=0.3, l2=0.0, center=False, memory_limit=2500
    )
    rows = Feed(dataset.train, 16, recipe.seed, recipe.memory_limit)
    W, b, step = np.zeros((6, 3)), np.zeros(3), 0
    for epoch in range(2):
        chunks = list(rows.epoch(epoch))
        assert len(chunks) > 3
        for chunk in chunks:
            order = order_of(chunk)
            for start in range(0, len(order), 16):
                batch = order[start : start + 16]
                X = chunk.features.numpy()[batch].astype(np.float64)
                exponentials = np.exp(X @ W + b)
                error = exponentials / exponentials.sum(axis=1, keepdims=True)
                error -= np.eye(3)[chunk.labels.numpy()[batch]]
                rate = 0.3 * (1 + np.cos(np.pi * step / (2 * 13))) / 2
                W -= rate * X.T @ error / len(batch)
                b -= rate * error.mean(axis=0)
                step += 1
    assert step == 2 * 13
    model, _ = fit(dataset, recipe)
    np.testing.assert_allclose(model.W, W, atol=1e-5)
    np.testing.assert_allclose(model.b, b, atol=1e-5)


def test_one_trace_serves_all_chunks(small_blocks):
    dataset = make_dataset(n_train=203)
    recipe = Recipe(batch_size=16, learning_rate=0.5, memory_limit=2500, l2=1e-3)
    trainer = Trainer(SoftmaxRegression(dataset.spec), dataset.train, resolve(recipe, dataset))
    done = []
    for epoch in range(2):
        trainer.run_epoch(epoch, done.append)
    assert trainer.loop._run_steps.experimental_get_tracing_count() == 1
    assert done[-1].step == 2 * 13
    assert len(done) > 6


def test_streaming_evaluates_on_every_row(small_blocks):
    dataset = make_dataset(n_train=203)
    model, history = fit(dataset, Recipe(epochs=1, memory_limit=2500, l2=1e-3))
    assert evaluate(model, dataset.train).n_samples == 203
    assert history.last.train_accuracy == evaluate(model, dataset.train).accuracy


def test_a_file_that_shrinks_while_in_use_is_an_error(mapped):
    with open(mapped.filename, "r+b") as file:
        file.truncate(1000)
    rows = Feed(Split(mapped, np.zeros(100, np.int32)), 10, seed=0, memory_limit=2000)
    with pytest.raises(DataError, match=r"rows\.npy cannot be read any more: it ended early"):
        list(rows.epoch(0))


@pytest.mark.parametrize(
    "dtype",
    [
        "bool",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "int32",
        "uint32",
        "int64",
        "uint64",
        "float16",
        "float32",
        "float64",
    ],
)
def test_tensors_hold_what_the_array_does(dtype):
    numbers = np.random.default_rng(0).integers(0, 2, (5, 7)).astype(dtype)
    read_only = numbers.copy()
    read_only.flags.writeable = False
    for array in (numbers, numbers[1:], numbers[:, ::2], read_only):
        np.testing.assert_array_equal(to_tensor(array), array)
        assert to_tensor(array).dtype.as_numpy_dtype == array.dtype


def test_tensors_share_memory_that_allows_it():
    array = aligned_empty((3, 4), np.dtype("float32"))
    tensor = to_tensor(array)
    array[:] = 7
    assert float(tf.reduce_min(tensor)) == 7


@given(parts=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=5))
def test_rows_are_read_from_where_they_are(parts, tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "rows.npy"
    np.save(path, np.arange(600.0).reshape(100, 6))
    mapped = np.load(path, mmap_mode="r")
    blocks = [slice(min(part), max(part)) for part in parts]
    for rows in (mapped, mapped[10:], mapped[5:20][3:], mapped[:, 1:], np.array(mapped)):
        expected = np.concatenate([np.empty((0, rows.shape[1])), *(rows[b] for b in blocks)])
        np.testing.assert_array_equal(read_rows(rows, blocks), expected)


def test_changes_in_a_private_mapping_are_kept(mapped):
    private = np.load(mapped.filename, mmap_mode="c")
    private[3] = -1
    np.testing.assert_array_equal(to_tensor(private)[3], [-1] * 6)
