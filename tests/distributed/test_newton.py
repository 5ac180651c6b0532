"""Newton's steps on several workers: the optimum of one, whatever rows each of them has."""

import re
import signal
import time

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from support.optimum import assert_same_optimum, fit_in_threads
from support.workers import in_threads, run_workers

from tfsoftmax import (
    Dataset,
    PeerError,
    Recipe,
    Spec,
    Split,
    fit,
    load_dataset,
)
from tfsoftmax.data.sparse_rows import SparseRows
from tfsoftmax.errors import TRY_AGAIN
from tfsoftmax.training import build
from tfsoftmax.training.newton import leading, preconditioner
from tfsoftmax.training.newton import rows as rows_module
from tfsoftmax.training.newton.drawn import Drawn, DrawnPasses
from tfsoftmax.training.newton.passes import Passes
from tfsoftmax.training.newton.preconditioner import Draw
from tfsoftmax.training.newton.rows import Rows, Share
from tfsoftmax.training.newton.small import SmallPasses
from tfsoftmax.training.newton.sparse import SparsePasses
from tfsoftmax.training.objective import Objective
from tfsoftmax.training.workers_record import WorkersRecord

L2 = 1e-2
NEWTON = Recipe(solver="newton", l2=L2, tol=1e-9, standardize="off")


