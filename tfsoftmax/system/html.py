"""Small tables in HTML, for objects that show themselves in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape


def html_table(
    title: str, rows: Iterable[Sequence[str]], header: Sequence[str] | None = None
) -> str:
    """A table with a title; all texts are escaped.

    >>> html_table("<a>", [("rows", "3")])
    '<div><b>&lt;a&gt;</b><table><tbody><tr><th>rows</th><td>3</td></tr></tbody></table></div>'
    """
    head = ""
    if header:
        head = "<thead><tr>" + "".join(f"<th>{escape(each)}</th>" for each in header)
        head += "</tr></thead>"
    body = "".join(
        f"<tr><th>{escape(first)}</th>" + "".join(f"<td>{escape(each)}</td>" for each in rest)
        + "</tr>"
        for first, *rest in rows
    )  # fmt: skip
    return f"<div><b>{escape(title)}</b><table>{head}<tbody>{body}</tbody></table></div>"
