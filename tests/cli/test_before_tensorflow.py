"""Wrong input is an error before TensorFlow is started, which takes seconds."""

import json
import shlex

import pytest
from support.process import run_python

# {} is the folder of `birds`.
WRONG = {
    "train {}/birds.csv --label-column lable": "did you mean 'label'",
    "train {}/birds.csv --drop iland": "did you mean 'island'",
    "train nowhere.csv": "no such file",
    "train {}/birds.csv --from nowhere": "nowhere: no such file",
    "tune {}/birds.csv --features agee": "did you mean 'age'",
    "predict nowhere {}/birds.csv": "nowhere: no such file",
    "predict {}/models/all nowhere.csv": "files, found nothing",
    "predict {}/models/all {}/half.csv": "no column 'island'",
    "predict {}/models/all nowhere.png": "not images",
    "evaluate nowhere {}/birds.csv": "nowhere: no such file",
    "evaluate {}/models/all nowhere.csv": "no such file",
    "evaluate {}/models/all {}/half.csv": "no column 'island'",
    "evaluate {}/models/all {}/birds.csv --label-column lable": "did you mean 'label'",
    "evaluate {}/models/all {}/birds.csv --by taem": "did you mean 'team'",
    "compare {}/models/all nowhere {}/birds.csv": "nowhere: no such file",
    "compare {}/models/all {}/models/age nowhere.csv": "no such file",
    "drift nowhere {}/birds.csv": "nowhere: no such file",
    "drift {}/models/all nowhere.csv": "files, found nothing",
    "drift {}/models/all {}/half.csv": "no column 'island'",
    "explain nowhere {}/birds.csv": "nowhere: no such file",
    "explain {}/models/all nowhere.csv": "files, found nothing",
    "explain {}/models/all {}/half.csv": "no column 'island'",
    "explain {}/models/all {}/birds.csv --class yong": "did you mean 'young'",
    "explain {}/models/all {}/birds.csv -o map.png": "takes none",
    "coefficients nowhere": "nowhere: no such file",
    "coefficients {}/models/all --class yong": "'yong'",
    "convert nowhere.skops -o models/x": "no such file",
    "statistics nowhere.csv": "no such file",
    "statistics {}/birds.csv --label-column lable": "did you mean 'label'",
    "statistics {}/birds.csv --l2 0.1": "--bootstrap 1000",
    "statistics {}/half.csv --features age --reference yong": "did you mean 'young'",
    "export nowhere": "nowhere: no such file",
    "export {}/models/all --dataset nowhere.csv": "no such file",
    "export {}/models/all --name a/b": "cannot name a model",
    "verify nowhere": "nowhere: no such file",
    "verify {}/models/all --dataset nowhere.csv": "no such file",
}


@pytest.fixture(scope="module")
def answers(birds):
    """What each command line prints, and whether TensorFlow is there then."""
    half = [f"{age},{label}" for age, label in ((1.5, "old"), (2.5, "young")) for _ in range(9)]
    (birds / "half.csv").write_text("\n".join(["age,label", *half]))
    script = """
        import json, sys
        from click.testing import CliRunner
        from tfsoftmax.cli.main import main

        for line in json.loads(sys.argv[1]):
            found = CliRunner().invoke(main, line)
            print(json.dumps([found.exit_code, found.stderr, "tensorflow" in sys.modules]))
    """
    lines = [shlex.split(line.replace("{}", str(birds))) for line in WRONG]
    result = run_python(script, json.dumps(lines))
    assert result.returncode == 0, result.stderr
    return dict(zip(WRONG, map(json.loads, result.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("line", WRONG)
def test_wrong_input_is_an_error_before_tensorflow_is_started(answers, line):
    code, stderr, started = answers[line]
    assert code in (1, 2)
    assert not started
    assert [each for each in stderr.splitlines() if WRONG[line] in each and "Error" in each]
