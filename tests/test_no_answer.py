"""Rows whose scores overflow have no answer: an error that names them, or an abstention."""

import json

import numpy as np
import pytest
from support.commands import refuse, run

from tfsoftmax import (
    DataError,
    Dataset,
    ExportError,
    SoftmaxRegression,
    Spec,
    Split,
    evaluate,
    export_model,
    load_predictor,
)
from tfsoftmax.cli.main import main as group
from tfsoftmax.metrics import Evaluation, evaluate_probabilities

NAMES = ("small", "huge")
ROWS = np.float32([[1, 0], [0, 1], [1, 1e38], [1, 1]])
LABELS = np.int32([0, 1, 0, 1])
LARGEST_LOSS = -np.log(np.finfo(np.float32).tiny)


def model_of(reject_below=None):
    spec = Spec((2,), "float32", ("no", "yes"), feature_names=NAMES, reject_below=reject_below)
    model = SoftmaxRegression(spec)
    model.W.assign([[9.0, -9.0], [-9.0, 9.0]])
    return model


@pytest.fixture(scope="module", params=[None, 0.9], ids=["answers all", "may abstain"])
def models(request, tmp_path_factory):
    """A model and its exported forms; whether it may abstain."""
    model = model_of(request.param)
    folder = tmp_path_factory.mktemp("models")
    formats = ("float32", "onnx")
    result = export_model(model, folder, "m", check_on=ROWS[:2], formats=formats)
    files = [result.path, result.tflite, result.path / "model.onnx"]
    return [model, *map(load_predictor, files)], request.param is not None


def test_the_row_and_its_feature_are_named_or_it_is_an_abstention(models):
    for model in models[0]:
        if models[1]:
            answers = model.predict(ROWS)
            assert answers.tolist() == ["no", "yes", None, None]  # the last is 0.5 to 0.5
            found = model.predict_proba(ROWS)
            assert np.isnan(found[2]).all()
            assert np.isfinite(found[[0, 1, 3]]).all()
            continue
        for ask in (model.predict, model.predict_proba):
            with pytest.raises(
                DataError, match=r"row 2: there is no prediction, .* 1e\+38 \(huge\)"
            ):
                ask(ROWS)


def test_evaluation_does_the_same(models):
    dataset = Dataset("made", models[0][0].spec, Split(ROWS, LABELS), Split(ROWS, LABELS))
    for model in models[0]:

        def figures(model=model):
            if isinstance(model, SoftmaxRegression):
                return evaluate(model, dataset.test)
            return model.evaluate(dataset, dataset.test)

        if models[1]:
            found = figures()
            assert (found.answered, found.answered_accuracy) == (0.5, 1.0)
            # As much as a probability that float32 rounds to 0.
            expected = (LARGEST_LOSS + np.log(2)) / 4
            assert found.log_loss == pytest.approx(expected, rel=1e-5)
            continue
        with pytest.raises(DataError, match=r"row 2: there is no prediction, .*\(huge\)"):
            figures()


def test_figures_of_no_answers_are_an_error():
    probabilities = np.float32([[0.5, 0.5], [np.nan, np.nan]])
    with pytest.raises(DataError, match="row 1: there is no prediction"):
        evaluate_probabilities(probabilities, np.array([0, 1]))
    with pytest.raises(DataError, match="row 1: there is no prediction"):
        Evaluation.of(np.array([0, 1]), np.array([0, 0]), np.array([0.5, np.inf]), 2)
    assert evaluate_probabilities(probabilities, np.array([0, 1]), 0.4).answered == 0.5


def test_training_rows_that_overflow_are_named_by_the_evaluation_too():
    split = Split(np.float32([[0.5, 0.25], [np.nan, 1]]), np.int32([0, 1]))
    with pytest.raises(DataError, match=r"row 1, small: the value is missing"):
        evaluate(model_of(), split)


@pytest.mark.parametrize("form", ["", "model.tflite"])
def test_the_commands_do_the_same(models, form, tmp_path):
    path = models[0][1].path / form
    table = tmp_path / "new.csv"
    table.write_text("huge,small\n0,1\n1e38,1\n")
    plain, document = (
        run(group, "predict", path, table),
        run(group, "predict", path, table, "--json"),
    )
    answers = json.loads(document.stdout, parse_constant=refuse)["answers"]
    if models[1]:
        assert plain.stdout.splitlines()[1] == f"{table}:2\tabstains"
        assert answers[1] == {"file": f"{table}:2", "predictions": [], "abstains": True}
        assert plain.exit_code == 0
        return
    for result in (plain, document):
        assert result.exit_code == 1
        assert f"{table}, row 2: there is no prediction" in result.stderr
        assert "nan" not in result.stdout.lower()


def test_evaluate_names_the_row_too(models, tmp_path):
    table = tmp_path / "labelled.csv"
    table.write_text("huge,small,label\n0,1,no\n1e38,1,no\n1,0,yes\n")
    arguments = ["evaluate", models[0][1].path, "--dataset", f"csv:{table}", "--split", "all"]
    result = run(group, *arguments, "--json")
    if models[1]:
        assert json.loads(result.stdout, parse_constant=refuse)["answered"] < 1
        return
    assert result.exit_code == 1
    assert "there is no prediction, because its scores overflow float32" in result.stderr


def test_a_file_proves_itself_on_rows_that_a_model_abstains_on(models, tmp_path):
    if models[1]:
        result = export_model(models[0][0], tmp_path, "m", check_on=ROWS)
        assert all(parity.same_class == 4 for parity in result.parity.values())
        return
    with pytest.raises(ExportError, match="disagrees"):
        export_model(models[0][0], tmp_path, "m", check_on=ROWS)
