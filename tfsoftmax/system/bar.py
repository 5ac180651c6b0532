"""A bar that shows how far something is: below a notebook's cell, and nowhere else by itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Bar:
    """Shows how far something is; this one shows nothing."""

    def show(self, doing: str, done: int = 0, total: int | None = None, figures: str = "") -> None:
        """Shows where it is now.

        Args:
          doing: what is being done; when it changes, a new bar begins.
          done: how much of it.
          total: of how much; None where nobody knows.
          figures: what else to say.
        """


def in_notebook() -> bool:
    """Whether this process shows its output below the cells of a notebook."""
    if "ipykernel" not in sys.modules:
        return False
    from multiprocessing import parent_process

    from IPython import get_ipython

    # A process that was forked from the notebook's has its shell, but must not write there.
    return hasattr(get_ipython(), "kernel") and parent_process() is None


@contextmanager
def cell_bar(shown: bool, after: float = 0.0) -> Iterator[Bar]:
    """Shows a bar below the cell that is run; shows nothing outside a notebook.

    It stays there in the end, and says if the block failed or was interrupted.

    Args:
      shown: False shows nothing anywhere.
      after: seconds that the block must have taken before anything is shown.
    """
    if not (shown and in_notebook()):
        yield Bar()
        return
    from tfsoftmax.system.drawn_bar import CellBar

    bar = CellBar(after)
    try:
        yield bar
    except BaseException as error:
        bar.end("interrupted" if isinstance(error, KeyboardInterrupt) else "failed")
        raise
    bar.end()
