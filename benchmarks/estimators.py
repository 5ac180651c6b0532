"""SoftmaxClassifier beside LogisticRegression, and the choice of C; writes docs/scikit-learn.md.

python benchmarks/estimators.py            prints the page
python benchmarks/estimators.py --write    writes it
"""

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    load_wine,
    make_classification,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

import tfsoftmax

PAGE = Path(__file__).parents[1] / "docs" / "scikit-learn.md"
HEAD = """\
# Beside scikit-learn's `LogisticRegression`

`SoftmaxClassifier()` and `LogisticRegression()`, both as they are (C=1), on the same rows: three
quarters to train on, and the others to measure the log-loss on. Columns of dense sets are
standardised first, by scikit-learn; those of sparse sets are divided by their largest value. Sets
called "made" come from `make_classification`, or are drawn as counts of words; the others are
real.

*Objective* is how far `SoftmaxClassifier` ended above the least objective at C=1 that is known, as
a share of it: the least of its own, `LogisticRegression`'s, and what `LogisticRegression` comes to
from there with a tolerance of 1e-9 and 200 iterations at most. *Gap* is what it proved by itself.
*Time* is the least of five fits, or of those in ten seconds, in turn with `LogisticRegression`'s in
one process, after one fit of each that is not counted, because TensorFlow's first takes longer. The
ratio is above 1 where ours took longer.

`python benchmarks/estimators.py --write` writes this table.

"""
CHOOSING = """\
## Choosing C

`SoftmaxClassifierCV` and `LogisticRegressionCV`, both with ten values of C from 1e-4 to 1e4, five
folds and `scoring="neg_log_loss"`, else as they are, on the same rows as above. *Log-loss* is that
of the C that was chosen, in the mean of the folds. *CPU* is what all cores did together, which
other programs hardly change. Each is fitted once, after a fit of ours that is not counted.

`python benchmarks/estimators.py --only choosing --write` writes this table alone.

"""
CHOOSING_COLUMNS = (
    "set | rows | features | classes | C, ours | theirs | log-loss, ours | theirs | "
    "CPU, ours | theirs | ratio"
)
# Those of which LogisticRegressionCV takes less than minutes.
CHOSEN = "breast cancer", "iris", "wine", "digits", "made, two classes"
ROUNDS, ENOUGH_SECONDS = 5, 10
COLUMNS = (
    "set | rows | features | classes | log-loss, ours | theirs | objective | gap | "
    "time, ours | theirs | ratio"
)


class Set(NamedTuple):
    """A classification set."""

    name: str
    X: Any
    y: np.ndarray


def sets() -> Iterator[Set]:
    """The ten."""
    for name, load in (
        ("breast cancer", load_breast_cancer),
        ("iris", load_iris),
        ("wine", load_wine),
        ("digits", load_digits),
    ):
        yield Set(name, *load(return_X_y=True))
    mnist = tfsoftmax.load_dataset("mnist5k")
    yield Set("mnist5k", mnist.train.features.astype(float), np.asarray(mnist.train.labels))
    for name, rows, features, classes in (
        ("made, two classes", 20_000, 20, 2),
        ("made, thirty classes", 10_000, 30, 30),
        ("made, a hundred classes", 10_000, 50, 100),
    ):
        X, y = make_classification(
            rows,
            features,
            n_informative=features * 2 // 3,
            n_classes=classes,
            n_clusters_per_class=1,
            random_state=0,
        )
        yield Set(name, X, y)
    yield words("made, words of two classes", 5_000, 2_000, 2)
    yield words("made, words of twenty classes", 6_000, 5_000, 20)


def words(name: str, rows: int, features: int, classes: int) -> Set:
    """Counts of words, as of texts: some words more frequent in some classes."""
    random = np.random.default_rng(0)
    usual = 1 / np.arange(1, features + 1)
    shares = usual * random.lognormal(0, 0.7, (classes, features))
    shares /= shares.sum(axis=1, keepdims=True)
    y = random.integers(0, classes, rows)
    X = np.stack([random.multinomial(30, shares[each]) for each in y])
    return Set(name, csr_array(X.astype(float)), y)


def objective(classifier: Any, X: Any, y: np.ndarray) -> float:
    """scikit-learn's at C=1, over the number of rows."""
    codes = np.searchsorted(classifier.classes_, y)
    losses = -classifier.predict_log_proba(X)[np.arange(len(y)), codes]
    return float(losses.mean() + np.square(classifier.coef_).sum() / 2 / len(y))


