"""The page of an inventory as Markdown or HTML."""

from __future__ import annotations

from html import escape

from fhir_blina.errors import printable
from fhir_blina.exploration.inventory import Inventory
from fhir_blina.exploration.page import MOST, page_parts

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
caption { text-align: left; font-weight: 600 }
th, td { text-align: left; padding: .15rem .8rem .15rem 0; border-bottom: 1px solid #ccc }
th, td { vertical-align: top }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


class PagedInventory(Inventory):
    """An inventory that shows itself as a page in a notebook."""

    def _repr_html_(self) -> str:
        return body_html(self)


def page_markdown(known: Inventory, most: int = MOST) -> str:
    """The page as Markdown."""
    lines = [f"# {_plain(known.source)}", ""]
    for part in page_parts(known, most):
        lines += [f"## {part.title}", ""]
        for words in part.words:
            lines += [_plain(words), ""]
        if part.rows:
            lines.append("| " + " | ".join(name.lstrip("#") for name in part.header) + " |")
            lines.append(
                "|" + "|".join("---:" if name.startswith("#") else "---" for name in part.header) + "|"
            )
            lines += ["| " + " | ".join(map(_plain, row)) + " |" for row in part.rows]
            lines.append("")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Words that Markdown takes for nothing but words."""
    return "".join(f"\\{one}" if one in "\\`*_{}[]<>#|!&" else one for one in printable(text))


def body_html(known: Inventory, most: int = MOST) -> str:
    """The page without its head, for notebooks."""
    pieces = []
    for part in page_parts(known, most):
        pieces.append(f"<h2>{escape(part.title)}</h2>")
        pieces += [f"<p>{escape(printable(words))}</p>" for words in part.words]
        if part.rows:
            kinds = [' class="n"' if name.startswith("#") else "" for name in part.header]
            head = "".join(
                f'<th scope="col"{kind}>{escape(name.lstrip("#"))}</th>'
                for name, kind in zip(part.header, kinds, strict=True)
            )
            pieces.append(f"<table><thead><tr>{head}</tr></thead><tbody>")
            for row in part.rows:
                cells = (f"<td{kind}>{escape(cell)}</td>" for cell, kind in zip(row, kinds, strict=True))
                pieces.append(f"<tr>{''.join(cells)}</tr>")
            pieces.append("</tbody></table>")
    return "\n".join(pieces)


def page_html(known: Inventory, most: int = MOST) -> str:
    """The page as HTML: one file that loads nothing."""
    title = escape(printable(f"What is here: {known.source}"))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n"
        f"<body><main><h1>{title}</h1>\n{body_html(known, most)}\n</main></body></html>\n"
    )
