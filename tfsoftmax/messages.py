"""Messages that name options, spelled for Python; a command spells them its own way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple


class Setting(NamedTuple):
    """An option that a message names: a field or an argument, and its value if it has one."""

    name: str
    value: Any = ...  # None is a value

    def __str__(self) -> str:
        return self.name if self.value is ... else f"{self.name}={_literal(self.value)}"


class Message(str):
    """A text that remembers which options it names. Join its parts with ``+``.

    As a text it is spelled for Python, and it stays so wherever it loses its parts, as in an
    f-string.

    Attributes:
      parts: of which it is joined.

    >>> message = "take the mean: " + setting("missing", "mean") + "."
    >>> print(message)
    take the mean: missing="mean".
    >>> message.render(lambda setting: f"<{setting.name}>")
    'take the mean: <missing>.'
    """

    parts: tuple[str | Setting, ...]

    def __new__(cls, *parts: str | Setting) -> Message:
        """Joins them."""
        made = super().__new__(cls, "".join(map(str, parts)))
        made.parts = tuple(
            inner for part in parts for inner in (part.parts if isinstance(part, cls) else (part,))
        )
        return made

    def __add__(self, other: str) -> Message:
        return Message(self, other)

    def __radd__(self, other: str) -> Message:
        return Message(other, self)

    def join(self, texts: Iterable[str]) -> Message:
        """As `str.join`."""
        parts = [part for text in texts for part in (self, text)]
        return Message(*parts[1:])

    def render(self, spell: Callable[[Setting], str]) -> str:
        """The text with every option as `spell` writes it."""
        return "".join(spell(part) if isinstance(part, Setting) else part for part in self.parts)


def setting(name: str, value: Any = ...) -> Message:
    """What a message says of an option: its name, and a value to give it, if one is given.

    >>> print(setting("missing", "mean"), setting("drop", ["age", "full name"]), setting("l2"))
    missing="mean" drop=["age", "full name"] l2
    """
    return Message(Setting(name, value))


def message_of(error: BaseException) -> str:
    """What an error says, with the options that it names."""
    said = error.args[0] if len(error.args) == 1 else None
    return said if isinstance(said, Message) else str(error)


def options_in(error: BaseException) -> tuple[str, ...]:
    """The options that an error names, in order."""
    said = message_of(error)
    parts = said.parts if isinstance(said, Message) else ()
    return tuple(part.name for part in parts if isinstance(part, Setting))


def _literal(value: Any) -> str:
    """A value as Python reads it; texts in double quotes."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | list) else repr(value)


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number and what it counts, whose plural is with an s if `many` does not say it.

    >>> counted(1, "row"), counted(2000, "row"), counted(0, "class", "classes")
    ('1 row', '2,000 rows', '0 classes')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
