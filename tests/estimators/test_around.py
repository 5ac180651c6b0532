"""What scikit-learn does around an estimator: weights it routes, processes, a chosen penalty."""

import numpy as np
import pytest
import sklearn
from joblib import Parallel, delayed
from sklearn.datasets import load_iris, make_classification
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from support.oldest import BEFORE_1_8

from tfsoftmax import SoftmaxClassifier

X, Y = load_iris(return_X_y=True)
WEIGHTS = np.random.default_rng(0).integers(0, 4, len(Y)).astype(float)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def test_weights_reach_it_through_a_pipeline_and_a_search(routing):
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    weighted = SoftmaxClassifier().set_fit_request(sample_weight=True)
    weighted.set_score_request(sample_weight=True)
    scaled = scaler.fit_transform(X)
    expected = SoftmaxClassifier().fit(scaled, Y, WEIGHTS)
    pipeline = make_pipeline(scaler, weighted)
    search = GridSearchCV(pipeline, {"softmaxclassifier__C": [1.0]}, cv=3)
    for fitted in (
        pipeline.fit(X, Y, sample_weight=WEIGHTS),
        # Older ones route no weights to the score of a pipeline in a search.
        *([] if BEFORE_1_8 else [search.fit(X, Y, sample_weight=WEIGHTS).best_estimator_]),
    ):
        np.testing.assert_array_equal(fitted[-1].coef_, expected.coef_)
    assert np.abs(SoftmaxClassifier().fit(scaled, Y).coef_ - expected.coef_).max() > 0.01


def test_weights_that_nobody_asked_for_are_refused(routing):
    with pytest.raises(ValueError, match="sample_weight"):
        make_pipeline(SoftmaxClassifier()).fit(X, Y, sample_weight=WEIGHTS)


def test_c_auto_chooses_a_penalty_as_cross_validation_does():
    rows, labels = make_classification(400, 40, n_informative=3, flip_y=0.2, random_state=0)
    train, test, y, y_test = train_test_split(rows, labels, test_size=0.5, random_state=0)

    def loss(classifier):
        return log_loss(y_test, classifier.fit(train, y).predict_proba(test))

    chosen = loss(SoftmaxClassifier(C="auto"))
    theirs = LogisticRegressionCV(
        scoring="neg_log_loss",
        **({} if BEFORE_1_8 else {"l1_ratios": (0.0,), "use_legacy_attributes": False}),
    )
    assert chosen == pytest.approx(loss(theirs), rel=0.05)
    assert chosen < 0.9 * loss(LogisticRegression(C=1e4, max_iter=1000))


@pytest.mark.slow
def test_processes_of_joblib_fit_and_answer():
    """loky spawns them, after this one has started TensorFlow."""
    here = SoftmaxClassifier().fit(X, Y)
    processes = Parallel(n_jobs=2, backend="loky")
    for fitted in processes(delayed(SoftmaxClassifier().fit)(X, Y) for _ in range(2)):
        np.testing.assert_array_equal(fitted.coef_, here.coef_)
    answers = processes(delayed(here.predict)(part) for part in (X[:75], X[75:]))
    np.testing.assert_array_equal(np.concatenate(answers), here.predict(X))
