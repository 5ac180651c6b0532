"""Options in a command's own spelling: flags for the names that the library's messages give."""

from __future__ import annotations

import shlex
from typing import Any

from tfsoftmax.messages import Message, Setting, message_of

TAB = "\t"
# Options that have another name, or another form, in the command than in Python.
_OTHERS = {
    "checkpoints": "--checkpoint-dir",
    "calibrate_on": "--dataset",
    "tfsoftmax.tune": "'tfsoftmax tune'",
}


def flag(name: str) -> str:
    """The command's option for a field or an argument of the library.

    >>> flag("memory_limit")
    '--memory-limit'
    """
    return "--" + name.replace("_", "-")


def render(text: object) -> str:
    """The text of a message or an error, with the options that it names spelled as flags.

    >>> from tfsoftmax.messages import setting
    >>> render("take the mean with " + setting("missing", "mean"))
    'take the mean with --missing mean'
    """
    if isinstance(text, BaseException):
        text = message_of(text)
    return text.render(_write) if isinstance(text, Message) else str(text)


def render_document(document: Any) -> Any:
    """A JSON-ready document whose messages name flags."""
    if isinstance(document, dict):
        return {key: render_document(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [render_document(value) for value in document]
    return render(document) if isinstance(document, Message) else document


def _write(setting: Setting) -> str:
    """The option and its value as they are typed in a shell."""
    if setting.name in _OTHERS:
        return _OTHERS[setting.name]
    name, value = flag(setting.name), setting.value
    if value is ... or value is True:
        return name
    if value is False:
        return "--no-" + name.removeprefix("--")
    if isinstance(value, tuple):
        return f"{name} {'x'.join(map(str, value))}"
    given = _between_commas(list(map(str, value))) if isinstance(value, list) else [value]
    return " ".join(f"{name} {'tab' if one == TAB else shlex.quote(str(one))}" for one in given)


def _between_commas(names: list[str]) -> list[str]:
    """Joins names by commas into one value, apart from names that contain a comma."""
    plain = [name for name in names if "," not in name]
    return [",".join(plain)] * bool(plain) + [name for name in names if "," in name]
