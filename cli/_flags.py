"""Options in a command's own spelling: flags for the names that the library's messages give."""

from __future__ import annotations

import shlex

from tfsoftmax.messages import Message, Setting


def flag(name: str) -> str:
    """The command's option for a field or an argument of the library.

    >>> flag("memory_limit")
    '--memory-limit'
    """
    return "--" + name.replace("_", "-")


def spelled(text: object) -> str:
    """A message, or the one of an error, with flags for the options that it names.

    >>> from tfsoftmax.messages import setting
    >>> spelled("take the mean with " + setting("missing", "mean"))
    'take the mean with --missing mean'
    """
    if isinstance(text, Exception) and len(text.args) == 1:
        text = text.args[0]
    return text.spelled(_flagged) if isinstance(text, Message) else str(text)


def _flagged(setting: Setting) -> str:
    name, value = flag(setting.name), setting.value
    return name if value is ... else f"{name} {shlex.quote(str(value))}"