@pytest.fixture(scope="module")
def table():
    """Standardised rows of three classes that overlap."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(240, 8)).astype(np.float32)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = (X @ rng.normal(size=(8, 3)) + rng.gumbel(size=(240, 3))).argmax(axis=1).astype(np.int32)
    return Dataset("table", Spec((8,), "float32", ("a", "b", "c")), Split(X, y), Split(X, y))


@pytest.mark.parametrize("count", [2, 4])
def test_the_optimum_is_that_of_one_and_scikit_learns(table, count):
    found = assert_same_optimum(table, NEWTON, count)
    n = len(table.train)
    best = LogisticRegression(C=1 / (L2 * n), tol=1e-12, max_iter=5000, solver="newton-cholesky")
    best.fit(table.train.features.astype(np.float64), table.train.labels)
    assert_allclose(found.model.W.numpy(), best.coef_.T, atol=1e-4)


@pytest.mark.parametrize(
    "fields", [{"l1": 0.01, "l2": 0.0, "tol": 1e-6}, {"l1": 0.01}], ids=["l1", "both"]
)
def test_l1_has_the_zeros_of_one(table, fields):
    recipe = NEWTON.but(**fields)
    W = assert_same_optimum(table, recipe, 2).model.W.numpy()
    assert_array_equal(W == 0, fit(table, recipe).model.W.numpy() == 0)


def test_so_it_is_where_pairs_of_rows_and_classes_precondition(table, monkeypatch):
    monkeypatch.setattr(preconditioner, "MOST_WHOLE", 0)
    assert_same_optimum(table, NEWTON.but(tol=1e-8), 3)


@pytest.mark.parametrize("few", [True, False], ids=["NumPy", "TensorFlow"])
def test_shards_may_be_uneven_or_empty(table, monkeypatch, few):
    bounds = [0, 0, 7, 240, 240]
    monkeypatch.setattr(build, "shard_of", lambda _, index, __: range(*bounds[index : index + 2]))
    monkeypatch.setattr(rows_module, "_FEW", 2**26 if few else 0)
    assert_same_optimum(table, NEWTON.but(epochs=0), 4)


def test_rows_may_have_weights_and_labels_be_smoothed(table):
    recipe = NEWTON.but(class_weight={"a": 3.0}, label_smoothing=0.1)
    found, alone = fit_in_threads(3, table, recipe), fit(table, recipe)
    assert found.history.proof.objective == pytest.approx(alone.history.proof.objective, rel=1e-9)
    assert_allclose(found.model.W.numpy(), alone.model.W.numpy(), atol=1e-4)


def test_an_l2_that_is_left_open_is_chosen_as_by_one(table):
    recipe = Recipe(solver="newton", l2="auto", standardize="off")
    chosen = fit_in_threads(2, table, recipe).history.chosen_l2
    assert chosen == fit(table, recipe).history.chosen_l2


def test_which_rows_are_drawn_does_not_depend_on_how_many_workers_have_them(table):
    rng = np.random.default_rng(0)
    weights, parameters = rng.uniform(0, 2, 240), rng.normal(size=(3, 9))
    objective = Objective(lambda features: features)
    free = np.ones((3, 9), bool)

    def drawn(workers, mine):
        share = Share(mine, workers) if workers else None
        rows = Rows(table.train, weights, 3, share=share)
        passes, draw = SmallPasses(objective, rows), Draw(objective, rows, seed=7)
        P = passes.at(passes.logits(parameters)).probabilities
        sample, generator = draw.sample(P, 60, 1)
        return *sample, generator.random(), draw.curvature(P, 60, 1, free)

    alone = drawn(None, None)
    assert 40 < len(alone[0]) < 80
    ranges = [range(100), range(100, 100), range(100, 240)]
    for found in in_threads(3, lambda workers: drawn(workers, ranges[workers.index])):
        for part, expected in zip(found, alone, strict=True):
            assert_allclose(part, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [Passes, DrawnPasses, SmallPasses, SparsePasses])
def test_what_passes_find_is_of_the_rows_of_all(table, kind, monkeypatch):
    monkeypatch.setattr(rows_module, "_BLOCK_NUMBERS", 10 * 8)
    monkeypatch.setattr(rows_module, "_FEWEST_ROWS", 1)
    rng = np.random.default_rng(1)
    weights = rng.uniform(0, 2, 240)
    here, step, along = rng.normal(size=(3, 3, 9))
    objective, split = Objective(lambda features: features, smoothing=0.1), table.train
    if sparse := kind is SparsePasses:
        split = Split(SparseRows(scipy.sparse.csr_array(split.features)), split.labels)

    def found(workers, mine):
        share = Share(mine, workers) if workers else None
        rows = Rows(split, weights, 3, sparse=sparse, share=share)
        dense = kind in (Passes, DrawnPasses)
        passes = kind(objective, rows, compiled=False) if dense else kind(objective, rows)
        logits, there = (passes.logits(each, exact=True) for each in (here, here + step))
        sure = passes.at(passes.logits(5 * here)).probabilities
        curving = passes.curving(sure)
        assert isinstance(curving[0], Drawn) == (kind is DrawnPasses)
        point = passes.at(passes.shifted(logits, np.array([0.5, 0, -0.5])))
        return [
            *point[:2],
            *point[3:],
            passes.curved(point.probabilities, along),
            passes.curved(curving, along),
            passes.loss_along(logits, passes.between(logits, there), 0.25),
            passes.entropy(point.probabilities, 0.7),
            *passes.of_bias(logits),
        ]

    alone, ranges = found(None, None), [range(90), range(90, 240), range(240, 240)]
    for each in in_threads(3, lambda workers: found(workers, ranges[workers.index])):
        for part, expected in zip(each, alone, strict=True):
            assert_allclose(part, expected, rtol=1e-5, atol=1e-7)


def test_what_the_chief_no_longer_needs_is_forgotten_by_all(table, monkeypatch):
    teams, most = [], []

    class Watched(leading.Team):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            teams.append(self)

        def _follow(self):
            most.append(len(self._of_rows))
            return super()._follow()

    monkeypatch.setattr(leading, "Team", Watched)
    fit_in_threads(2, table, NEWTON)
    made = max(team._made for team in teams)
    assert made > 12
    assert max(most) <= 6


@pytest.mark.slow
@pytest.mark.parametrize("slow", [0, 1])
def test_the_figures_of_all_are_those_of_the_passes_and_name_the_slowest(table, monkeypatch, slow):
    def slowed(passes, *arguments, curved=SmallPasses.curved):
        time.sleep(0.1 * (passes.rows.workers.index == slow))
        return curved(passes, *arguments)

    monkeypatch.setattr(SmallPasses, "curved", slowed)
    found = fit_in_threads(2, table, NEWTON.but(epochs=0))
    steps = found.history.epochs
    assert [step.slowest_worker for step in steps] == [slow] * len(steps)
    gone_through = sum(step.rows_a_second * step.train_seconds for step in steps)
    assert gone_through / 240 == pytest.approx(found.history.proof.passes, abs=1)
    for step in steps:
        # It alone works most of the time, and waits for nobody.
        assert 0 < step.communication_seconds < step.train_seconds / 2
    record = found.model.record.workers
    assert record["slowest"] == slow
    assert 0 < record["communication_share"] < 0.5
    seconds = sum(step.train_seconds for step in steps)
    assert record["rows_a_second"] == pytest.approx(gone_through / seconds)
    said = WorkersRecord.from_json(record).sentence
    assert re.search(rf"Newton's steps together; .* rows/s in all, .* worker {slow} the", said)


def test_an_interrupt_in_the_middle_of_a_step_ends_all(table, monkeypatch):
    monkeypatch.setattr(leading, "_LOOK_SECONDS", 0.0)

    def interrupted(workers):
        calls = 0

        def on_progress(progress):
            nonlocal calls
            calls += 1
            if workers.index == 1 and calls == 5:
                raise KeyboardInterrupt

        return fit(table, NEWTON, workers=workers, on_progress=on_progress)

    found = in_threads(3, interrupted)
    assert [type(each) for each in found] == [PeerError, KeyboardInterrupt, PeerError]
    assert "worker 1 of 3 was asked to stop" in str(found[0])


TRAIN = """
import json, os, signal, sys
from pathlib import Path
import numpy as np
from tfsoftmax import join_workers

