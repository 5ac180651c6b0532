"""Objects show themselves in a line, in HTML and as plots."""

import html
import re

import numpy as np
import pytest
from support.datasets import make_dataset
from support.runs import RECIPE

from tfsoftmax import Evaluation, History, SoftmaxRegression, Spec, UsageError, evaluate, fit


@pytest.fixture(scope="module")
def shown():
    dataset = make_dataset()
    result = fit(dataset, RECIPE)
    return {
        "Dataset": dataset,
        "Split": dataset.train,
        "FitResult": result,
        "History": result.history,
        "SoftmaxRegression": result.model,
        "Evaluation": evaluate(result.model, dataset.test),
    }


@pytest.fixture(autouse=True)
def no_window(monkeypatch):
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("agg")
    yield
    plt.close("all")


def test_a_repr_is_a_line_and_says_what_matters(shown):
    found = {name: repr(value) for name, value in shown.items()}
    for name, text in found.items():
        assert text.startswith(f"{name}(")
        assert len(text) < 200
        assert "\n" not in text
    assert found["Dataset"] == (
        "Dataset('made': 50 training, 20 test rows; 6 float32 features, 3 classes)"
    )
    accuracy = shown["Evaluation"].accuracy
    assert f"accuracy {accuracy:.4f}" in found["Evaluation"]
    last = shown["History"].last
    assert f"test log-loss {last.test_log_loss:.4f}" in found["History"]
    assert repr(History(shown["History"].recipe)) == "History(no epochs)"


def test_html_has_the_same_figures_and_escapes_names(shown):
    cells = re.findall(r"<td>(.*?)</td>", shown["Dataset"]._repr_html_())
    labels = shown["Dataset"].train.labels
    assert cells[0::2] == [*map(str, np.bincount(labels)), "50"]
    assert f"{shown['History'].last.test_accuracy:.4f}" in shown["History"]._repr_html_()
    assert f"{shown['Evaluation'].log_loss:.4f}" in shown["Evaluation"]._repr_html_()
    name = "<script>alert(1)</script>"
    model = SoftmaxRegression(Spec((1,), "float32", (name, "b")))
    assert name not in model._repr_html_()
    assert html.escape(name) in model._repr_html_()


def test_history_is_plotted_epoch_by_epoch(shown):
    losses, accuracies = shown["History"].plot()
    epochs = shown["History"].epochs
    lines = {line.get_label(): list(line.get_ydata()) for line in losses.lines}
    assert lines == {
        "train rows": [epoch.train_log_loss for epoch in epochs],
        "test rows": [epoch.test_log_loss for epoch in epochs],
    }
    assert list(accuracies.lines[0].get_ydata()) == [epoch.train_accuracy for epoch in epochs]
    with pytest.raises(UsageError, match="nothing to plot"):
        History(shown["History"].recipe).plot()


def test_the_confusion_matrix_is_plotted_with_its_counts(shown):
    result = shown["Evaluation"]
    axes = result.plot_confusion(["x", "y", "z"])
    written = [int(text.get_text()) for text in axes.texts]
    assert written == result.confusion.ravel().tolist()
    assert [label.get_text() for label in axes.get_yticklabels()] == ["x", "y", "z"]
    with pytest.raises(UsageError, match="largest_confusions"):
        Evaluation(np.eye(101, dtype=int), 0.1).plot_confusion()


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3)])
def test_weights_of_pictures_are_images(shape):
    spec = Spec(shape, "uint8", tuple("abcdefg"), (0, 255))
    model = SoftmaxRegression(spec, np.random.default_rng(0).standard_normal)
    every = model.plot_weights()
    assert [axes.get_title() for axes in every] == list("abcdefg")
    wanted = model.W.numpy()[:, 2].reshape(4, 5, -1).sum(axis=2)
    np.testing.assert_allclose(every[2].images[0].get_array(), wanted, rtol=1e-6)


def test_weights_of_a_table_are_its_strongest_features(shown):
    model = shown["SoftmaxRegression"]
    axes = model.plot_weights()
    names = [label.get_text() for label in axes.get_yticklabels()]
    order = np.argsort(-np.abs(model.W.numpy()).max(axis=1), kind="stable")
    assert names == [f"feature {index}" for index in order]
    np.testing.assert_array_equal(axes.images[0].get_array(), model.W.numpy()[order])
    many = SoftmaxRegression(Spec((1,), "float32", tuple(map(str, range(101)))))
    with pytest.raises(UsageError, match=r"coefficients\(model, top=20\)"):
        many.plot_weights()
