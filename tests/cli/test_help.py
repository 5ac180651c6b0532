"""Help, versions and completion: documented in full, and there at once."""

import os
import subprocess
import sys

import click
import pytest
from support.commands import assert_one_line, run
from support.process import TFSOFTMAX, TRAIN, run_python

from tfsoftmax import __version__
from tfsoftmax.cli.main import main as group
from tfsoftmax.cli.train import main as train_command
from tfsoftmax.data.tables.asked import COLUMN_KINDS


def commands():
    context = click.Context(group)
    return {
        "tfsoftmax": group,
        "tfsoftmax-train": train_command,
        **{name: group.get_command(context, name) for name in group.list_commands(context)},
    }


@pytest.mark.parametrize("name", commands())
def test_every_command_and_option_is_documented(name):
    command = commands()[name]
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
    assert run(command, "--help").exit_code == 0


def test_the_groups_bare_name_shows_its_commands():
    result = run(group)
    assert result.exit_code == 2
    assert "\n  predict " in result.stderr


def test_examples_in_the_help_keep_their_lines():
    assert (
        "\n    tfsoftmax-train fashion_mnist --epochs 20\n" in run(train_command, "--help").stdout
    )


@pytest.mark.parametrize("name", commands())
def test_help_fits_a_terminal_of_80_columns(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = run(commands()[name], "--help").stdout
    assert [line for line in shown.splitlines() if len(line) > 80] == []


def test_the_group_has_the_same_train_command():
    assert group.get_command(click.Context(group), "train") is train_command


@pytest.mark.parametrize(
    ("command", "path"), [((train_command,), ""), ((group, "train"), "tfsoftmax ")]
)
def test_usage_errors_say_whose_help_to_read(command, path):
    result = run(*command, "--dataset")
    assert_one_line(result, 2, rf"'--dataset' requires an argument \(see '.*{path}train --help'\)")


@pytest.mark.parametrize("module", ["tfsoftmax"])
def test_python_dash_m(module, tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", module, "--version"], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.stdout == f"tfsoftmax {__version__}\n"


@pytest.mark.parametrize("command", [TRAIN, TFSOFTMAX], ids=["tfsoftmax-train", "tfsoftmax"])
def test_version(command):
    result = subprocess.run([command, "--version"], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, f"tfsoftmax {__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--help"], 0), (["--version"], 0), (["--epochs", "none"], 2), (["--nonsense"], 2)],
)
def test_what_needs_no_tensorflow_does_not_import_it(arguments, code):
    script = """
        import sys
        from tfsoftmax.cli.train import main
        try:
            main()
        finally:
            heavy = {"tensorflow", "numpy", "pandas", "sklearn", "rich"} & set(sys.modules)
            assert not heavy, heavy
    """
    result = run_python(script, *arguments)
    assert result.returncode == code, result.stderr
    assert len(result.stderr.splitlines()) == (code == 2)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("--dataset mn", ["plain,mnist5k", "plain,mnist"]),
        ("mn", ["plain,mnist5k", "plain,mnist"]),
        ("flow", ["file,flow"]),  # no name begins so: the shell offers files
    ],
)
def test_shell_completion_knows_the_datasets(typed, offered):
    assert completions(typed) == offered


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("--column island=ca", ["plain,island=category"]),
        ("--column island=d", ["plain,island=date"]),
        ("{}.csv --column is", [f"plain,island={kind}" for kind in COLUMN_KINDS]),
        ("{}.tsv --column s", ["plain,sex", "plain,species"]),
        ("--dataset {}.csv --column s", ["plain,sex", "plain,species"]),
        ("{}.csv --column nothing", []),
        ("nosuch.csv --column s", []),
        ("digits --column s", []),
    ],
)
def test_shell_completion_knows_the_kinds_and_the_columns(tmp_path, typed, offered):
    for ending, mark in (("csv", ","), ("tsv", "\t")):
        header = mark.join(["island", "sex", "species"])
        (tmp_path / f"birds.{ending}").write_text(f"{header}\n")
    assert completions(typed.format(tmp_path / "birds")) == offered


def completions(typed):
    environment = {
        **os.environ,
        "_TFSOFTMAX_TRAIN_COMPLETE": "bash_complete",
        "COMP_WORDS": f"tfsoftmax-train {typed}",
        "COMP_CWORD": str(len(typed.split())),
    }
    result = subprocess.run([TRAIN], env=environment, capture_output=True, text=True)
    return result.stdout.split()


def test_the_list_of_commands_has_whole_sentences():
    shown = " ".join(run(group, "--help").stdout.split())
    context = click.Context(group)
    for name in group.list_commands(context):
        sentence = group.get_command(context, name).help.split(".")[0]
        assert f"{name} {' '.join(sentence.split())}." in shown
