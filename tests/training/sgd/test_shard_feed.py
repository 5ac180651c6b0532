"""Workers that take every step together: the room that a step has for a worker's rows."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import hypergeom

from tfsoftmax.data.dataset import Split
from tfsoftmax.training.sgd import shard_feed
from tfsoftmax.training.sgd.feed import Feed
from tfsoftmax.training.sgd.shard_feed import ShardFeed, usual_width

# As many rows as the digits have to train on, and a small batch.
N_SAMPLES, BATCH = 1437, 64


def chunks(bounds, epochs, batch=BATCH):
    """The chunks of each epoch, ``[epochs][n_workers]``; features are the rows' numbers."""
    numbers = np.arange(N_SAMPLES)
    split = Split(numbers[:, None], numbers.astype(np.int32))
    shards = [range(*pair) for pair in pairwise(bounds)]
    feeds = [ShardFeed(split, batch, 0, 2**30, shards, index) for index in range(len(shards))]
    return [[next(feed.epoch(epoch)) for feed in feeds] for epoch in range(epochs)]


def widths(found, index):
    return {of_epoch[index].order.shape[1] for of_epoch in found}


def test_all_epochs_have_one_width():
    for bounds in ([0, 718, 1437], [0, 1000, 1437], [0, 0, 1437], [0, 20, 700, 1437]):
        found = chunks(bounds, epochs=60)
        for index in range(len(bounds) - 1):
            assert len(widths(found, index)) == 1, (bounds, index)


def test_an_epoch_with_more_rows_in_a_step_has_twice_the_room_and_all_rows(monkeypatch):
    monkeypatch.setattr(shard_feed, "_ROOM", 2.0)
    bounds = [0, 480, 960, 1437]
    found = chunks(bounds, epochs=12)
    usual = usual_width(480, N_SAMPLES, BATCH)
    assert widths(found, 0) == {usual, 2 * usual}
    split = Split(np.arange(N_SAMPLES)[:, None], np.zeros(N_SAMPLES, np.int32))
    of_one = Feed(split, BATCH, 0, 2**30)
    for epoch, of_workers in enumerate(found):
        (expected,) = of_one.epoch(epoch)
        for step in range(of_one.steps):
            taken = [
                chunk.features.numpy()[chunk.order[step, : chunk.counts[step]], 0]
                for chunk in of_workers
            ]
            wanted = expected.order[step, : expected.counts[step]]
            assert sorted(np.concatenate(taken).tolist()) == sorted(wanted.tolist())


@pytest.mark.parametrize("batch", [64, 1024, 16_384])
@pytest.mark.parametrize("n_own", [1000, 30_000, 59_000])
def test_hardly_a_batch_needs_more_room_and_there_is_not_much_more(batch, n_own):
    drawn = hypergeom(60_000, n_own, batch)
    width = usual_width(n_own, 60_000, batch)
    assert drawn.sf(width) < 1e-6
    assert width <= max(drawn.isf(1e-12), 1)


def test_room_is_for_no_more_rows_than_there_are():
    assert usual_width(0, 1000, 64) == 1
    assert usual_width(3, 1000, 64) == 3
    assert usual_width(1000, 1000, 64) == 64
    assert usual_width(1, 1, 1) == 1
