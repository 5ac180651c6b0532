"""Statistics of coefficients against closed forms, finite differences and published software."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from numpy.testing import assert_allclose
from scipy.special import log_softmax
from sklearn.datasets import load_iris
from support.commands import assert_one_line, run

from tfsoftmax import DataError, SourceOptions, UsageError, from_arrays, from_frame, statistics
from tfsoftmax.cli.statistics import statistics as command


def simulated(n=600, n_features=3, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, n_features)) * [0.1, 3.0, 40.0][:n_features] + [0.0, 5.0, -100.0]
    slopes = rng.normal(size=(n_features, n_classes)) / X.std(axis=0)[:, None]
    return X, ((X - X.mean(axis=0)) @ slopes + rng.gumbel(size=(n, n_classes))).argmax(axis=1)


def by_class(found, name):
    """Coefficients and standard errors, the intercept first."""
    rows = found.table[found.table["class"] == name]
    return rows["coefficient"].to_numpy(), rows["standard_error"].to_numpy()


def test_a_table_of_counts_has_its_closed_form():
    """Log odds ratios of counts, and the roots of the sums of the reciprocal counts."""
    counts = np.array([[30, 10, 8], [20, 40, 12]])
    group, label = (part.ravel() for part in np.indices(counts.shape))
    names = np.array(list("abc"))[np.repeat(label, counts.ravel())]
    found = statistics(from_arrays(np.repeat(group, counts.ravel())[:, None], names))
    assert found.reference == "a"
    for k, name in enumerate("bc", 1):
        coefficient, error = by_class(found, name)
        odds = counts[:, k] / counts[:, 0]
        assert_allclose(coefficient, [np.log(odds[0]), np.log(odds[1] / odds[0])], atol=1e-6)
        expected = [(1 / counts[0, [0, k]]).sum(), (1 / counts[:, [0, k]]).sum()]
        assert_allclose(error, np.sqrt(expected), rtol=1e-6)
    shares = counts / counts.sum(axis=1, keepdims=True)
    assert found.log_likelihood == pytest.approx((counts * np.log(shares)).sum(), rel=1e-9)
    marginal = counts.sum(axis=0)
    null = (marginal * np.log(marginal / marginal.sum())).sum()
    assert found.null_log_likelihood == pytest.approx(null)


def test_published_software_has_the_same_figures():
    """Iris' last two species by their sepals; statsmodels 0.14's MNLogit."""
    X, y = load_iris(return_X_y=True)
    found = statistics(from_arrays(X[y > 0][:, :2], y[y > 0] - 1))
    coefficient, error = by_class(found, found.table["class"].iloc[0])
    assert_allclose(coefficient, [-13.04602965, 1.90237522, 0.40465941], rtol=1e-5)
    assert_allclose(error, [3.09739201, 0.51691776, 0.86283472], rtol=1e-5)
    assert found.log_likelihood == pytest.approx(-55.162854039620804, rel=1e-6)
    assert found.null_log_likelihood == pytest.approx(-69.31471805599452)


def log_likelihood(parameters, X, y, n_classes):
    joint = parameters.reshape(n_classes - 1, X.shape[1] + 1)
    logits = np.column_stack([np.zeros(len(X)), X @ joint[:, 1:].T + joint[:, 0]])
    return log_softmax(logits, axis=1)[np.arange(len(X)), y].sum()


def test_errors_are_those_of_the_numerical_hessian():
    X, y = simulated()
    X /= X.std(axis=0)
    found = statistics(from_arrays(X, y))
    parts = [by_class(found, name) for name in ("1", "2")]
    best = np.concatenate([part[0] for part in parts])
    step, n = 1e-4, len(best)
    hessian = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            corners = 0.0
            for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
                moved = best.copy()
                moved[i] += a * step
                moved[j] += b * step
                corners += a * b * log_likelihood(moved, X, y, 3)
            hessian[i, j] = corners / (4 * step**2)
    errors = np.sqrt(np.diag(np.linalg.inv(-hessian)))
    assert_allclose(np.concatenate([part[1] for part in parts]), errors, rtol=1e-4)


def test_units_change_coefficients_and_nothing_else():
    X, y = simulated()
    one, other = statistics(from_arrays(X, y)), statistics(from_arrays(X * [1000, 1, 0.01], y))
    rows = one.table["feature"] == "feature 0"
    assert_allclose(other.table["z"], one.table["z"], rtol=1e-4)
    assert_allclose(
        1000 * other.table["coefficient"][rows], one.table["coefficient"][rows], rtol=1e-4
    )


def test_another_reference_gives_the_differences():
    X, y = simulated()
    dataset = from_arrays(X, np.array(list("abc"))[y])
    first, last = statistics(dataset), statistics(dataset, reference="c")
    assert set(last.table["class"]) == {"a", "b"}
    expected = by_class(first, "b")[0] - by_class(first, "c")[0]
    assert_allclose(by_class(last, "b")[0], expected, rtol=1e-5, atol=1e-7)
    assert_allclose(by_class(last, "a")[1], by_class(first, "c")[1], rtol=1e-6)
    assert last.log_likelihood == pytest.approx(first.log_likelihood)


def test_intervals_and_p_values_are_the_normal_distributions():
    X, y = simulated()
    table = statistics(from_arrays(X, y), confidence=0.9).table
    assert_allclose(table["z"], table["coefficient"] / table["standard_error"])
    assert_allclose(
        (table["high"] - table["low"]) / table["standard_error"], 2 * 1.6448536269514722
    )
    assert_allclose(table["odds_ratio"], np.exp(table["coefficient"]))
    surprising = table["z"].abs() > 1.959963984540054
    assert ((table["p"] < 0.05) == surprising).all()


def test_the_true_coefficients_are_in_as_many_intervals_as_is_said():
    rng = np.random.default_rng(4)
    inside = []
    for _ in range(60):
        X = rng.normal(size=(300, 2))
        y = (rng.random(300) < 1 / (1 + np.exp(-(0.5 + X @ [1.0, -0.5])))).astype(int)
        table = statistics(from_arrays(X, y), confidence=0.8).table
        inside.append((table["low"] < [0.5, 1.0, -0.5]) & (table["high"] > [0.5, 1.0, -0.5]))
    assert 0.7 < np.mean(inside) < 0.9


def test_categories_are_compared_with_the_first_one():
    counts = {("x", "no"): 25, ("x", "yes"): 5, ("y", "no"): 12, ("y", "yes"): 18, ("z", "no"): 9}
    counts["z", "yes"] = 11
    rows = [pair for pair, count in counts.items() for _ in range(count)]
    frame = pd.DataFrame(rows, columns=["group", "answer"]).sample(frac=1, random_state=0)
    frame["always"] = 3.0
    found = statistics(from_frame(frame, options=SourceOptions(label_column="answer")))
    table = found.table.set_index("feature")
    for group in "yz":
        odds = counts[group, "yes"] / counts[group, "no"]
        expected = np.log(odds / (counts["x", "yes"] / counts["x", "no"]))
        assert table.loc[f"group={group}", "coefficient"] == pytest.approx(expected, abs=1e-6)
    assert found.left_out["group=x"] == "reference"
    assert found.left_out["always"] == "constant"


def tied():
    X, y = simulated()
    return from_arrays(np.column_stack([X, X[:, 0] + X[:, 1]]), y)


def missing_together():
    X, y = simulated()
    frame = pd.DataFrame(X, columns=["dose", "age", "height"])
    frame.loc[::7, ["dose", "age"]] = np.nan
    frame["group"] = np.array(["u", "v"])[(np.arange(len(y)) % 2)]
    frame["answer"] = np.array(list("abc"))[y]
    return frame


def test_advice_on_columns_that_are_missing_together_helps():
    frame, options = missing_together(), SourceOptions(label_column="answer")
    with pytest.raises(DataError, match=r"are tied.*do without them \(missing=.mean.\)") as refused:
        statistics(from_frame(frame, options=options))
    assert "'dose is missing', 'age is missing'" in str(refused.value)
    found = statistics(from_frame(frame, options=options.but(missing="mean")))
    assert set(found.table["column"]) == {"(intercept)", "dose", "age", "height", "group"}


def test_advice_on_columns_that_follow_from_each_other_helps():
    X, y = simulated()
    frame = pd.DataFrame(X, columns=["dose", "age", "height"])
    frame["both"] = frame["dose"] + frame["age"]
    frame["answer"] = np.array(list("abc"))[y]
    options = SourceOptions(label_column="answer")
    with pytest.raises(DataError, match=r"'dose', 'age', 'both' are tied.*drop=\[.both.\]"):
        statistics(from_frame(frame, options=options))
    assert len(statistics(from_frame(frame, options=options.but(drop="both"))).table) == 8


def test_advice_of_other_commands_is_not_given(caplog):
    rng = np.random.default_rng(0)
    rare = np.repeat([50.0, 0.0], [8, 2000 - 8])
    X = np.column_stack([rng.normal(size=2000), rare])
    statistics(from_arrays(X, np.arange(2000) % 2))
    assert "standardize" not in caplog.text


def separated():
    X = np.arange(40.0)[:, None]
    return from_arrays(np.column_stack([X, np.sin(X)]), (X[:, 0] > 20).astype(int))


def separated_in_part():
    """One value of a column has rows of one class only; the others are mixed."""
    X = np.repeat([0.0, 1.0], [30, 60])[:, None]
    return from_arrays(X, np.concatenate([np.zeros(30), np.arange(60) % 2]).astype(int))


def weighted():
    X, y = simulated()
    return from_arrays(X, y, sample_weight=np.ones(len(y)))


def sparse():
    rows = scipy.sparse.random_array((60, 3000), density=0.002, rng=0, format="csr")
    return from_arrays(rows.astype(np.float32), np.arange(60) % 3)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (tied, "'feature 0', 'feature 1', 'feature 3' are tied"),
        (separated, "tells some classes apart"),
        (separated_in_part, "tells some classes apart"),
        (weighted, "rows have weights"),
        (sparse, "rows are sparse"),
        (
            lambda: from_arrays(np.random.default_rng(0).random((30, 20)), np.arange(30) % 3),
            "30 rows",
        ),
        (
            lambda: from_arrays(np.random.default_rng(0).random((90, 600)), np.arange(90) % 6),
            "at most 2,500",
        ),
    ],
    ids=["tied", "separated", "in part", "weighted", "sparse", "few rows", "many columns"],
)
def test_where_statistics_do_not_hold_it_says_why(make, said):
    with pytest.raises(DataError, match=said):
        statistics(make())


def test_columns_of_texts_are_named_to_be_left_out():
    frame = pd.DataFrame({"x": np.random.default_rng(0).normal(size=60), "y": np.arange(60) % 2})
    frame["said"] = [f"it was {x:.3f} then" for x in frame["x"]]
    options = SourceOptions(label_column="y", column=("said=text",))
    with pytest.raises(DataError, match=r'leave out .* drop=\["said"\]$'):
        statistics(from_frame(frame, options=options))
    statistics(from_frame(frame, options=SourceOptions(label_column="y", drop=("said",))))


def test_what_is_out_of_range_is_refused():
    dataset = from_arrays(*simulated())
    with pytest.raises(UsageError, match="no class 'x'"):
        statistics(dataset, reference="x")
    with pytest.raises(UsageError, match="confidence must be above 0"):
        statistics(dataset, confidence=95)
    with pytest.raises(UsageError, match="l2 must be a number of at least 0"):
        statistics(dataset, l2=-1.0, bootstrap=100)
    with pytest.raises(UsageError, match=r"bootstrap must be at least 40 for intervals of 0.95"):
        statistics(dataset, bootstrap=39)


def as_advised(refused, dataset):
    """The statistics that the message of a refusal says to take."""
    advised = dict(re.findall(r"(l2|bootstrap)=([0-9.e-]+)", str(refused.value)))
    assert advised.pop("bootstrap") == "1000"
    return statistics(dataset, bootstrap=40, **{name: float(x) for name, x in advised.items()})


@pytest.mark.parametrize("make", [tied, separated, separated_in_part, weighted])
def test_the_advice_to_resample_helps(make):
    with pytest.raises(DataError) as refused:
        statistics(make())
    assert np.isfinite(as_advised(refused, make()).table["standard_error"]).all()


def test_a_penalty_needs_a_bootstrap():
    dataset = from_arrays(*simulated())
    with pytest.raises(UsageError, match="do not hold for penalised") as refused:
        statistics(dataset, l2=0.01)
    found = statistics(dataset, l2=0.01, bootstrap=40)
    assert "bootstrap=1000" in str(refused.value)
    assert found.p is None
    assert {"z", "p"}.isdisjoint(found.table)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    X, y = simulated()
    frame = pd.DataFrame(X, columns=["dose", "age", "height"]).assign(
        answer=np.array(list("abc"))[y]
    )
    path = tmp_path_factory.mktemp("statistics") / "trial.csv"
    frame.to_csv(path, index=False)
    return path


def test_the_command_prints_the_table_and_the_whole_fit(file, tmp_path):
    result = run(command, file, "--label-column", "answer", "--reference", "b")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("column,feature,class,coefficient,standard_error,z,p,low,high")
    assert len(lines) == 1 + 2 * 4
    assert "600 rows; log-likelihood" in result.stderr
    assert "log odds against 'b'" in result.stderr
    target = tmp_path / "out.json"
    quiet = run(command, file, "--label-column", "answer", "--json", "-q", "--output", target)
    assert quiet.stdout == ""
    document = json.loads(target.read_text())
    assert document["n_samples"] == 600
    assert len(document["coefficients"]) == 8


def test_the_command_resamples(file):
    arguments = [command, file, "--label-column", "answer", "--bootstrap", "40"]
    result = run(*arguments)
    assert result.stdout.splitlines()[0] == (
        "column,feature,class,coefficient,standard_error,low,high,odds_ratio,odds_low,odds_high"
    )
    assert "bootstrap: 40 of 40 resamples" in result.stderr
    assert "without columns: 40 resamples; log odds against 'a'" in result.stderr
    again, other = (run(*arguments, "-q", "--seed", seed) for seed in (0, 1))
    assert again.stdout == result.stdout
    assert other.stdout != result.stdout
    assert again.stderr == ""
    document = json.loads(run(*arguments, "--l2", "0.01", "--json", "-q").stdout)
    assert (document["l2"], document["bootstrap"], document["p"]) == (0.01, 40, None)


def test_the_command_says_what_to_add_to_a_penalty(file):
    arguments = [command, file, "--label-column", "answer", "--l2", "0.01"]
    assert_one_line(run(*arguments), 2, "add --bootstrap 1000, or leave --l2 out")


def test_the_command_refuses_in_one_line(file):
    result = run(command, file, "--label-column", "answer", "--reference", "z")
    assert_one_line(result, 2, "no class 'z'")
