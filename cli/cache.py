"""``tfsoftmax cache``: lists and clears the files that are cached on disk for later runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from tfsoftmax.cli._console import PlainCommand, common_options, print_json, set_verbosity

if TYPE_CHECKING:
    from tfsoftmax.data.cache_entries import CacheEntry

_SECONDS_PER_UNIT = {"day": 86400, "hour": 3600, "minute": 60}


@click.command(cls=PlainCommand, name="cache")
@click.option(
    "--data-dir",
    metavar="DIR",
    help="Folder of the cached datasets.  [default: $TFDS_DATA_DIR or ~/tensorflow_datasets]",
)
@click.option("--clear", is_flag=True, help="Remove everything; later runs cache it again.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@common_options
def cache(data_dir: str | None, clear: bool, as_json: bool, verbose: bool, quiet: bool) -> None:
    """List what is cached for later runs: decoded datasets and compiled training loops.

    The cache makes runs start sooner; what is missing is created again. Only files that this
    package marked as its own are removed: models, checkpoints and datasets prepared by
    TensorFlow Datasets stay. Do not clear the cache while a run is training on data in it.
    """
    set_verbosity(verbose, quiet)
    from tfsoftmax.data.cache import DatasetCache
    from tfsoftmax.data.cache_entries import list_entries, remove_entries
    from tfsoftmax.data.load import default_data_dir
    from tfsoftmax.system import compile_cache
    from tfsoftmax.system.paths import user_path

    folder = DatasetCache(user_path(data_dir) if data_dir else default_data_dir()).folder
    datasets, loops = list_entries(folder), compile_cache.verified_files()
    compiled = {"files": len(loops) // 2, "bytes": sum(file.stat().st_size for file in loops)}
    if clear:
        datasets = remove_entries(datasets)
        for file in loops:
            file.unlink(missing_ok=True)
    if as_json:
        entries = [{**asdict(entry), "path": str(entry.path)} for entry in datasets]
        print_json({"removed": clear, "datasets": entries, "compiled": compiled})
        return
    _print_entries(datasets, compiled, "removed" if clear else "cached")
    if not clear and any(entry.source is None for entry in datasets):
        click.echo(
            f"entries without a source are from an older version: remove them by hand, in {folder}"
        )


def _print_entries(datasets: list[CacheEntry], compiled: dict[str, Any], done: str) -> None:
    for entry in datasets:
        source = entry.source or f"(no source) {entry.path.name}"
        click.echo(f"{_format_size(entry.bytes):>9}  {_format_age(entry.seconds):>10}  {source}")
    if compiled["files"]:
        loops = f"{compiled['files']} compiled training loops"
        click.echo(f"{_format_size(compiled['bytes']):>9}  {'':>10}  {loops}")
    total = sum(entry.bytes for entry in datasets) + compiled["bytes"]
    click.echo(f"{_format_size(total):>9}  {'':>10}  {done} in all")


def _format_size(size: int) -> str:
    """Formats a number of bytes for people to read.

    >>> _format_size(512), _format_size(41_300_000)
    ('512 B', '41.3 MB')
    """
    number, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if number < 1000:
            break
        number, unit = number / 1000, larger
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"


def _format_age(seconds: float) -> str:
    """Formats an age for people to read.

    >>> _format_age(30), _format_age(7200), _format_age(86400)
    ('now', '2 hours', '1 day')
    """
    for unit, length in _SECONDS_PER_UNIT.items():
        count = int(seconds // length)
        if count:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "now"
