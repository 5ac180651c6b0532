"""Real processes that read their own parts of a source train the model of one that reads all."""

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
from support.process import TRAIN as COMMAND
from support.workers import assert_same_training, run_workers

from tfsoftmax import Checkpoints, Recipe, diagnose, fit, load_dataset

TRAIN = """
import json, sys
from pathlib import Path
import numpy as np
from tfsoftmax import join_workers

folder, name, fields, by_parts, last = json.loads(sys.argv[1])
workers = join_workers(200)
from tfsoftmax import Checkpoints, Recipe, diagnose, fit, load_dataset
from tfsoftmax.data.sharded_rows import own_rows
from tfsoftmax.errors import PeerError

def stop(metrics):
    if metrics.epoch == last and workers.is_chief:
        raise KeyboardInterrupt

given = {"workers": workers} if by_parts else {}
dataset = load_dataset(name, data_dir=folder + "/cache", **given)
own = len(own_rows(dataset.train.features))
assert (own < len(dataset.train)) == by_parts, own
saved = Checkpoints(Path(folder, "run"), resume=True) if last else None
try:
    model, history = fit(
        dataset, Recipe(**fields), workers=workers, checkpoints=saved, on_epoch=stop
    )
except (KeyboardInterrupt, PeerError):
    assert last
    sys.exit(3)
found = diagnose(model, dataset, history) if by_parts or workers.is_chief else None
figures = [[epoch.train_log_loss, epoch.test_log_loss] for epoch in history.epochs]
np.savez(
    f"{folder}/{workers.index}.npz", W=model.W, b=model.b, figures=figures, own=own,
    temperature=history.temperature or 0, gap=found.loss_gap if found else 0,
    objective=history.proof.objective if history.proof else 0,
)
record = model.record.to_json()
assert record["profile"]["n_samples"] == len(dataset.train) or fields.get("calibrate"), record
assert record["test"]["log_loss"] > 0
"""
PLAIN = {"epochs": 3, "l2": 7e-4, "batch_size": 256, "sync_every": 1}


@pytest.fixture(scope="module")
def name(tmp_path_factory):
    """Digits that are sorted by class, in row groups of different sizes."""
    digits = load_dataset("digits").train
    order = np.argsort(digits.labels, kind="stable")
    frame = pd.DataFrame(np.float32(digits.features[:][order])).rename(columns="p{}".format)
    frame["label"] = [f"digit {label}" for label in digits.labels[order]]
    folder = tmp_path_factory.mktemp("digits")
    for number, rows in enumerate([frame[:100], frame[100:]]):
        pyarrow.parquet.write_table(
            pyarrow.Table.from_pandas(rows), folder / f"{number}.parquet", row_group_size=500
        )
    return f"parquet:{folder}"


def run_together(tmp_path, count, name, fields, by_parts=True, last=None, code=0):
    codes, said = run_workers(TRAIN, count, tmp_path, str(tmp_path), name, fields, by_parts, last)
    assert codes == [code] * count, said
    return [] if code else [np.load(tmp_path / f"{index}.npz") for index in range(count)]


@pytest.mark.slow
def test_workers_with_their_own_parts_train_the_model_of_one(tmp_path, name):
    found = run_together(tmp_path, 2, name, PLAIN)
    dataset = load_dataset(name)
    model, history = fit(dataset, Recipe(**PLAIN))
    assert_same_training((model, history), found)
    assert sum(each["own"] for each in found) == len(dataset.train)
    gap = diagnose(model, dataset, history).loss_gap
    np.testing.assert_allclose([each["gap"] for each in found], gap, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "fields"),
    [
        (3, {"momentum": 0.9, "class_weight": "balanced", "standardize": "on"}),
        (5, {"early_stopping": "log_loss", "validation_fraction": 0.2, "calibrate": True}),
        (2, {"l2": None, "optimizer": "adagrad"}),
    ],
)
def test_more_workers_than_parts_do_so_too_whatever_the_recipe(tmp_path, name, count, fields):
    fields = {**PLAIN, **fields}
    found = run_together(tmp_path, count, name, fields)
    assert (min(each["own"] for each in found) == 0) == (count > 4)
    model, history = fit(load_dataset(name), Recipe(**fields))
    assert_same_training((model, history), found)
    np.testing.assert_allclose(found[0]["temperature"], history.temperature or 0, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "npy"])
@pytest.mark.parametrize("sync_every", [1, 20])
def test_tables_with_categories_and_arrays_are_trained_on_so_too(tmp_path, kind, sync_every):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(np.float32(rng.normal(size=(900, 3))), columns=list("abc"))
    frame["town"] = np.where(rng.random(900) < 0.1, "Zug", rng.choice(["Bern", "Genf"], 900))
    frame["label"] = np.where(frame["a"] + (frame["town"] == "Bern") > rng.random(900), "u", "v")
    frame.loc[700:, "b"] = np.nan if kind == "csv" else 0.0
    folder = tmp_path / "source"
    folder.mkdir()
    for number, rows in enumerate([frame[:0], frame[:500], frame[500:]]):
        rows.to_csv(folder / f"{number}.csv", index=False)
    np.save(folder / "x.npy", frame[list("abc")].to_numpy())
    np.save(folder / "y.npy", frame["label"].to_numpy("U1"))
    fields = {**PLAIN, "batch_size": 64, "sync_every": sync_every}
    name = f"{kind}:{folder}"
    found = run_together(tmp_path, 3, name, fields)
    if sync_every == 1:
        assert_same_training(fit(load_dataset(name), Recipe(**fields)), found)
    else:
        whole = run_together(tmp_path, 3, name, fields, by_parts=False)
        assert found[0]["W"].tobytes() == whole[0]["W"].tobytes()


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """A table whose rows are kept without their zeros, and a file without rows."""
    rng = np.random.default_rng(0)
    town, code = rng.choice(["Bern", "Genf"], 1200), rng.zipf(1.4, 1200) % 5000
    words = np.array([f"w{number}" for number in range(300)])
    drawn = rng.integers(0, 300, (1200, 6))
    frame = pd.DataFrame({"a": np.float32(rng.normal(size=1200)), "town": town})
    frame["code"] = [f"c{number}" for number in code]
    frame["note"] = [" ".join(row) for row in words[drawn]]
    score = (drawn < 60).sum(axis=1) + (town == "Bern") + code % 3 + rng.normal(size=1200)
    frame["label"] = np.where(score > np.median(score), "u", "v")
    folder = tmp_path_factory.mktemp("texts")
    for number, rows in enumerate([frame[:0], frame[:700], frame[700:]]):
        rows.sort_values("label").to_csv(folder / f"{number}.csv", index=False)
    return f"csv:{folder}"


