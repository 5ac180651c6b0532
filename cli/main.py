"""The command ``tfsoftmax``: the group of all commands."""

from __future__ import annotations

import click

from tfsoftmax import __version__
from tfsoftmax.cli._console import PlainGroup
from tfsoftmax.cli.cache import cache
from tfsoftmax.cli.coefficients import coefficients
from tfsoftmax.cli.compare import compare
from tfsoftmax.cli.convert import convert
from tfsoftmax.cli.datasets import datasets
from tfsoftmax.cli.drift import drift
from tfsoftmax.cli.evaluate import evaluate
from tfsoftmax.cli.explain import explain
from tfsoftmax.cli.export import export
from tfsoftmax.cli.inspect import inspect
from tfsoftmax.cli.launch import launch
from tfsoftmax.cli.predict import predict
from tfsoftmax.cli.statistics import statistics
from tfsoftmax.cli.train import train
from tfsoftmax.cli.tune import tune
from tfsoftmax.cli.verify import verify


@click.group(cls=PlainGroup, name="tfsoftmax")
@click.version_option(__version__, prog_name="tfsoftmax", message="%(prog)s %(version)s")
@click.help_option("-h", "--help")
def main() -> None:
    """Softmax regression from scratch in TensorFlow: train, evaluate, predict, export."""


for _command in (
    *(
        train,
        tune,
        inspect,
        evaluate,
        compare,
        drift,
        predict,
        explain,
        coefficients,
        statistics,
        export,
        convert,
        verify,
    ),
    *(launch, datasets, cache),
):
    main.add_command(_command)
