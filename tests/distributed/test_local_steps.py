"""Workers that train by themselves between means: real processes, and NumPy beside them."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from support.commands import assert_one_line, run
from support.local_steps import in_memory, local_steps
from support.marks import slow
from support.runs import bytes_of
from support.workers import run_workers

from tfsoftmax import Recipe, Split, UsageError, fit, load_dataset
from tfsoftmax.cli.train import main as train_command
from tfsoftmax.distributed.timed import TimedSums
from tfsoftmax.distributed.workers import ALONE
from tfsoftmax.training import build
from tfsoftmax.training.sgd import feed
from tfsoftmax.training.sgd.feed import Feed
from tfsoftmax.training.sgd.local_loop import LocalLoop
from tfsoftmax.training.sgd.shard_feed import shard_of

TRAIN = """
import json, sys
from pathlib import Path
import numpy as np
from tfsoftmax import join_workers

folder, fields, bounds, stop_after = json.loads(sys.argv[1])
workers = join_workers(200)
from tfsoftmax import Checkpoints, PeerError, Recipe, fit, load_dataset
from tfsoftmax.training import build

if "memory_limit" in fields:
    from tfsoftmax.training.sgd import feed

    feed._BLOCK_BYTES = 2048
if bounds:
    def shard_of(n_samples, index, count):
        return range(bounds[index], min(bounds[index + 1], n_samples))

    build.shard_of = shard_of

def on_progress(done):
    if workers.is_chief and stop_after and done.step > stop_after:
        raise KeyboardInterrupt

saved = Checkpoints(Path(folder, "run"), every_steps=9, resume=True)
try:
    result = fit(
        load_dataset("digits"), Recipe(**fields), workers=workers, on_progress=on_progress,
        checkpoints=saved if stop_after is not None else None,
    )
except (KeyboardInterrupt, PeerError):
    sys.exit(3)
model, history = result
n_samples = len(result.dataset.train)
figures = [[epoch.train_log_loss, epoch.test_log_loss] for epoch in history.epochs]
np.savez(f"{folder}/{workers.index}.npz", W=model.W, b=model.b, figures=figures)
record = model.record.workers
assert record["count"] == workers.count and record["sync_every"] == fields["sync_every"], record
assert 0 <= record["communication_share"] <= 1 and record["rows_a_second"] > 0, record
last = history.last
in_epoch = last.rows_a_second * last.train_seconds
assert stop_after is not None or np.isclose(in_epoch, n_samples), last
"""
PLAIN = {
    "epochs": 3, "l2": 7e-4, "batch_size": 64, "learning_rate": 1.0, "momentum": 0.5,
    "sync_every": 5,
}  # fmt: skip


def trained(folder, fields, bounds, stop_after=None, code=0):
    """The chief's weights ``[n_features + 1, n_classes]``, which are those of all workers."""
    count = len(bounds) - 1
    codes, said = run_workers(TRAIN, count, folder, str(folder), fields, bounds, stop_after)
    assert codes == [code] * count, said
    if code:
        return None
    found = [np.load(folder / f"{index}.npz") for index in range(count)]
    for other in found[1:]:
        for name in ("W", "b"):
            assert other[name].tobytes() == found[0][name].tobytes()
    assert np.isfinite(found[0]["figures"]).all()
    return np.vstack([found[0]["W"], found[0]["b"]])


def assert_as_in_numpy(folder, fields, bounds):
    found = trained(folder, fields, bounds)
    digits, recipe = load_dataset("digits"), Recipe(**fields)
    batches = (streamed if "memory_limit" in fields else in_memory)(digits, recipe, bounds)
    expected = local_steps(digits, recipe, len(bounds) - 1, batches)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)


@pytest.mark.slow
def test_two_workers_of_uneven_shards_do_as_numpy_does(tmp_path):
    assert_as_in_numpy(tmp_path, PLAIN, [0, 1000, 1437])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "bounds"),
    [
        ({"sync_every": "epoch"}, [0, 718, 1437]),
        ({"sync_every": 100, "averaging": 0.5}, [0, 1437, 1437]),
        ({"sync_every": 2, "averaging": 0.5}, [0, 0, 10, 1437]),
        ({"sync_every": 3, "memory_limit": 20_000}, [0, 718, 1437]),
        ({"sync_every": 100, "memory_limit": 30_000}, [0, 0, 100, 1437]),
    ],
)
def test_other_intervals_empty_shards_and_rows_beyond_memory_do_so_too(tmp_path, changes, bounds):
    assert_as_in_numpy(tmp_path, {**PLAIN, **changes}, bounds)