folder, fields, last, victim = json.loads(sys.argv[1])
workers = join_workers(200)
from tfsoftmax import Checkpoints, PeerError, Recipe, fit, load_dataset
from tfsoftmax.errors import TRY_AGAIN
from tfsoftmax.training.newton import leading

leading._LOOK_SECONDS = 0.0
ended = []

def on_epoch(metrics):
    ended.append(metrics)
    if metrics.epoch == last:
        raise KeyboardInterrupt

def on_progress(progress):
    if workers.index == victim and len(ended) == 2:
        os.kill(os.getpid(), signal.SIGKILL)

saved = Checkpoints(Path(folder, "run"), resume=True, every_steps=1, every_seconds=None)
try:
    model, history = fit(
        load_dataset("digits"), Recipe(**fields), workers=workers, checkpoints=saved,
        on_epoch=on_epoch, on_progress=on_progress,
    )
except KeyboardInterrupt:
    sys.exit()
except PeerError as error:
    print(error)
    sys.exit(TRY_AGAIN)
proof = history.proof
figures = [proof.objective, proof.relative_gap]
np.savez(f"{folder}/{workers.index}.npz", W=model.W, b=model.b, figures=figures)
"""
# An epoch of SGD comes first.
DIGITS = {"solver": "newton", "l2": L2, "epochs": 1, "tol": 1e-8}


def assert_trained(folder, count, last=None):
    codes, said = run_workers(TRAIN, count, folder, str(folder), DIGITS, last, None)
    assert codes == [0] * count, said
    if last:
        assert not list(folder.glob("*.npz"))
        return
    dataset = load_dataset("digits")
    model, history = fit(dataset, Recipe(**DIGITS))
    found = [np.load(folder / f"{index}.npz") for index in range(count)]
    for other in found[1:]:
        assert_array_equal(other["W"], found[0]["W"])
    objective, gap = found[0]["figures"]
    assert gap <= 1e-8
    assert objective == pytest.approx(history.proof.objective, rel=1e-8)
    for name in ("W", "b"):
        expected = getattr(model, name).numpy()
        assert_allclose(found[0][name], expected, atol=1e-3 * np.abs(expected).max())


@pytest.mark.slow
def test_two_processes_find_the_optimum_of_one(tmp_path):
    assert_trained(tmp_path, 2)


@pytest.mark.slow
def test_a_run_of_four_goes_on_with_three_and_ends_with_two(tmp_path):
    assert_trained(tmp_path, 4, last=2)
    assert_trained(tmp_path, 3, last=4)
    assert_trained(tmp_path, 2)


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_one_that_is_killed_in_the_middle_of_a_step_ends_all(tmp_path, victim):
    codes, said = run_workers(TRAIN, 2, tmp_path, str(tmp_path), DIGITS, None, victim)
    assert (codes[victim], codes[1 - victim]) == (-signal.SIGKILL, TRY_AGAIN), said
    assert f"worker {1 - victim} of 2 lost worker {victim}" in said[1 - victim]
    assert not list(tmp_path.glob("*.npz"))
    assert_trained(tmp_path, 3)
