"""Converted pipelines of scikit-learn have the probabilities of the original, in every form."""

import numpy as np
import pytest
from support.marks import slow_but
from support.pipelines import CASES, fitted

from tfsoftmax import export_model, from_sklearn, load_predictor
from tfsoftmax.convert.assemble import rows_of

pytestmark = [
    pytest.mark.filterwarnings("ignore:Found unknown categories"),
    pytest.mark.filterwarnings("ignore::FutureWarning:sklearn"),
]


def largest_difference(predictor, pipeline, rows):
    found = predictor.predict_proba(rows_of(predictor.spec, rows))
    return np.abs(found - pipeline.predict_proba(rows)).max()


@pytest.mark.parametrize("name", CASES)
def test_the_model_has_the_probabilities_of_the_pipeline(name):
    pipeline, rows = fitted(name)
    model = from_sklearn(pipeline)
    assert largest_difference(model, pipeline, rows) < 2e-6
    assert model.spec.class_names == tuple(map(str, pipeline.classes_))


@pytest.mark.parametrize("name", slow_but(["indicators"], CASES))
def test_so_has_every_file(name, tmp_path):
    pipeline, rows = fitted(name)
    model = from_sklearn(pipeline)
    result = export_model(
        model, tmp_path, "x", check_on=rows_of(model.spec, rows), formats=["float32", "onnx"]
    )
    for file in (result.path, result.tflite, result.path / "model.onnx"):
        assert largest_difference(load_predictor(file), pipeline, rows) < 1e-5
