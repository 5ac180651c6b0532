"""Workers that train by themselves on sparse rows do as on the same rows with their zeros."""

from pathlib import Path

import numpy as np
import pytest
from support.sparse import sparse_dataset
from support.workers import in_threads, run_workers

from tfsoftmax import Recipe, UsageError, fit

TRAIN = """
import json, sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from tfsoftmax import join_workers

folder, tests, fields, kinds = json.loads(sys.argv[1])
sys.path.insert(0, tests)
workers = join_workers(200)
from support.sparse import InFile, sparse_dataset, with_zeros
from tfsoftmax import Checkpoints, PeerError, Recipe, fit
from tfsoftmax.training.sgd import batches, feed, sparse_feed

feed._BLOCK_BYTES = 256
weights = np.random.default_rng(1).uniform(0.5, 2, 300).astype("f4")
in_memory = sparse_dataset(weights=weights)
matrix = in_memory.train.features.read_sparse([slice(None)])
datasets = {
    "sparse": in_memory,
    "with zeros": with_zeros(in_memory),
    "streamed": replace(in_memory, train=replace(in_memory.train, features=InFile(matrix))),
}

def trained(name, dataset, recipe, **more):
    model, history = fit(dataset, recipe, workers=workers, **more)
    losses = [epoch.test_log_loss for epoch in history.epochs]
    np.savez(f"{folder}/{name}-{workers.index}.npz", W=model.W, b=model.b, losses=losses)

def stop(progress):
    if workers.is_chief and progress.step > 30:
        raise KeyboardInterrupt

for kind in kinds:
    # Of streamed rows a chunk has some blocks of a few batches.
    recipe = Recipe(**fields, memory_limit=4000 if kind == "streamed" else 2**30)
    trained(kind, datasets[kind], recipe)
    if kind == "streamed":
        trained("again", datasets[kind], recipe)
        saved = Checkpoints(Path(folder, "run"), every_steps=4, resume=True)
        try:
            fit(datasets[kind], recipe, workers=workers, checkpoints=saved, on_progress=stop)
        except (KeyboardInterrupt, PeerError):
            trained("resumed", datasets[kind], recipe, checkpoints=saved)
    if kind == "sparse":
        # W is packed and summed a few features at a time.
        batches._BLOCK_NUMBERS, sparse_feed._CHUNK_ENTRIES = 1000, 500
        trained("in parts", datasets[kind], recipe)
"""
# Steps are large and penalties strong, so that what is made up for later is most of it.
PLAIN = {
    "epochs": 2, "batch_size": 16, "learning_rate": 0.4, "l2": 0.05, "l1": 0.002, "center": False,
    "standardize": "off", "sync_every": 4, "xla": False,
}  # fmt: skip


def trained(folder, fields, *kinds):
    """What each kind of run of two workers found; both have the same bytes."""
    tests = str(Path(__file__).parent.parent)
    codes, said = run_workers(TRAIN, 2, folder, str(folder), tests, fields, kinds)
    assert codes == [0, 0], said
    found = {path.stem[:-2]: np.load(path) for path in folder.glob("*-0.npz")}
    for name, chiefs in found.items():
        other = np.load(folder / f"{name}-1.npz")
        assert all(other[part].tobytes() == chiefs[part].tobytes() for part in chiefs)
    return found


def assert_same(found, expected):
    for part in ("W", "b", "losses"):
        np.testing.assert_allclose(found[part], expected[part], rtol=1e-5, atol=3e-6)
    assert ((found["W"] == 0) == (expected["W"] == 0)).mean() > 0.998


def test_descent_goes_where_it_goes_with_the_zeros(tmp_path):
    found = trained(tmp_path, {**PLAIN, "optimizer": "sgd"}, "with zeros", "sparse")
    assert_same(found["sparse"], found["with zeros"])
    assert_same(found["in parts"], found["sparse"])


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adagrad", "ftrl"])
def test_the_other_rules_do_so_too(tmp_path, optimizer):
    found = trained(tmp_path, {**PLAIN, "optimizer": optimizer}, "with zeros", "sparse")
    assert_same(found["sparse"], found["with zeros"])
    assert_same(found["in parts"], found["sparse"])


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "ftrl"])
def test_streamed_rows_give_the_same_bytes_twice_and_resumed(tmp_path, optimizer):
    fields = {**PLAIN, "optimizer": optimizer, "l2": 0.001, "epochs": 10}
    found = trained(tmp_path, fields, "streamed")
    for name in ("again", "resumed"):
        for part in "Wb":
            assert found[name][part].tobytes() == found["streamed"][part].tobytes()
    alone = fit(sparse_dataset(), Recipe(**fields)).history.last
    assert found["streamed"]["losses"][-1] < 1.1 * alone.test_log_loss


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sync_every": 1}, "workers cannot take every step together.*leave out sync_every=1"),
        ({"solver": "newton"}, "solver=.newton. needs one process, not 2 workers"),
    ],
)
def test_steps_that_need_one_process_are_refused_before_rows_are_gone_through(fields, message):
    found = in_threads(2, lambda workers: fit(sparse_dataset(), Recipe(**fields), workers=workers))
    for error in found:
        with pytest.raises(UsageError, match=f"made has sparse rows.*{message}"):
            raise error