def further(fitted: Any, X: Any, y: np.ndarray) -> LogisticRegression:
    """What scikit-learn comes to from where a classifier ended."""
    tight = LogisticRegression(tol=1e-9, max_iter=200, warm_start=True)
    tight.coef_, tight.intercept_ = fitted.coef_.copy(), fitted.intercept_.copy()
    return tight.fit(X, y)


def in_turn(makes: Sequence[Callable[[], Any]], X: Any, y: np.ndarray) -> list[tuple[Any, float]]:
    """Of each classifier, a fitted one and the least seconds of `ROUNDS` at most after a first."""
    fitted = [make().fit(X, y) for make in makes]
    seconds = np.full((ROUNDS, len(makes)), np.inf)
    for of_round in seconds:
        if seconds[np.isfinite(seconds)].sum() > ENOUGH_SECONDS:
            break
        for i, make in enumerate(makes):
            began = time.perf_counter()
            make().fit(X, y)
            of_round[i] = time.perf_counter() - began
    return list(zip(fitted, seconds.min(axis=0).tolist(), strict=True))


def training_part(one: Set) -> tuple[Any, Any, np.ndarray, np.ndarray]:
    """Three quarters of a set, scaled, and the others; their labels."""
    scaler = MaxAbsScaler() if issparse(one.X) else StandardScaler()
    X, test, y, y_test = train_test_split(one.X, one.y, random_state=0, stratify=one.y)
    return scaler.fit_transform(X), scaler.transform(test), y, y_test


def row_of(one: Set) -> str:
    """A set's row of the table."""
    X, test, y, y_test = training_part(one)
    both = in_turn([tfsoftmax.SoftmaxClassifier, LogisticRegression], X, y)
    (ours, our_seconds), (theirs, their_seconds) = both
    least = min(objective(each, X, y) for each in (ours, theirs, further(ours, X, y)))
    above = objective(ours, X, y) / least - 1
    losses = [log_loss(y_test, each.predict_proba(test)) for each in (ours, theirs)]
    cells = [
        one.name,
        f"{X.shape[0]:,}",
        f"{X.shape[1]:,}",
        str(len(ours.classes_)),
        *(f"{loss:.4f}" for loss in losses),
        f"{above:.1e}",
        f"{ours.gap_:.1e}",
        f"{our_seconds:.3f} s",
        f"{their_seconds:.3f} s",
        f"{our_seconds / their_seconds:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def took(classifier: Any, X: Any, y: np.ndarray) -> float:
    """The seconds of all cores that a fit takes."""
    began = time.process_time()
    classifier.fit(X, y)
    return time.process_time() - began


def choosing_row_of(one: Set) -> str:
    """A set's row of the table of choices."""
    X, _, y, _ = training_part(one)
    ours = tfsoftmax.SoftmaxClassifierCV(scoring="neg_log_loss")
    theirs = LogisticRegressionCV(
        l1_ratios=(0.0,), scoring="neg_log_loss", use_legacy_attributes=False
    )
    tfsoftmax.SoftmaxClassifierCV(Cs=[1.0], cv=2).fit(X, y)
    own, other = took(ours, X, y), took(theirs, X, y)
    of_chosen = [-each.scores_.mean(axis=0).max() for each in (ours, theirs)]
    cells = [one.name, f"{X.shape[0]:,}", f"{X.shape[1]:,}", str(len(ours.classes_))]
    cells += [f"{each.C_:.3g}" for each in (ours, theirs)]
    cells += [f"{loss:.4f}" for loss in of_chosen]
    cells += [f"{own:.2f} s", f"{other:.2f} s", f"{own / other:.2f}"]
    return f"| {' | '.join(cells)} |"


def table(columns: str, rows: Iterable[str]) -> str:
    """A table whose rows are shown as they come."""
    lines = [f"| {columns} |", "|---" * (columns.count("|") + 1) + "|"]
    for row in rows:
        print(row, file=sys.stderr)
        lines.append(row)
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the page instead")
    parser.add_argument("--only", choices=("fitting", "choosing"), help="one of the two tables")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    # What is not measured stays as it is.
    fitting, _, choosing = PAGE.read_text().partition(CHOOSING.splitlines()[0])
    choosing = CHOOSING.splitlines()[0] + choosing
    if arguments.only != "choosing":
        fitting = HEAD + table(COLUMNS, map(row_of, sets())) + "\n"
    if arguments.only != "fitting":
        chosen = (one for one in sets() if one.name in CHOSEN)
        choosing = CHOOSING + table(CHOOSING_COLUMNS, map(choosing_row_of, chosen))
    page = fitting.rstrip() + "\n\n" + choosing
    if arguments.write:
        PAGE.write_text(page)
    else:
        print(page)


if __name__ == "__main__":
    main()
