"""What the default recipe makes of sparse rows: near the minimum, whatever the rows' unit."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import scipy.special
from sklearn.linear_model import LogisticRegression

from tfsoftmax import Dataset, Recipe, SourceOptions, Spec, Split, fit, from_frame
from tfsoftmax.data.sparse_rows import SparseRows
from tfsoftmax.training.prepare import prepare


def words(size=1.0, n_samples=640, n_features=2000, length=20):
    """Rows of words by Zipf's law, whose classes prefer some of them: most words are rare."""
    generator = np.random.default_rng(0)
    labels = generator.integers(4, size=n_samples).astype(np.int32)
    tilts = np.exp(0.7 * generator.normal(size=(4, n_features)))
    chances = tilts / np.arange(5, n_features + 5)
    chances /= chances.sum(axis=1, keepdims=True)
    counts = np.stack([generator.multinomial(length, chances[label]) for label in labels])
    counts = counts / np.linalg.norm(counts, axis=1, keepdims=True) * size
    matrix = scipy.sparse.csr_array(counts.astype(np.float32))
    rows = Split(SparseRows(matrix), labels)
    return (
        matrix,
        labels,
        Dataset("words", Spec((n_features,), "float32", tuple("abcd")), rows, rows),
    )


def objective(matrix, labels, W, b, l2):
    scores = matrix.astype(np.float64) @ W + b
    losses = scipy.special.logsumexp(scores, axis=1) - scores[np.arange(len(labels)), labels]
    return losses.mean() + l2 / 2 * np.sum(np.square(W))


@pytest.mark.slow
def test_the_default_run_ends_near_the_minimum_where_most_features_are_rare():
    matrix, labels, dataset = words()
    model = fit(dataset, Recipe(l2=1e-5, epochs=40)).model
    W, b = (each.numpy().astype(np.float64) for each in (model.W, model.b))
    theirs = LogisticRegression(C=1 / (1e-5 * len(labels)), tol=1e-8, max_iter=5000)
    theirs.fit(matrix.astype(np.float64), labels)
    least = objective(matrix, labels, theirs.coef_.T, theirs.intercept_, 1e-5)
    # From sums that start at 0, and their best rate, it would end 1.17 times as high.
    assert objective(matrix, labels, W, b, 1e-5) < 1.1 * least


@pytest.mark.slow
def test_the_unit_of_the_rows_changes_little():
    """Only b has a unit of its own."""
    small, large = (
        fit(*prepare(words(size)[2], Recipe(epochs=3))).history.last for size in (0.1, 10.0)
    )
    assert small.train_log_loss == pytest.approx(large.train_log_loss, rel=0.03)
    assert small.train_log_loss < 1.2


@pytest.mark.parametrize("n_numbers", [0, 5])
def test_the_usual_penalty_on_texts_is_the_same_beside_numbers(n_numbers):
    generator = np.random.default_rng(0)
    words = np.array(["good", "bad", "dull", "fine", "odd"])
    texts = [" ".join(words[generator.integers(5, size=6)]) for _ in range(80)]
    frame = pd.DataFrame({"text": texts, "label": ["yes", "no"] * 40})
    for index in range(n_numbers):
        frame[f"number {index}"] = generator.normal(size=80)
    options = SourceOptions(label_column="label", column=("text=text",))
    dataset, recipe = prepare(from_frame(frame, options=options), Recipe())
    assert dataset.spec.encoding is not None
    assert dataset.spec.encoding.sparse
    assert recipe.l2 == pytest.approx(0.1 / len(dataset.train), rel=0.05)
