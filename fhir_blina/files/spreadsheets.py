"""Text that a spreadsheet would run as a formula, made text again (CWE-1236)."""

from __future__ import annotations

import re

# What begins a formula, full-width too, behind blanks or marks that are not seen. Programs whose lists are
# parted by semicolons or tabs split a cell of CSV there, so what follows one begins a cell as well.
_BEGIN = re.compile(r"(?:[\s\ufeff\u200b-\u200f\u2060\u00ad]*)[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n\x00]")
_INSIDE = re.compile(r"([;\t\r\n][\s\"']*)(?=[=@\uff1d\uff20]|[+\-\uff0b\uff0d|][^\s\d.,;])")


def as_plain_cell(text: str) -> str:
    """A text as a cell of CSV that no spreadsheet runs: an apostrophe in front of what would be a formula.

    ::

        >>> as_plain_cell("=HYPERLINK(1)")
        "'=HYPERLINK(1)"
    """
    if not text:
        return text
    return ("'" if _BEGIN.match(text) else "") + _INSIDE.sub(r"\1'", text)
