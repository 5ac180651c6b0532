"""Writes the table of training options into docs/training.md: ``python docs/write_options.py``."""

import re
from pathlib import Path

from tfsoftmax import RECIPES, Recipe
from tfsoftmax.cli._options import options_table

PAGE = Path(__file__).parent / "training.md"
_BEGIN = "<!-- Written by docs/write_options.py from the fields of tfsoftmax.Recipe. -->\n"
_END = "<!-- End of what is written. -->\n"


def with_table(page: str) -> str:
    """The page with its table as it has to be now."""
    table = f"{_BEGIN}\n{options_table(Recipe, RECIPES)}\n{_END}"
    return re.sub(f"{_BEGIN}.*{_END}", lambda _: table, page, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