@pytest.mark.slow
def test_a_run_is_resumed_to_the_same_bytes_from_its_last_mean(tmp_path):
    bounds, whole, parts = [0, 700, 1437], tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    expected = trained(whole, PLAIN, bounds)
    assert trained(parts, PLAIN, bounds, stop_after=33, code=3) is None
    saved = [path.name for path in (parts / "run").glob("*.ckpt")]
    assert sorted(int(name[5:-5]) % 23 % 5 for name in saved) == [0] * len(saved)
    assert max(int(name[5:-5]) for name in saved) in range(28, 69)
    assert trained(parts, PLAIN, bounds, stop_after=0).tobytes() == expected.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    "fields",
    [
        {"optimizer": "adagrad", "learning_rate": "auto"},
        {"optimizer": "ftrl", "l1": 1e-4, "learning_rate": "auto"},
        {"early_stopping": "log_loss", "validation_fraction": 0.2, "class_weight": "balanced"},
    ],
)
def test_every_rule_does_about_as_well_as_one_process(tmp_path, fields):
    recipe = {**PLAIN, "momentum": 0.0, **fields, "epochs": 10}
    trained(tmp_path, recipe, [0, 718, 1437])
    alone = fit(load_dataset("digits"), Recipe(**recipe)).history.last
    loss = np.load(tmp_path / "0.npz")["figures"][-1][1]
    assert loss < alone.test_log_loss * 1.1 + 0.01


def feeds(split, bounds, batch_size=4, memory_limit=2**20):
    shards = [range(*bounds[i : i + 2]) for i in range(len(bounds) - 1)]
    return [Feed(split, batch_size, 0, memory_limit, shards, i) for i in range(len(shards))]


def batches_of(rows, epoch):
    """The features and labels of each step of an epoch."""
    return [
        (chunk.features.numpy()[places[:count]], chunk.labels.numpy()[places[:count]])
        for chunk in rows.epoch(epoch)
        for places, count in zip(chunk.order[: chunk.steps], chunk.counts, strict=False)
    ]


def streamed(dataset, recipe, bounds):
    """As `in_memory`, of rows beyond the memory limit, in the order that the feeds have."""
    numbers = {row.tobytes(): number for number, row in enumerate(dataset.train.features)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed, "_BLOCK_BYTES", 2048)
        rows = feeds(dataset.train, bounds, recipe.batch_size, recipe.memory_limit)
        epochs = [[batches_of(own, epoch) for own in rows] for epoch in range(recipe.epochs)]
    return lambda epoch, worker: [
        np.array([numbers[row.tobytes()] for row in features], int)
        for features, _ in epochs[epoch][worker]
    ]


@pytest.mark.parametrize("memory_limit", [2**20, 16])
@pytest.mark.parametrize("bounds", [[0, 5, 10, 15, 20], [0, 20, 20], [0, 0, 1, 20], [0, 13, 20]])
def test_an_epoch_takes_every_row_once(bounds, memory_limit, monkeypatch):
    monkeypatch.setattr(feed, "_BLOCK_BYTES", 8)
    split = Split(np.arange(20, dtype=np.float32)[:, None], np.arange(20, dtype=np.int32))
    chunks = set()
    for epoch in (0, 1):
        seen, taken = [], []
        for own in feeds(split, bounds, memory_limit=memory_limit):
            steps = batches_of(own, epoch)
            assert len(steps) == own.steps == 5
            for features, labels in steps:
                np.testing.assert_array_equal(features[:, 0], labels)
                seen += labels.tolist()
            taken.append([len(labels) for _, labels in steps])
            parts = [chunk.taken for chunk in own.epoch(epoch)]
            chunks.add(len(parts))
        assert sorted(seen) == list(range(20))
        # All know what each takes.
        np.testing.assert_array_equal(np.transpose(taken), np.concatenate(parts))
    assert chunks == {1} if memory_limit > 16 else min(chunks) > 1


