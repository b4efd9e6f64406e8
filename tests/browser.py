"""Headless Chromium for tests, as the fixture ``chromium``.

A test that uses it carries the marker ``browser`` and is skipped, with the reason, where there is no Chromium.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

ARTIFACTS = Path(__file__).parent.parent / "artifacts"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

Open = Callable[..., Any]


@pytest.fixture(scope="session")
def _playwright() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def _browser(_playwright: Any) -> Iterator[Any]:
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    browser = _playwright.chromium.launch(executable_path=program, headless=True, args=list(OPTIONS))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def chromium(_browser: Any) -> Open:
    """``with chromium(url, width=360) as page``: a page in a browser with a profile of its own.

    ``page.said`` collects what the console and the page complain of.
    """

    @contextmanager
    def opened(url: str, *, width: int = 1280, height: int = 900, scheme: str = "light") -> Iterator[Any]:
        context = _browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        try:
            page = context.new_page()
            page.said = []
            page.on("console", lambda message: page.said.append(message.text))
            page.on("pageerror", lambda error: page.said.append(str(error)))
            page.on("request", lambda asked: page.said.append(asked.url) if asked.url != url else None)
            page.goto(url)
            yield page
        finally:
            context.close()

    return opened


def accessibility(page: Any) -> list[str]:
    """What axe-core finds wrong with the page, one line each."""
    source = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
    page.evaluate(source)
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
