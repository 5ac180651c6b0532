"""Processes that train one model together on sparse rows made for tests."""

from pathlib import Path

import numpy as np

from support.workers import run_workers

TESTS = str(Path(__file__).parent.parent)
TRAIN = """
import json, sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from tfsoftmax import join_workers

folder, tests, fields, kinds, bounds, stop_after = json.loads(sys.argv[1])
sys.path.insert(0, tests)
workers = join_workers(200)
from support.sparse_workers import SMALL_PARTS, ROW_WEIGHTS
from support.sparse import InFile, sparse_dataset, with_zeros
from tfsoftmax import Checkpoints, PeerError, Recipe, fit
from tfsoftmax.training import build
from tfsoftmax.training.sgd import batches, feed, sparse_feed

feed._BLOCK_BYTES = 256
if bounds:
    build.shard_of = lambda n_samples, index, count: range(*bounds[index : index + 2])
in_memory = sparse_dataset(weights=ROW_WEIGHTS)
matrix = in_memory.train.features.read_sparse([slice(None)])
streamed = replace(in_memory, train=replace(in_memory.train, features=InFile(matrix)))
datasets = dict.fromkeys(["streamed", "again", "resumed"], streamed)
datasets["with zeros"] = with_zeros(in_memory)

def trained(name, dataset, recipe, saved=None, on_progress=None):
    model, history = fit(
        dataset, recipe, workers=workers, checkpoints=saved, on_progress=on_progress
    )
    figures = [[epoch.train_log_loss, epoch.test_log_loss] for epoch in history.epochs]
    proof = history.proof and [history.proof.objective, history.proof.relative_gap]
    path = f"{folder}/{name}-{workers.index}.npz"
    np.savez(path, W=model.W, b=model.b, figures=figures, proof=proof or [])
    record = model.record.workers
    assert 0 < record["communication_share"] <= 1, record

def stop(progress):
    if workers.is_chief and stop_after and progress.step > stop_after:
        raise KeyboardInterrupt

for kind in kinds:
    dataset = datasets.get(kind, in_memory)
    # Of streamed rows a chunk has some blocks of a few batches.
    recipe = Recipe(**fields, memory_limit=4000 if dataset is streamed else 2**30)
    if kind == "in parts":
        batches._BLOCK_NUMBERS, sparse_feed._CHUNK_ENTRIES = SMALL_PARTS
    saved = None
    if kind in ("saved", "resumed"):
        saved = Checkpoints(Path(folder, "run"), every_steps=4, resume=True)
    try:
        trained(kind, dataset, recipe, saved, stop if saved else None)
    except (KeyboardInterrupt, PeerError):
        if kind == "resumed":
            trained(kind, dataset, recipe, saved)
"""
# Steps are large and penalties strong, so that what is made up for later is most of it.
PLAIN = {
    "epochs": 2, "batch_size": 16, "learning_rate": 0.4, "l2": 0.05, "l1": 0.002, "center": False,
    "standardize": "off", "xla": False,
}  # fmt: skip
ROW_WEIGHTS = np.random.default_rng(1).uniform(0.5, 2, 300).astype("f4")
# W is packed and summed a few features at a time, and chunks have a few steps.
SMALL_PARTS = 1000, 500


def trained(folder, fields, *kinds, count=2, bounds=None, stop_after=None):
    """What each kind of run of several workers found; all have the same bytes.

    Args:
      folder: for what they write.
      fields: of the recipe.
      *kinds: ``sparse``, ``in parts`` or ``with zeros``; ``streamed``, ``again`` and, once it was
        stopped, ``resumed``; ``saved``, in memory, goes on from where it was stopped the last time.
      count: how many workers.
      bounds: where each worker's rows begin, and where the last one's end; None is evenly.
      stop_after: the step after which the chief stops what is saved; None goes to the end.
    """
    arguments = str(folder), TESTS, fields, kinds, bounds, stop_after
    codes, said = run_workers(TRAIN, count, folder, *arguments)
    assert codes == [0] * count, said
    found = {path.stem[:-2]: np.load(path) for path in folder.glob("*-0.npz")}
    for name, chiefs in found.items():
        for index in range(1, count):
            other = np.load(folder / f"{name}-{index}.npz")
            assert all(other[part].tobytes() == chiefs[part].tobytes() for part in chiefs)
    return found


def assert_same(found, expected):
    """Compares weights and figures of two runs, and which weights l1 holds at 0."""
    for part in ("W", "b", "figures"):
        np.testing.assert_allclose(found[part], expected[part], rtol=1e-5, atol=3e-6)
    assert ((found["W"] == 0) == (expected["W"] == 0)).mean() > 0.998