@pytest.mark.parametrize("memory_limit", [2**20, 16])
def test_the_feed_of_one_worker_is_that_of_one_process(memory_limit, monkeypatch):
    monkeypatch.setattr(feed, "_BLOCK_BYTES", 8)
    split = Split(np.arange(21, dtype=np.float32)[:, None], np.arange(21, dtype=np.int32))
    (own,), alone = (
        feeds(split, [0, 21], memory_limit=memory_limit),
        Feed(split, 4, 0, memory_limit),
    )
    for epoch in (0, 1):
        for ours, theirs in zip(batches_of(own, epoch), batches_of(alone, epoch), strict=True):
            np.testing.assert_array_equal(ours[1], theirs[1])


@pytest.mark.parametrize("memory_limit", [2**20, 20_000])
@pytest.mark.parametrize("every", [5, slow("epoch")])
def test_one_worker_goes_the_way_of_one_process(every, memory_limit, monkeypatch):
    monkeypatch.setattr(feed, "_BLOCK_BYTES", 2048)
    recipe, digits = Recipe(**PLAIN).but(memory_limit=memory_limit), load_dataset("digits")
    alone = fit(digits, recipe)
    local = partial(LocalLoop, sums=TimedSums(ALONE), every=every)
    monkeypatch.setattr(build, "_kind_of", lambda *_: local)
    assert bytes_of(fit(digits, recipe)) == bytes_of(alone)


def test_a_file_that_is_sorted_by_class_is_dealt_out_mixed():
    labels = np.repeat(np.arange(10, dtype=np.int32), 100)
    split = Split(labels[:, None].astype(np.float32), labels)
    for own in feeds(split, [0, 250, 500, 750, 1000]):
        counts = np.bincount(own.rows.labels.numpy(), minlength=10)
        # 25 of each are expected; five standard deviations of the hypergeometric one.
        assert np.abs(counts - 25).max() < 5 * np.sqrt(25 * 0.9 * 0.75)


def test_shards_cover_all_rows():
    assert [list(shard_of(2, i, 3)) for i in range(3)] == [[], [0], [1]]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "sync_every must be at least 1, not 0"),
        ("never", "sync_every must be a whole number or 'epoch', not 'never'"),
        (2.5, r"sync_every must be a whole number or 'epoch', not 2\.5"),
    ],
)
def test_a_wrong_interval_is_one_clear_error(value, message):
    with pytest.raises(UsageError, match=message):
        Recipe(sync_every=value)
    result = run(train_command, "digits", "--sync-every", value)
    assert_one_line(
        result, 2, r"--sync-every.*(in the range x>=1|neither a whole number nor epoch)"
    )


def test_a_batch_has_a_row_for_each_worker():
    from tfsoftmax.distributed.workers import Workers
    from tfsoftmax.training.prepare import prepare
    from tfsoftmax.training.together import check_divisible

    three = Workers()
    three.count = 3
    for sync_every in (1, 100):
        _, recipe = prepare(
            load_dataset("digits"),
            Recipe(batch_size=2, sync_every=sync_every, l2=0.1, learning_rate=0.1),
            workers=3,
        )
        if sync_every == 1:
            check_divisible(recipe, three)
            continue
        with pytest.raises(UsageError, match=r"batch_size=2 has less than a row .* 3 workers"):
            check_divisible(recipe, three)


def test_the_learning_rate_suits_a_workers_own_batch():
    from tfsoftmax.training.prepare import resolve

    digits = load_dataset("digits")
    together = Recipe(sync_every=1, l2=0.1)
    local = replace(together, sync_every=10)
    rate = resolve(together, digits).learning_rate
    assert resolve(together, digits, workers=4).learning_rate == rate
    found = resolve(local, digits, workers=4)
    assert found.learning_rate == resolve(local.but(batch_size=16), digits).learning_rate < rate
    assert (found.batch_size, found.epochs) == (64, resolve(local, digits).epochs)
