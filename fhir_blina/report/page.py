"""Pages made of sections: templates, the publication's own words marked, resources as links.

Every string is escaped; only ``http`` and ``https`` addresses become links.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from fhir_blina.report.language import Language
from fhir_blina.report.layout import Layout

_IDEOGRAPHS = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef"
_OWN_WORDS = re.compile(f"[{_IDEOGRAPHS}]+(?:[ ·\\d%.,/~()-]*[{_IDEOGRAPHS}]+)*")
_REFERENCE = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})")


def environment(layout: Layout, language: Language, store_url: str | None) -> Environment:
    """The templates, with the filters that mark own words, make links, and put words into the language."""
    own = "" if layout.language == layout.local_language else layout.local_language
    made = Environment(
        loader=PackageLoader("fhir_blina.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    base = base_url(store_url)
    made.filters["own"] = lambda text: _own(str(text), own)
    made.filters["linked"] = lambda text: _linked(str(text), base, own)
    made.filters["say"] = language.say
    made.filters["joint"] = language.joint
    made.filters["svg"] = Markup  # drawn by us; its labels were escaped when it was written
    return made


def _own(text: str, language: str) -> Markup:
    """The text with the publication's own words marked as of their language."""
    if not language or text.isascii():
        return escape(text)
    pieces, last = [], 0
    for match in _OWN_WORDS.finditer(text):
        pieces.append(escape(text[last : match.start()]))
        pieces.append(Markup('<span lang="{}">{}</span>').format(language, match[0]))
        last = match.end()
    return Markup("").join([*pieces, escape(text[last:])])


def base_url(store_url: str | None) -> str:
    """The server's base without a trailing slash; empty for a folder or anything that is not http."""
    if not store_url:
        return ""
    parts = urlsplit(str(store_url))
    if parts.scheme not in {"http", "https"} or not parts.netloc or "@" in parts.netloc:
        return ""
    return str(store_url).rstrip("/")


def _linked(text: str, base: str, language: str) -> Markup:
    """The text with each ``Type/id`` as a link to the server, or as it is where there is none."""
    if not base:
        return _own(text, language)
    pieces, last = [], 0
    for match in _REFERENCE.finditer(text):
        pieces.append(_own(text[last : match.start()], language))
        href = f"{base}/{quote(match[1])}/{quote(match[2])}"
        pieces.append(Markup('<a href="{}">{}</a>').format(href, match[0]))
        last = match.end()
    return Markup("").join([*pieces, _own(text[last:], language)])
