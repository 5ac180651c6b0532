"""A training option is a field: what is made of it, shown with one that is added here."""

import importlib.util
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from tfsoftmax import RECIPES, Recipe, UsageError, export_model, fit
from tfsoftmax.choices import option, options_of
from tfsoftmax.cli._flags import render
from tfsoftmax.cli._grid import grid_options
from tfsoftmax.cli._options import flags_of, options_table
from tfsoftmax.cli._recipe import arguments_of, recipe_from, recipe_options
from tfsoftmax.messages import setting
from tfsoftmax.report import recipe_table

DOCS = Path(__file__).parents[2] / "docs"


@dataclass(frozen=True)
class ToyRecipe(Recipe):
    """A recipe with one more option.

    Attributes:
      {options}
    """

    dropout: float = option(
        0.0, "Share of the features left out of a step, beside " + setting("l2") + ".", below=1
    )


TOYS = {"default": ToyRecipe(), "tutorial": ToyRecipe(dropout=0.25)}


@click.command()
@partial(recipe_options, recipes=TOYS)
def toy_command(**options):
    click.echo(repr(recipe_from(options, TOYS)))


def test_an_added_option_is_in_help_docstring_table_and_json():
    said = "Share of the features left out of a step, beside {}."
    help = " ".join(CliRunner().invoke(toy_command, ["--help"]).stdout.split())
    wanted = f"{said.format('--l2')} [default: 0; 0.25 with recipe tutorial] [x<1]"
    assert f"--dropout FLOAT RANGE {wanted}" in help
    assert f"dropout: {said.format('l2')} Below 1." in ToyRecipe.__doc__
    row = "| `--dropout` | `dropout` | a number, below 1 | 0; 0.25 with recipe tutorial | "
    assert f"{row}{said.format('--l2')} |" in options_table(ToyRecipe, TOYS)
    assert ToyRecipe(dropout=0.5).to_json()["dropout"] == 0.5


def test_an_added_option_is_in_the_card_of_a_model(made, tmp_path, monkeypatch):
    model, _ = fit(made, Recipe(epochs=1, l2=0.1))
    as_made = {"name": "default", **ToyRecipe(epochs=1, dropout=0.5).to_json()}
    model.record = replace(model.record, recipe=as_made, asked=as_made)
    # As if the field were declared in `Recipe` itself.
    monkeypatch.setattr(recipe_table, "Recipe", ToyRecipe)
    monkeypatch.setattr(recipe_table, "RECIPES", TOYS)
    exported = export_model(model, tmp_path, "toy", check_on=made.test.features, formats=())
    card = (exported.path / "README.md").read_text(encoding="utf-8")
    help = options_of(ToyRecipe)["dropout"].help
    assert f"| `dropout` | 0.5 | **chosen** | 0 | {help} |" in card
    assert '"dropout": 0.5' in (exported.path / "tfsoftmax.json").read_text(encoding="utf-8")


def test_an_added_option_is_taken_checked_and_said_again():
    recipe = TOYS["default"].but(dropout=0.5, momentum=0.9)
    arguments = arguments_of(recipe, "default", TOYS)
    assert arguments[-2:] == ["--dropout", "0.5"]
    assert CliRunner().invoke(toy_command, arguments).stdout == f"{recipe!r}\n"
    for wrong, message in ((1.5, "below 1, not 1.5"), ("x", "a number, not 'x'")):
        with pytest.raises(UsageError, match=f"^dropout must be {message}") as caught:
            ToyRecipe(dropout=wrong)
        assert render(caught.value) == f"--dropout must be {message}"
        assert caught.value.options == ("dropout",)


@pytest.mark.parametrize("name", options_of(Recipe))
def test_every_option_is_explained_everywhere(name):
    declared = options_of(Recipe)[name]
    text = " ".join(Recipe.__doc__.split())
    assert f" {name}: {declared.help}" in text
    assert f"| `{name}` |" in options_table(Recipe, RECIPES)
    assert declared.help.endswith(".")


def test_tune_has_a_grid_for_what_can_be_swept():
    command = click.command()(grid_options(lambda: None))
    swept = [name for name, declared in flags_of(Recipe).items() if declared.swept]
    assert [parameter.name for parameter in command.params] == swept == [
        "learning_rate", "l2", "l1",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "rows"),
    [("training.md", ["`--momentum`"]), ("data.md", ["`csv:PATH`", "`--delimiter`"])],
)
def test_the_pages_have_their_tables_as_they_are_now(name, rows):
    path = DOCS / "write_tables.py"
    spec = importlib.util.spec_from_file_location("write_tables", path)
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    page = (DOCS / name).read_text(encoding="utf-8")
    assert page.count("Written by docs/write_tables.py") == len(writer.TABLES[name]) == len(rows)
    for row in rows:
        assert f"| {row} |" in page
    assert writer.with_tables(name, page) == page, "run python docs/write_tables.py"


def test_none_is_a_choice_like_any_other():
    assert RECIPES["tutorial"].but(l2=None).l2 is None
    assert Recipe(epochs=3).but(epochs=None, seed=1) == Recipe(seed=1)
    with pytest.raises(UsageError, match="momentum must be a number, not None"):
        Recipe().but(momentum=None)
