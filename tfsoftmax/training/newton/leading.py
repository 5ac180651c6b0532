"""The chief leads: what Newton's method asks of its rows, all other workers ask of theirs.

The chief alone runs the solver, so every decision is its own, and rounding cannot make workers
disagree and wait for each other for ever. The others wait to be told which method to call, of the
passes or of what draws rows. Each such method adds up what it finds over all workers.
"""

from __future__ import annotations

import inspect
import json
import math
import time
import weakref
from collections.abc import Callable, Mapping
from copy import copy
from functools import partial
from typing import Any, TypeVar

import numpy as np

from tfsoftmax.distributed.workers import Workers
from tfsoftmax.training.newton.passes import Joint, OfBias, OfRows, Passes, Point
from tfsoftmax.training.newton.preconditioner import Draw

# Bytes of a request beside its numbers, and the most numbers of rows to forget in one.
_HEADER = 1024
_MOST_FORGOTTEN = 50
_NUMBER_BYTES = 8
_END = "end"
# How often all look whether one of them was interrupted: it takes a message.
_LOOK_SECONDS = 0.2

Found = TypeVar("Found")


class Numbered(list[Any]):
    """`OfRows` of the chief's rows, and the number by which the others know those of theirs."""

    def __init__(self, of_rows: OfRows, number: int):
        super().__init__(of_rows)
        self.number = number


class Team:
    """Workers of which the chief tells the others what to call.

    Attributes:
      on_pass: called now and then, by all at the same place; what it raises is let through.
    """

    def __init__(
        self, workers: Workers, methods: Mapping[str, Callable[..., Any]], n_parameters: int
    ):
        """Prepares them.

        Args:
          workers: all.
          methods: of this worker's rows, by name. Each returns the same on all workers, or one
            list of what belongs to rows, or a `Point`.
          n_parameters: no argument has more numbers.
        """
        self.on_pass: Callable[[], None] | None = None
        self._workers, self._methods = workers, methods
        self._length = _HEADER + n_parameters * _NUMBER_BYTES
        self._of_rows: dict[int, OfRows] = {}
        self._made = 0
        self._forgotten: list[int] = []
        self._looked = -math.inf

    def led(self, task: Callable[[], Found]) -> Found:
        """What a task returns to the chief, JSON-ready; the others do what it asks meanwhile."""
        if not self._workers.is_chief:
            while self._follow():
                pass
            found: Found = self._workers.chiefs(None)
            return found
        found = task()
        self._tell(_END)
        self._workers.chiefs(found)
        return found

    def ask(self, name: str, *arguments: Any) -> Any:
        """Calls a method, on all workers; only the chief may."""
        now = time.monotonic()
        looks = now >= self._looked + _LOOK_SECONDS
        self._looked = now if looks else self._looked
        self._tell(name, *arguments, looks=looks)
        return self._call(name, arguments, looks)

    def _tell(self, name: str, *arguments: Any, looks: bool = False) -> None:
        described, numbers = [], b""
        for each in arguments:
            if isinstance(each, Numbered):
                described.append({"rows": each.number})
            elif isinstance(each, np.ndarray):
                described.append({"shape": each.shape, "dtype": each.dtype.str})
                numbers = each.tobytes()
            else:
                described.append({"value": each})
        forgotten = self._forgotten[:_MOST_FORGOTTEN]
        del self._forgotten[:_MOST_FORGOTTEN]
        header = json.dumps([name, described, forgotten, looks]).encode().ljust(_HEADER)
        message = (header + numbers).ljust(self._length, b"\0")
        assert len(header) == _HEADER
        assert len(message) == self._length
        self._workers.chiefs_bytes(message, self._length)

    def _follow(self) -> bool:
        """Does what the chief tells; whether there is more to come."""
        message = self._workers.chiefs_bytes(b"", self._length)
        name, described, forgotten, looks = json.loads(message[:_HEADER])
        for number in forgotten:
            del self._of_rows[number]
        if name == _END:
            return False
        arguments: list[Any] = []
        for each in described:
            if "rows" in each:
                arguments.append(self._of_rows[each["rows"]])
            elif "shape" in each:
                count = int(np.prod(each["shape"]))
                numbers = np.frombuffer(message, each["dtype"], count, _HEADER)
                arguments.append(numbers.reshape(each["shape"]))
            else:
                arguments.append(each["value"])
        self._call(name, arguments, looks)
        return True

    def _call(self, name: str, arguments: Any, looks: bool) -> Any:
        if looks and self.on_pass:
            self.on_pass()
        found = self._methods[name](*arguments)
        if isinstance(found, Point):
            return found._replace(probabilities=self._kept(found.probabilities))
        return self._kept(found) if isinstance(found, list) else found

    def _kept(self, of_rows: OfRows) -> OfRows:
        """What the chief and the others will know by the same number, while the chief needs it."""
        self._made += 1
        if not self._workers.is_chief:
            self._of_rows[self._made] = of_rows
            return of_rows
        kept = Numbered(of_rows, self._made)
        weakref.finalize(kept, self._forgotten.append, self._made).atexit = False
        return kept


