"""The arguments and options that choose a dataset, and how it is read."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from tfsoftmax.choices import Option, options_of
from tfsoftmax.cli._completion import complete_column, complete_dataset
from tfsoftmax.cli._options import add_options, arguments_for, make_option, pop_given
from tfsoftmax.data.kinds import BUNDLED, KINDS
from tfsoftmax.data.names import locate
from tfsoftmax.data.options import SourceOptions, check_applicable, takers
from tfsoftmax.distributed.workers import ALONE, Workers

if TYPE_CHECKING:
    from tfsoftmax import Dataset, Spec

# How rows are written as text; `predict` has these options, too.
_NOTATION = (
    *("delimiter", "decimal", "thousands", "na_values", "comment", "encoding", "header"),
    "first_index",
)
_DEFAULTS = {"": SourceOptions()}
_COMPLETIONS = {"column": complete_column}
_FOLDERS = (
    click.option(
        "--data-dir",
        metavar="DIR",
        help="Where prepared and decoded datasets are kept.  [default: $TFDS_DATA_DIR or "
        "~/tensorflow_datasets]",
    ),
    click.option(
        "--manual-dir",
        metavar="DIR",
        help="Folder with a TensorFlow Datasets source's original files, to prepare it "
        "without a network.",
    ),
)


@dataclass(frozen=True)
class Data:
    """A command's options for reading data.

    Attributes:
      data_dir, manual_dir: as `load_dataset` takes them.
      choices: the fields of `SourceOptions` that were given.
    """

    data_dir: str | None
    manual_dir: str | None
    choices: dict[str, Any]

    def options(self, name: str, recorded: dict[str, Any] | None = None) -> SourceOptions:
        """Combines the options given here with those recorded with a model.

        Args:
          name: of the dataset.
          recorded: the options that a model's own data was read with; those that do not apply to
            this kind of source are left out.

        Raises:
          UsageError: if a choice is out of range, or has no meaning for this kind of source.
        """
        kind = locate(name).kind
        usual = {key: value for key, value in (recorded or {}).items() if key in kind.options}
        options = SourceOptions.from_json({**usual, **self.choices})
        check_applicable(options, kind.options, kind.name)
        return options

    def load(
        self,
        name: str,
        recorded: dict[str, Any] | None = None,
        model: Spec | None = None,
        workers: Workers = ALONE,
    ) -> Dataset:
        """Loads a dataset, `model` and `workers` as for `load_dataset`; raises as that does."""
        from tfsoftmax import load_dataset

        return load_dataset(
            name,
            data_dir=self.data_dir,
            manual_dir=self.manual_dir,
            options=self.options(name, recorded),
            model=model,
            workers=workers,
        )

    def memory_limit(self) -> dict[str, int]:
        """The memory limit, if it was given, as a choice of the recipe, which has one, too."""
        return {name: self.choices[name] for name in ("memory_limit",) if name in self.choices}

    def arguments(self) -> list[str]:
        """The arguments that give the same options again, without the folders of this machine."""
        return arguments_for(SourceOptions, self.choices)


def kinds_table() -> str:
    """The kinds of source as a table in Markdown."""
    lines = ["| `KIND:PATH` | what it is | its files end in |", "|---|---|---|"]
    for kind in KINDS.values():
        endings = ", ".join(f"`{suffix}`" for suffix in kind.suffixes)
        packed = ", also with " if kind.packings else ""
        packed += " or ".join(f"`{packing}`" for packing in kind.packings)
        lines.append(f"| `{kind.usage}` | {kind.about} | {endings}{packed} |")
    return "\n".join(lines) + "\n"


def dataset_options(default: str | None = None) -> Callable[..., Any]:
    """Adds the argument DATASET, and ``--dataset`` as another way to give it.

    The command gets the full name as `dataset_name`: with its kind, if it is a path.

    Args:
      default: the dataset if neither is given; None makes that an error.
    """
    help = (
        f"What to work on, as for DATASET: {', '.join(BUNDLED)}; a file or folder of your own, "
        f"with its kind before it where its name does not tell it ({', '.join(KINDS)}), as in "
        f"{KINDS['csv'].example}; or an image-classification dataset of TensorFlow Datasets "
        "('tfsoftmax datasets' lists all)."
    )
    decorators = (
        click.argument("dataset", required=False, shell_complete=complete_dataset),
        click.option(
            "--dataset",
            "dataset_name",
            metavar="NAME",
            shell_complete=complete_dataset,
            help=f"{help}  [default: {default}]" if default else help,
        ),
    )

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def with_dataset(*, dataset: str | None, dataset_name: str | None, **options: Any) -> Any:
            if dataset is not None and dataset_name is not None:
                raise click.UsageError(
                    f"DATASET is {dataset!r} and --dataset is {dataset_name!r}: give one of them"
                )
            name = default if dataset is None else dataset
            name = name if dataset_name is None else dataset_name
            if name is None:
                raise click.UsageError("Missing argument 'DATASET'")
            return command(dataset_name=locate(name).name, **options)

        for add in reversed(decorators):
            with_dataset = add(with_dataset)
        return with_dataset

    return decorate


def dataset_of_model_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --dataset for commands whose default is the dataset that the model was trained on."""
    return click.option(
        "--dataset",
        "dataset_name",
        metavar="NAME",
        shell_complete=complete_dataset,
        help="Whose test rows to check on, as for train.  [default: what MODEL was trained on]",
    )(command)


def notation_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options for rows written as text, by their names in `SourceOptions`."""
    declared = source_options()
    return add_options(command, [make_option(declared[name], _DEFAULTS) for name in _NOTATION])


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options for reading data; the command gets them as `data`."""

    @functools.wraps(command)
    def with_data(**options: Any) -> Any:
        folders = options.pop("data_dir"), options.pop("manual_dir")
        return command(data=Data(*folders, pop_given(SourceOptions, options)), **options)

    made = [
        make_option(each, _DEFAULTS, _COMPLETIONS.get(each.name))
        for each in source_options().values()
        if each.flag
    ]
    return add_options(with_data, [*_FOLDERS, *made])


def source_options() -> dict[str, Option]:
    """The options of `SourceOptions`; the help of each names the kinds of source that it is for."""

    def with_kinds(declared: Option) -> Option:
        kinds = takers(declared.name)
        if len(kinds) == len(KINDS):
            return declared
        return replace(declared, help=declared.help + f" For {', '.join(kinds)}.")

    return {name: with_kinds(declared) for name, declared in options_of(SourceOptions).items()}
