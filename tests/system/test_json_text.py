"""What is written as JSON is JSON: a strict reader takes it, whatever the figures are."""

import json

import pytest
from support.commands import refuse

from tfsoftmax import Spec
from tfsoftmax.export.metadata import describe, to_bytes


@pytest.mark.parametrize("figure", [float("nan"), float("inf"), -float("inf")])
def test_a_figure_that_does_not_exist_is_null(figure):
    record = {"history": [{"test_log_loss": figure, "epoch": 1}], "pair": (0.1, figure)}
    content = to_bytes(describe(Spec((2,), "float32", ("a", "b")), "tiny", record))
    found = json.loads(content, parse_constant=refuse)
    assert found["history"] == [{"test_log_loss": None, "epoch": 1}]
    assert found["pair"] == [0.1, None]
