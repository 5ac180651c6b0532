"""Training does not go on from weights of a vocabulary that it cannot find in a table."""

import pytest
from support.pipelines import fitted, letters

from tfsoftmax import ModelError, from_frame, from_sklearn
from tfsoftmax.training.warm_start import warm_start


def test_a_column_of_terms_is_refused_in_one_line():
    model = from_sklearn(fitted("table with words")[0])
    rows, labels, _ = letters()
    inputs = [each.name for each in model.spec.encoding.inputs]
    dataset = from_frame(rows[inputs].assign(label=labels).dropna())
    with pytest.raises(ModelError, match="column 'said' is .*; the model to start from has the v"):
        warm_start(model, dataset)
