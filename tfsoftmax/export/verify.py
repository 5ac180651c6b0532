"""Proof in every runtime at hand: each artefact against the trained model, on held-out rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfsoftmax.data.dataset import Dataset, Split
from tfsoftmax.data.features import FeaturesLike
from tfsoftmax.errors import TfsoftmaxError
from tfsoftmax.export import integrity
from tfsoftmax.export.formats import FORMATS
from tfsoftmax.export.load import SAVED_MODEL, load_predictor, load_saved_model
from tfsoftmax.export.parity import Parity, compare, compare_cells
from tfsoftmax.export.raw import cells_of, with_gaps
from tfsoftmax.export.runtimes import RUNTIMES, Answer, Runtime, latency
from tfsoftmax.export.tolerances import EXACT, Demand
from tfsoftmax.metrics import evaluate_probabilities
from tfsoftmax.model import SoftmaxRegression
from tfsoftmax.prediction import prediction_blocks

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# How far an artefact's accuracy may be from the model's where not every class must agree,
# or, on few rows, how far chance alone takes it: two standard deviations of a sum of as
# many signs as rows differ.
_ACCURACY = 0.002
_DEVIATIONS = 2
_BATCH = 256
# Seconds that a file may take in a runtime, judged by its first rows: where all rows would
# take longer, as many as fit are asked, from all over.
SECONDS = 10.0
_FIRST_ROWS = 100
# What stands for the runtime where rows of the table are given.
RAW_ROWS = "raw rows"


@dataclass(frozen=True)
class Check:
    """An artefact in a runtime.

    Attributes:
      file: the artefact; the SavedModel's is ``saved_model.pb``.
      runtime: what ran it; ``raw rows`` where it was given rows of the table, in each form that
        it takes them; empty where the file itself is not as it was written.
      bytes: of the file, or of graph and weights of the SavedModel.
      problem: why it fails; None if it holds.
      parity, accuracy, model_accuracy: of the rows compared; None if it could not be run.
      seconds_1, seconds_256: of a call with that many rows; None where it takes only one.
    """

    file: str
    runtime: str
    bytes: int
    problem: str | None = None
    parity: Parity | None = None
    accuracy: float | None = None
    model_accuracy: float | None = None
    seconds_1: float | None = None
    seconds_256: float | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary of every figure."""
        return {**asdict(self), "parity": self.parity.to_json() if self.parity else None}


def verify(
    folder: Path,
    dataset: Dataset,
    on_check: Callable[[Check], None] | None = None,
    seconds: float = SECONDS,
) -> tuple[list[Check], list[Runtime]]:
    """Runs every artefact of a version folder in every runtime that is installed.

    Args:
      folder: of the version, a SavedModel.
      dataset: its test rows are asked, and its labels judge the answers.
      on_check: called with each result as it comes.
      seconds: that a file may take in a runtime; where all rows would take longer, as many as
        fit are asked, evenly spread.

    Returns:
      The results, and the runtimes that are not installed but could run something here.

    Raises:
      ModelError: if the SavedModel cannot be loaded or does not suit the dataset.
    """
    predictor = load_saved_model(folder)
    positions = predictor.positions_of(dataset)
    model = predictor.model()
    rows = Split(dataset.test.features, positions[dataset.test.labels])
    demands = {form.file: form.demand for form in FORMATS.values()}
    present = [SAVED_MODEL, *(file for file in demands if (folder / file).is_file())]
    checks, missing = [], []
    for file, problem in integrity.problems(predictor).items():
        path = folder / file
        size = path.stat().st_size if path.is_file() else 0
        checks.append(Check(file, "", size, problem=problem))
        if on_check:
            on_check(checks[-1])
    for runtime in RUNTIMES:
        files = [file for file in present if runtime.runs(file, model.spec)]
        if files and not runtime.installed:
            missing.append(runtime)
            continue
        for file in files:
            demand = runtime.demand or demands.get(file, EXACT)
            check = _check(folder, file, runtime, model, rows, demand, seconds)
            checks.append(check)
            if on_check:
                on_check(check)
    for check in _raw_checks(folder, present, model, dataset.test) if model.spec.encoding else ():
        checks.append(check)
        if on_check:
            on_check(check)
    return checks, missing


