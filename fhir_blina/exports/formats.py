"""A table as CSV, LaTeX, HTML that a word processor takes, and as an object of great_tables."""

from __future__ import annotations

import csv
import io
from html import escape
from typing import TYPE_CHECKING

from fhir_blina.errors import AnalysisError
from fhir_blina.exports.sheets import Sheet
from fhir_blina.files import as_plain_cell

if TYPE_CHECKING:
    from great_tables import GT

_TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "−": "$-$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "×": r"$\times$",
    "μ": r"$\mu$",
    "µ": r"$\mu$",
    "²": r"\textsuperscript{2}",
    "³": r"\textsuperscript{3}",
}
_LINE = "border:none;padding:2pt 6pt;font-family:serif;font-size:10pt"
_NOTE = "font-family:serif;font-size:9pt"
_ABOVE, _BELOW = "border-top:1.5pt solid black;", "border-bottom:0.75pt solid black;"


def as_csv(sheet: Sheet) -> str:
    """CSV of the table: UTF-8, LF; a text that a spreadsheet would take for a formula gets an apostrophe."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    for row in (sheet.head, *sheet.rows):
        writer.writerow(map(as_plain_cell, row))
    return written.getvalue()


def as_latex(sheet: Sheet) -> str:
    r"""LaTeX of the table, to be read by ``\input``; needs the package booktabs."""
    lines = [
        r"\begin{table}[htbp]",
        r"\centering",
        rf"\caption{{{_tex(sheet.title)}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(sheet.head) - 1)}}}",
        r"\toprule",
        _tex_row(sheet.head),
        r"\midrule",
        *map(_tex_row, sheet.rows),
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par\footnotesize {_tex(note)}" for note in sheet.notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _tex(text: str) -> str:
    indent = len(text) - len(text.lstrip(" "))
    return r"\quad " * (indent // 2) + "".join(_TEX.get(one, one) for one in text.lstrip(" "))


def _tex_row(cells: tuple[str, ...]) -> str:
    return " & ".join(map(_tex, cells)) + r" \\"


def as_html(sheet: Sheet) -> str:
    """HTML of the table with all of its style inside it: opened or pasted, a word processor keeps it.

    Lines above and below as journals have them, and no colour.
    """
    head = "".join(
        f'<th style="{_LINE};{_ABOVE}{_BELOW}text-align:{_side(place)}">{escape(text)}</th>'
        for place, text in enumerate(sheet.head)
    )
    last = len(sheet.rows) - 1
    rows = [
        "".join(_html_cell(place, text, last=number == last) for place, text in enumerate(row))
        for number, row in enumerate(sheet.rows)
    ]
    notes = "".join(f'<p style="{_NOTE}">{escape(note)}</p>\n' for note in sheet.notes)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">'
        f"<title>{escape(sheet.title)}</title></head>\n<body>\n"
        '<table style="border-collapse:collapse">\n'
        f'<caption style="font-family:serif;text-align:left">{escape(sheet.title)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n"
        + "".join(f"<tr>{row}</tr>\n" for row in rows)
        + f"</tbody>\n</table>\n{notes}</body>\n</html>\n"
    )


def _side(place: int) -> str:
    return "right;white-space:nowrap" if place else "left"


def _html_cell(place: int, text: str, *, last: bool) -> str:
    indent = "&#160;" * (len(text) - len(text.lstrip(" ")))
    style = f"{_LINE};{_BELOW if last else ''}text-align:{_side(place)}"
    return f'<td style="{style}">{indent}{escape(text.lstrip(" "))}</td>'


def to_great_tables(sheet: Sheet) -> GT:
    """The table for a notebook, to be styled further; needs ``pip install fhir-blina[notebook]``.

    Raises:
        AnalysisError: great_tables is not installed.
    """
    try:
        from great_tables import GT
    except ImportError:
        raise AnalysisError("great_tables is not installed. pip install 'fhir-blina[notebook]'") from None
    import pandas as pd

    made = GT(pd.DataFrame(sheet.rows, columns=list(sheet.head))).tab_header(title=sheet.title)
    made = made.cols_align(align="left", columns=[sheet.head[0]])
    made = made.cols_align(align="right", columns=list(sheet.head[1:]))
    for note in sheet.notes:
        made = made.tab_source_note(note)
    return made
