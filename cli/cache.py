"""``tfsoftmax cache``: what is kept on the disk for the next run, and what it takes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from tfsoftmax.cli._console import PlainCommand, common_options, set_verbosity
from tfsoftmax.system.json_text import json_text

if TYPE_CHECKING:
    from tfsoftmax.data.cache_entries import CacheEntry

_AGES = ((86400, "day"), (3600, "hour"), (60, "minute"))


@click.command(cls=PlainCommand, name="cache")
@click.option(
    "--data-dir",
    metavar="DIR",
    help="Where decoded datasets are kept.  [default: $TFDS_DATA_DIR or ~/tensorflow_datasets]",
)
@click.option("--clear", is_flag=True, help="Remove all of it; the next run makes it again.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@common_options
def cache(data_dir: str | None, clear: bool, as_json: bool, verbose: bool, quiet: bool) -> None:
    """List what is kept for the next run: decoded datasets and compiled training loops.

    It makes runs start sooner and is made again if it is missing. Only what this package marked
    as its own is removed: models, checkpoints and datasets that TensorFlow Datasets prepared
    stay. Do not clear what a run is training on.
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
        click.echo(json_text({"removed": clear, "datasets": entries, "compiled": compiled}))
        return
    _print(datasets, compiled, "removed" if clear else "kept")
    if not clear and any(entry.source is None for entry in datasets):
        click.echo(f"what has no source is from an older version: remove it by hand, in {folder}")


def _print(datasets: list[CacheEntry], compiled: dict[str, Any], what: str) -> None:
    for entry in datasets:
        source = entry.source or f"(no source) {entry.path.name}"
        click.echo(f"{_size(entry.bytes):>9}  {_age(entry.seconds):>10}  {source}")
    if compiled["files"]:
        loops = f"{compiled['files']} compiled training loops"
        click.echo(f"{_size(compiled['bytes']):>9}  {'':>10}  {loops}")
    total = sum(entry.bytes for entry in datasets) + compiled["bytes"]
    click.echo(f"{_size(total):>9}  {'':>10}  {what} in all")


def _size(count: int) -> str:
    """Bytes as people say them.

    >>> _size(512), _size(41_300_000)
    ('512 B', '41.3 MB')
    """
    number, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if number < 1000:
            break
        number, unit = number / 1000, larger
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"


def _age(seconds: float) -> str:
    """A time as people say it.

    >>> _age(30), _age(7200), _age(86400)
    ('now', '2 hours', '1 day')
    """
    for length, name in _AGES:
        count = int(seconds // length)
        if count:
            return f"{count} {name}{'s' if count > 1 else ''}"
    return "now"