# Steps of AdaGrad, as default, of FTRL and of plain descent, whose penalties are made up for.
SPARSE = {"epochs": 3, "batch_size": 64, "sync_every": 1, "l2": 3e-4}


@pytest.mark.slow
def test_rows_without_their_zeros_are_trained_on_by_those_who_have_them(tmp_path, texts):
    found = run_together(tmp_path, 2, texts, SPARSE)
    assert_same_training(fit(load_dataset(texts), Recipe(**SPARSE)), found)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fields",
    [
        {"optimizer": "ftrl", "l1": 1e-4},
        {"optimizer": "sgd", "l1": 1e-4, "early_stopping": "log_loss", "calibrate": True},
        {"l2": None},
    ],
)
def test_so_they_are_by_more_workers_than_parts_whatever_the_recipe(tmp_path, texts, fields):
    fields = {**SPARSE, **fields}
    found = run_together(tmp_path, 4, texts, fields)
    assert min(each["own"] for each in found) == 0
    assert_same_training(fit(load_dataset(texts), Recipe(**fields)), found)


@pytest.mark.slow
def test_so_they_are_in_local_steps_as_if_each_had_read_all(tmp_path, texts):
    fields = {**SPARSE, "sync_every": 20}
    by_parts, whole = (run_together(tmp_path, 3, texts, fields, how) for how in (True, False))
    for one, other in zip(by_parts, whole, strict=True):
        assert one["W"].tobytes() == other["W"].tobytes()


@pytest.mark.slow
def test_so_they_are_to_the_optimum(tmp_path, texts):
    fields = {**SPARSE, "solver": "newton", "epochs": None, "tol": 1e-9}
    found = run_together(tmp_path, 4, texts, fields)
    _, history = fit(load_dataset(texts), Recipe(**fields))
    np.testing.assert_allclose(found[0]["objective"], history.proof.objective, rtol=1e-9)


@pytest.mark.slow
def test_local_steps_are_fed_the_same_rows_as_if_each_had_read_all(tmp_path, name):
    fields = {**PLAIN, "sync_every": 5, "batch_size": 64}
    by_parts, whole = (run_together(tmp_path, 2, name, fields, how) for how in (True, False))
    for one, other in zip(by_parts, whole, strict=True):
        assert one["W"].tobytes() == other["W"].tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("sync_every", [1, 100])
def test_newton_ends_at_the_optimum_of_one(tmp_path, name, sync_every):
    fields = {**PLAIN, "solver": "newton", "sync_every": sync_every, "epochs": None}
    found = run_together(tmp_path, 5, name, fields)
    _, history = fit(load_dataset(name), Recipe(**fields))
    np.testing.assert_allclose(found[0]["objective"], history.proof.objective, rtol=1e-6)


@pytest.mark.slow
def test_another_number_of_workers_goes_on_and_one_that_reads_all(tmp_path, name):
    run_together(tmp_path, 3, name, PLAIN, last=1, code=3)
    run_together(tmp_path, 2, name, PLAIN, last=2, code=3)
    saved = Checkpoints(tmp_path / "run", resume=True)
    model, _ = fit(load_dataset(name), Recipe(**PLAIN), checkpoints=saved)
    expected, _ = fit(load_dataset(name), Recipe(**PLAIN))
    np.testing.assert_allclose(model.W, expected.W, rtol=0, atol=1e-5)


CALL = """
import json, subprocess, sys
(command,) = json.loads(sys.argv[1])
sys.exit(subprocess.run(command).returncode)
"""


@pytest.mark.slow
def test_the_command_exports_what_one_exports_and_ends_all_with_one_line(tmp_path, name):
    command = [COMMAND, name, "--epochs", "3", "--tflite", "int8", "--output-dir"]
    codes, said = run_workers(CALL, 3, tmp_path, [*command, str(tmp_path / "models")])
    assert codes == [0, 0, 0], said
    assert "worker" in said[0]
    assert said[1:] == ["", ""]

    bad = tmp_path / "bad"
    bad.mkdir()
    for number in range(3):
        frame = pd.DataFrame({"a": np.arange(9.0), "label": np.arange(9) % 2})
        frame.loc[4, "a"] = [1.0, 2.0, np.nan][number]
        frame.to_parquet(bad / f"{number}.parquet")
    codes, said = run_workers(CALL, 3, tmp_path, [COMMAND, f"parquet:{bad}"])
    assert codes == [1, 1, 1], said
    lines = {line for each in said for line in each.splitlines() if line.startswith("Error")}
    assert len(lines) == 1, said
    assert "2.parquet, row 5, column 'a': the value is missing" in lines.pop()
