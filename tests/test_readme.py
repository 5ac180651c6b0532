"""What the README shows is what happens."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import tfsoftmax
from tfsoftmax.cli.main import main
from tfsoftmax.data.kinds import SUGGESTED

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The folder in which one process ran each Python example, and the lines that they print."""
    folder = tmp_path_factory.mktemp("examples")
    one_by_one = "import sys\nfor code in sys.argv[1:]: exec(code, {'__name__': '__main__'})"
    command = [sys.executable, "-c", one_by_one, *blocks("python")]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return folder, result.stdout.splitlines()


@pytest.fixture(scope="module")
def version(ran):
    """The folder that the first of them writes."""
    folder, lines = ran
    return folder / lines[2]


def test_the_python_example_runs(ran, version):
    accuracy, labels = ran[1][:2]
    assert float(accuracy) > 0.89
    assert re.fullmatch(r"\[('\d' ?){5}\]", labels)
    assert (version / "model.tflite").is_file()


def test_the_estimators_example_runs(ran):
    folder, (*_, accuracy) = ran
    assert len(ran[1]) == 4
    assert float(accuracy) > 0.96
    assert (folder / "savedmodels" / "iris" / "1" / "model.tflite").is_file()


def test_the_package_docstring_shows_the_same_calls():
    example, _ = blocks("python")
    for call in re.findall(r"tfsoftmax\.(\w+)\(", example):
        assert f"tfsoftmax.{call}(" in tfsoftmax.__doc__


def test_the_pictures_are_what_the_readme_says(version, monkeypatch):
    monkeypatch.chdir(ROOT)
    shown = re.findall(r"^(docs/pictures/\S+)\t(\d)\t", README, re.MULTILINE)
    assert len(shown) == 2
    for model in (version.parent, version / "model.tflite"):
        arguments = ["predict", str(model), *(path for path, _ in shown)]
        lines = CliRunner().invoke(main, arguments).stdout.splitlines()
        assert [tuple(line.split("\t")[:2]) for line in lines] == shown


@pytest.mark.parametrize("name", ["mnist5k", "digits", *SUGGESTED[:3], "idx:DIR"])
def test_every_source_is_listed(name):
    assert f"`{name}`" in README


def test_links_lead_somewhere():
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("savedmodels/*.md")):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page}: {target}"
