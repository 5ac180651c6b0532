"""``--solver newton`` from the command line: the proof, the record, and what is refused."""

import json
from pathlib import Path

import pytest
from support.commands import assert_one_line, run

from tfsoftmax.cli.train import main as train_command

NEWTON = ["--dataset", "digits", "--solver", "newton"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("newton")
    return run(train_command, *NEWTON, "--tol", "1e-7", "--json", "--output-dir", folder)


def test_the_proof_is_in_the_document_and_in_the_record(trained):
    document = json.loads(trained.stdout)
    proof = document["proof"]
    assert 0 <= proof["relative_gap"] <= 1e-7
    assert document["convergence"]["verdict"] == "converged"
    assert "proven to be within" in document["convergence"]["sentence"]
    version = Path(document["model"]["saved_model"])
    assert json.loads((version / "tfsoftmax.json").read_text())["proof"] == proof
    assert "proven to be within" in (version / "README.md").read_text()


def test_steps_are_numbered_as_epochs_whose_end_nobody_knows(trained):
    lines = [line.split() for line in trained.stderr.splitlines() if line[:1].isdigit()]
    numbers = [line[0] for line in lines]
    steps = json.loads(trained.stdout)["proof"]["steps"]
    assert numbers == [str(number) for number in range(1, steps + 1)]


def test_the_recorded_command_says_how_it_was_solved(trained):
    command = json.loads(trained.stdout)["command"]
    assert command[command.index("--solver") + 1] == "newton"
    assert float(command[command.index("--tol") + 1]) == 1e-7


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--l2", "0"], "--solver newton and --l2 0.* exclude each other: .*give one above 0"),
        (["--tol", "0"], "'--tol': .*0"),
        (["--early-stopping", "accuracy"], "early stopping ends before the optimum"),
    ],
)
def test_what_has_no_optimum_is_one_line(tmp_path, options, message):
    result = run(train_command, *NEWTON, *options, "--output-dir", tmp_path)
    assert_one_line(result, 2, message)
    assert not list(tmp_path.iterdir())
