"""``tfsoftmax datasets``: lists what can be trained on, and what is ready."""

from __future__ import annotations

import click

from tfsoftmax.cli._console import PlainCommand, common_options, print_json, set_verbosity

_STATES = {
    "ready": "ready, no download",
    "prepared": "prepared, decoded at first use",
    "download": "downloaded at first use",
}


@click.command(cls=PlainCommand, name="datasets")
@click.option(
    "--data-dir",
    metavar="DIR",
    help="Where prepared datasets are kept.  [default: $TFDS_DATA_DIR or ~/tensorflow_datasets]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@common_options
def datasets(data_dir: str | None, as_json: bool, verbose: bool, quiet: bool) -> None:
    """List datasets to train on.

    Other image-classification datasets of TensorFlow Datasets work too, if all images of the
    dataset have one shape; a configuration is named as in emnist/letters.
    """
    set_verbosity(verbose, quiet)
    from tfsoftmax.data.load import catalogue

    entries = catalogue(data_dir)
    if as_json:
        print_json(entries)
        return
    width = max(len(entry["name"]) for entry in entries)
    for entry in entries:
        about = entry["about"]
        if "state" in entry:
            about = f"{about}; {_STATES[entry['state']]}"
        click.echo(f"{entry['name']:<{width}}  {about}")
