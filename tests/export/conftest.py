"""A trained model and what is exported of it, for all tests of this room."""

import pytest
from support.once import make_once

from tfsoftmax import RECIPES, export_model, fit
from tfsoftmax.export.formats import FORMATS


@pytest.fixture(scope="session")
def trained(digits):
    return fit(digits, RECIPES["default"].but(epochs=5, l2=0.0007)).model


def export_everything(model, dataset, folder, **options):
    rows = {"check_on": dataset.test.features, "calibrate_on": dataset.train.features}
    export_model(model, folder, "digits", formats=tuple(FORMATS), **rows, **options)


@pytest.fixture(scope="session")
def everything(trained, digits, tmp_path_factory):
    """A version folder with every file there is; only to be read."""
    folder = make_once(
        tmp_path_factory, "everything", lambda made: export_everything(trained, digits, made)
    )
    return folder / "digits" / "1"


@pytest.fixture(scope="session")
def everything_in_sevens(trained, digits, tmp_path_factory):
    """The same, where TFLite files take seven rows at a time; only to be read."""
    folder = make_once(
        tmp_path_factory,
        "everything_in_sevens",
        lambda made: export_everything(trained, digits, made, tflite_batch=7),
    )
    return folder / "digits" / "1"
