"""What docs/convert.md shows is what happens."""

import re
import shlex
from pathlib import Path

import pytest
from support.commands import run

from tfsoftmax.cli.main import main
from tfsoftmax.convert.estimators import ESTIMATORS
from tfsoftmax.convert.keras_layers import LAYERS
from tfsoftmax.convert.transformers import TRANSFORMERS

PAGE = Path(__file__).parents[2] / "docs" / "convert.md"


@pytest.mark.slow
def test_the_examples_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    for language, code in re.findall(r"```(python|sh)\n(.*?)```", PAGE.read_text("utf-8"), re.S):
        if language == "python":
            exec(compile(code, str(PAGE), "exec"), names)
            continue
        for line in code.splitlines():
            result = run(main, *shlex.split(line)[1:])
            assert result.exit_code == 0, result.stderr
    assert len(names["seen"]) >= 3
    printed = capsys.readouterr().out
    assert "classes     3: low, middle, high" in printed
    assert (tmp_path / "savedmodels/penguins/2/model.tflite").is_file()


def test_the_page_names_every_step_and_layer():
    text = PAGE.read_text("utf-8")
    for name in (*ESTIMATORS, *TRANSFORMERS, *LAYERS):
        assert name in text or name in ("Activation", "ReLU"), name
