"""Rows that come in parts, tables of several kinds of columns, and processes that fork."""

import multiprocessing

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from tfsoftmax import (
    ArgumentError,
    DataError,
    MachineError,
    SoftmaxClassifier,
    UnknownCategoryWarning,
)

X, Y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)


@pytest.fixture(scope="module")
def table():
    random = np.random.default_rng(0)
    colour = random.choice(["red", "green", "blue"], 200)
    size = random.normal(size=200)
    kind = np.where((colour == "red") ^ (size > 1.5), "apple", "pear")
    return pd.DataFrame({"colour": colour, "size": size}), kind


def test_parts_lead_to_about_the_optimum():
    order = np.random.default_rng(0).permutation(150)
    classifier = SoftmaxClassifier(batch_size=10)
    for part in np.array_split(np.tile(order, 4), 6):
        classifier.partial_fit(X[part], Y[part], classes=[0, 1, 2])
    assert classifier.score(X, Y) > 0.93


@pytest.mark.slow
def test_a_class_that_is_announced_later_takes_its_place():
    classifier = SoftmaxClassifier(batch_size=10)
    two = Y != 1
    classifier.partial_fit(X[two], Y[two], classes=[0, 2])
    assert classifier.coef_.shape == (1, 4)
    before = classifier.predict_proba(X[two])
    classifier.partial_fit(X[:1], Y[:1], classes=[1])
    assert classifier.classes_.tolist() == [0, 1, 2]
    after = classifier.predict_proba(X[two])
    assert after[:, 1].max() < 1e-3
    np.testing.assert_allclose(after[:, [0, 2]], before, atol=0.2)
    for _ in range(5):
        classifier.partial_fit(X, Y)
    of_own = classifier.predict_proba(X[Y == 1])[:, 1]
    assert of_own.mean() > 0.2 > 10 * after[:, 1].max()


@pytest.mark.parametrize(
    ("arguments", "classes", "message"),
    [
        ({}, None, "classes must be passed on the first call"),
        ({}, [0, 1], "the label 2, which is not in classes"),
        ({"C": "auto"}, [0, 1, 2], "C cannot be 'auto'"),
        ({"class_weight": "balanced"}, [0, 1, 2], "class_weight cannot be 'balanced'"),
        ({"early_stopping": True}, [0, 1, 2], "early_stopping cannot be True"),
    ],
)
def test_what_means_nothing_for_a_part_is_refused(arguments, classes, message):
    with pytest.raises(ArgumentError, match=message):
        SoftmaxClassifier(**arguments).partial_fit(X, Y, classes=classes)


def test_a_table_of_several_kinds_is_encoded(table):
    frame, kind = table
    classifier = SoftmaxClassifier(C=100.0, scaling="auto").fit(frame, kind)
    assert classifier.score(frame, kind) > 0.85
    assert classifier.n_features_in_ == 2
    assert classifier.classes_.tolist() == ["apple", "pear"]
    new = pd.DataFrame({"colour": ["red", "purple", None], "size": [0.0, 0.0, np.nan]})
    with pytest.warns(UnknownCategoryWarning, match="'purple' in column 'colour'"):
        answers = classifier.predict_proba(new)
    assert answers[0, 0] > 0.9
    np.testing.assert_allclose(classifier.model_.predict_proba(new), answers, atol=1e-6)


def test_numbers_in_columns_of_objects_are_numbers():
    frame = pd.DataFrame(X, columns=list("abcd"))
    plain = SoftmaxClassifier().fit(frame, Y)
    objects = SoftmaxClassifier().fit(frame.astype(object), Y)
    expected = plain.predict_proba(frame)
    np.testing.assert_allclose(objects.predict_proba(frame.astype(object)), expected, atol=1e-5)
    np.testing.assert_allclose(objects.predict_proba(frame), expected, atol=1e-5)
    np.testing.assert_allclose(plain.predict_proba(frame.astype(object)), expected, atol=1e-5)


def test_a_text_where_a_number_belongs_is_named(table):
    frame, kind = table
    numbers = SoftmaxClassifier().fit(frame[["size"]].assign(colour=1.0), kind)
    with pytest.raises(DataError, match=f"column 'colour': it is text .*{frame['colour'][0]}"):
        numbers.predict(frame[["size", "colour"]])
    rows = frame.to_numpy()
    said = f"row 0, column 0: '{rows[0, 0]}' is not a number; give a DataFrame"
    for given in (rows, rows.tolist()):
        with pytest.raises(ArgumentError, match=said):
            SoftmaxClassifier().fit(given, kind)
    SoftmaxClassifier().fit(pd.DataFrame(rows), kind).predict(pd.DataFrame(rows))


def test_weights_stay_with_the_rows_of_a_table(table):
    frame, kind = table
    weights = (frame["size"] > 0).astype(float)
    ours = SoftmaxClassifier(scaling="none").fit(frame, kind, weights)
    counted = (weights > 0).to_numpy()
    same = SoftmaxClassifier(scaling="none").fit(frame[counted], kind[counted])
    np.testing.assert_allclose(ours.predict_proba(frame), same.predict_proba(frame), atol=1e-5)


def _answers(classifier, rows, queue):
    try:
        queue.put(classifier.predict_proba(rows))
    except MachineError as error:
        queue.put(str(error))


def in_process(method, classifier, rows):
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=_answers, args=(classifier, rows, queue))
    process.start()
    found = queue.get(timeout=100)
    process.join(timeout=100)
    return found


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Of forks beside threads.
def test_a_forked_process_answers():
    classifier = SoftmaxClassifier().fit(X, Y)
    np.testing.assert_array_equal(in_process("fork", classifier, X), classifier.predict_proba(X))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_says_what_it_cannot_do(table):
    frame, kind = table
    classifier = SoftmaxClassifier().fit(frame, kind)
    assert "spawn" in in_process("fork", classifier, frame)
