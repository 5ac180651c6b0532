"""Writes the tables that are made from declarations: ``python docs/write_tables.py``."""

import re
from collections.abc import Callable
from pathlib import Path

from tfsoftmax import RECIPES, Recipe, SourceOptions
from tfsoftmax.cli._options import options_table, table_of
from tfsoftmax.cli._sources import kinds_table, source_options

DOCS = Path(__file__).parent
# By page and by what the table is made from.
TABLES: dict[str, dict[str, Callable[[], str]]] = {
    "training.md": {"the fields of tfsoftmax.Recipe": lambda: options_table(Recipe, RECIPES)},
    "data.md": {
        "the rows of tfsoftmax.data.kinds": kinds_table,
        "the fields of tfsoftmax.SourceOptions": lambda: table_of(
            source_options(), {"": SourceOptions()}
        ),
    },
}
_END = "<!-- End of what is written. -->\n"


def with_tables(name: str, page: str) -> str:
    """The text of a page with its tables as they have to be now."""
    for source, make in TABLES[name].items():
        begin = f"<!-- Written by docs/write_tables.py from {source}. -->\n"
        written = f"{begin}\n{make()}\n{_END}"
        page = re.sub(f"{begin}.*?{_END}", lambda _, text=written: text, page, flags=re.DOTALL)
    return page


if __name__ == "__main__":
    for name in TABLES:
        path = DOCS / name
        path.write_text(with_tables(name, path.read_text(encoding="utf-8")), encoding="utf-8")