def _raw_checks(
    folder: Path, present: list[str], model: SoftmaxRegression, rows: Split
) -> Iterator[Check]:
    """Checks of what takes rows of the table that a model encodes, with such rows."""
    cells = with_gaps(model.spec, cells_of(model.spec, rows))
    for file in present:
        try:
            predictor = load_predictor(folder if file == SAVED_MODEL else folder / file)
            answers = predictor.cell_answers()
        except TfsoftmaxError:
            continue  # As was said when features were asked.
        if answers:
            parity = compare_cells(model, answers.values(), cells)
            problem = None if parity.holds else parity.shortfall()
            yield Check(file, RAW_ROWS, _size(folder, file), problem, parity)


def _check(
    folder: Path,
    file: str,
    runtime: Runtime,
    model: SoftmaxRegression,
    rows: Split,
    demand: Demand,
    seconds: float,
) -> Check:
    path = folder if file == SAVED_MODEL else folder / file
    size = _size(folder, file)
    try:
        answer = runtime.load(path, model.spec)
        asked = _in_time(answer, rows, model, seconds)
        parity, found = _compare(model, answer, asked.features, demand)
    except TfsoftmaxError as error:
        problem = str(error).removeprefix(f"{path}: ")
        return Check(file, runtime.name, size, problem=problem)
    # Whatever a foreign runtime throws is its verdict on the file.
    except Exception as error:
        line = next(iter(str(error).strip().splitlines()), "")
        return Check(file, runtime.name, size, problem=line or type(error).__name__)
    accuracy = evaluate_probabilities(found, asked.labels).accuracy
    blocks = prediction_blocks(model.spec, asked.features)
    wanted = np.concatenate([model.raw_probabilities(block) for _, block in blocks])
    expected = evaluate_probabilities(wanted, asked.labels).accuracy
    examples = _first_rows(asked.features, model, _BATCH)
    n_rows = examples.shape[0]
    return Check(
        file,
        runtime.name,
        size,
        _problem(parity, accuracy, expected),
        parity,
        accuracy,
        expected,
        latency(answer, examples[:1]),
        latency(answer, examples[np.resize(np.arange(n_rows), _BATCH)])
        if runtime.batches
        else None,
    )


def _in_time(answer: Answer, rows: Split, model: SoftmaxRegression, seconds: float) -> Split:
    """The rows that this can answer in time: all, or some from all over."""
    first = _first_rows(rows.features, model, _FIRST_ROWS)
    answer(first)
    started = time.perf_counter()
    answer(first)
    fit = int(first.shape[0] * seconds / (time.perf_counter() - started))
    if fit >= len(rows):
        return rows
    indices = np.linspace(0, len(rows) - 1, max(fit, first.shape[0])).astype(np.int64)
    return rows.take(indices)


def _compare(
    model: SoftmaxRegression, answer: Answer, features: FeaturesLike, demand: Demand
) -> tuple[Parity, np.ndarray]:
    found: list[np.ndarray] = []

    def remember(examples: np.ndarray | csr_array) -> np.ndarray:
        found.append(answer(examples))
        return found[-1]

    return compare(model, remember, features, demand), np.concatenate(found)


def _problem(parity: Parity, accuracy: float, expected: float) -> str | None:
    if not parity.holds:
        return (
            f"same class on {parity.same_class} of {parity.n_samples} rows, largest difference "
            f"{parity.max_difference:.2g}"
        )
    differing = parity.n_samples - parity.same_class
    chance = _DEVIATIONS * np.sqrt(differing) / parity.n_samples
    if abs(accuracy - expected) > max(_ACCURACY, chance):
        return f"accuracy {accuracy:.4f}, the trained model's {expected:.4f}"
    return None


def _first_rows(features: FeaturesLike, model: SoftmaxRegression, count: int) -> Any:
    """At most so many rows, as a predictor takes them."""
    return next(prediction_blocks(model.spec, features))[1][:count]


def _size(folder: Path, file: str) -> int:
    if file != SAVED_MODEL:
        return (folder / file).stat().st_size
    parts = [folder / SAVED_MODEL, *(folder / "variables").iterdir()]
    return sum(part.stat().st_size for part in parts)
