"""What is proven is true: bounds against optima that scikit-learn finds."""

import numpy as np
import pytest
import scipy.special
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_blobs
from sklearn.linear_model import LogisticRegression

from tfsoftmax import SoftmaxRegression, Spec, Split
from tfsoftmax.training.newton.certificate import certify
from tfsoftmax.training.newton.newton import Newton
from tfsoftmax.training.newton.preconditioner import Draw
from tfsoftmax.training.newton.rows import Rows
from tfsoftmax.training.newton.small import SmallPasses
from tfsoftmax.training.objective import Objective

STATES = 40
SETS = {
    "iris": (lambda: load_iris(return_X_y=True), 1e-2),
    "wine": (lambda: load_wine(return_X_y=True), 1e-3),
    "cancer": (lambda: load_breast_cancer(return_X_y=True), 1e-4),
    "digits": (lambda: tuple(part[:400] for part in load_digits(return_X_y=True)), 1e-2),
    "apart": (lambda: make_blobs(120, centers=3, cluster_std=0.1, random_state=0), 1e-5),
}


class Case:
    """A set, its l2, and the optimum by scikit-learn, all in float64."""

    def __init__(self, name):
        read, self.l2 = SETS[name]
        X, y = read()
        X = (X - X.mean(axis=0)) / np.maximum(X.std(axis=0), 1e-9)
        self.X, self.y = X.astype(np.float32), y.astype(np.int32)
        n, self.n_classes = len(y), int(y.max()) + 1
        spec = Spec((X.shape[1],), "float32", tuple(map(str, range(self.n_classes))))
        self.objective = Objective(SoftmaxRegression(spec).scaled, l2=self.l2)
        self.rows = Rows(Split(self.X, self.y), np.ones(n, np.float32), self.n_classes)
        self.passes = SmallPasses(self.objective, self.rows)
        best = LogisticRegression(C=1 / (self.l2 * n), tol=1e-12, max_iter=10_000)
        best = best.set_params(solver="newton-cholesky").fit(self.X.astype(np.float64), y)
        W, b = best.coef_, best.intercept_
        if self.n_classes == 2:  # scikit-learn has one row, for the difference of both.
            W, b = np.concatenate([-W, W]) / 2, np.concatenate([-b, b]) / 2
        self.optimum = np.column_stack([W, b])
        # Two classes: half the weights each, so half the penalty that scikit-learn counts.
        self.minimum = self.value(self.optimum) if self.n_classes > 2 else None

    def value(self, joint):
        logits = self.X.astype(np.float64) @ joint[:, :-1].T + joint[:, -1]
        own = logits[np.arange(len(self.y)), self.y]
        loss = (scipy.special.logsumexp(logits, axis=1) - own).mean()
        return loss + self.l2 / 2 * np.square(joint[:, :-1]).sum()


@pytest.fixture(scope="module", params=sorted(SETS))
def case(request):
    case = Case(request.param)
    if case.minimum is None:
        newton = Newton(case.passes, Draw(case.objective, case.rows, 0), case.l2, case.optimum)
        for _ in range(8):
            newton.step(1e-14)
        case.optimum = newton.state.parameters
        case.minimum = case.value(case.optimum)
    return case


def test_the_bound_is_never_below_the_gap(case):
    rng = np.random.default_rng(7)
    for state in range(STATES):
        # From next to the optimum to far away, and with biases of any size.
        size = 10 ** rng.uniform(-5, 1)
        joint = case.optimum + size * rng.normal(size=case.optimum.shape)
        found = certify(case.passes, joint, case.l2)
        value = case.value(joint)
        assert found.objective == pytest.approx(value, rel=1e-9), state
        assert found.gap >= (value - case.minimum) * (1 - 1e-9) - 1e-12, (state, size)


def test_the_bound_is_near_at_the_end(case):
    newton = Newton(
        case.passes, Draw(case.objective, case.rows, 0), case.l2, np.zeros_like(case.optimum)
    )
    for _ in range(40):
        if newton.gap <= 1e-4 * newton.objective:
            break
        newton.step(1e-4)
    joint = newton.state.parameters
    gap, found = case.value(joint) - case.minimum, certify(case.passes, joint, case.l2)
    assert gap <= found.gap <= 100 * gap + 1e-9


def test_a_bias_of_any_size_is_no_obstacle(case):
    joint = case.optimum.copy()
    joint[:, -1] += 30 * np.arange(case.n_classes)
    found = certify(case.passes, joint, case.l2)
    assert found.gap == pytest.approx(case.value(joint) - case.minimum, rel=1e-4)