class LedPasses(Passes):
    """`Passes` that the chief asks of all workers."""

    def __init__(self, own: Passes, team: Team):
        self._own, self._team = own, team
        self.rows, self.n_samples = own.rows, own.n_samples

    @property
    def count(self) -> float:
        """As for `Passes`."""
        return self._own.count

    @count.setter
    def count(self, count: float) -> None:
        self._own.count = count

    @property
    def on_pass(self) -> Callable[[], None] | None:
        """As for `Team`."""
        return self._team.on_pass

    @on_pass.setter
    def on_pass(self, on_pass: Callable[[], None] | None) -> None:
        self._team.on_pass = on_pass

    def logits(self, parameters: Joint, exact: bool = False) -> OfRows:
        """As for `Passes`."""
        found: OfRows = self._team.ask("logits", parameters, exact)
        return found

    def at(self, logits: OfRows, keep: bool = True) -> Point:
        """As for `Passes`."""
        found: Point = self._team.ask("at", logits, keep)
        return found

    def curving(self, probabilities: OfRows) -> OfRows:
        """As for `Passes`."""
        found: OfRows = self._team.ask("curving", probabilities)
        return found

    def curved(self, probabilities: OfRows, direction: Joint) -> Joint:
        """As for `Passes`."""
        found: Joint = self._team.ask("curved", probabilities, direction)
        return found

    def loss_along(self, logits: OfRows, ahead: OfRows, size: float) -> float:
        """As for `Passes`."""
        return float(self._team.ask("loss_along", logits, ahead, size))

    def entropy(self, probabilities: OfRows, share: float) -> float:
        """As for `Passes`."""
        return float(self._team.ask("entropy", probabilities, share))

    def of_bias(self, logits: OfRows) -> OfBias:
        """As for `Passes`."""
        found: OfBias = self._team.ask("of_bias", logits)
        return found

    def between(self, one: OfRows, other: OfRows) -> OfRows:
        """As for `Passes`."""
        found: OfRows = self._team.ask("between", one, other)
        return found

    def shifted(self, logits: OfRows, step: np.ndarray) -> OfRows:
        """As for `Passes`."""
        found: OfRows = self._team.ask("shifted", logits, step)
        return found


def led_by_the_chief(passes: Passes, draw: Draw, n_parameters: int) -> tuple[LedPasses, Draw, Team]:
    """What the chief's solver is given instead of its own rows, and those that it leads.

    Args:
      passes: over this worker's rows.
      draw: of them.
      n_parameters: of W and b.
    """
    of_rows: dict[str, Callable[..., Any]] = {
        name: getattr(passes, name)
        for name, method in vars(LedPasses).items()
        if inspect.isfunction(method) and not name.startswith("_")
    }
    of_rows |= {name: getattr(draw, name) for name in draw.of_rows}
    team, led = Team(passes.rows.workers, of_rows, n_parameters), copy(draw)
    for name in draw.of_rows:
        setattr(led, name, partial(team.ask, name))
    return LedPasses(passes, team), led, team
