"""Where the state of each server of ours lies: one folder in the cache for each port."""

from __future__ import annotations

import re
from pathlib import Path

from fhir_blina.hapi import java

PORT = 8080


def home_of(port: int = PORT) -> Path:
    """The folder with state, log and H2 database of the server at a port."""
    return java.cache_folder() / ("server" if port == PORT else f"server-{port}")


def ports_with_state() -> list[int]:
    """The ports for which a server was started, whether or not one runs there now."""
    found = (re.fullmatch(r"server(?:-(\d+))?", path.parent.name) for path in _states())
    return sorted(int(match[1] or PORT) for match in found if match)


def _states() -> list[Path]:
    folder = java.cache_folder()
    return [*folder.glob("server/state.json"), *folder.glob("server-*/state.json")]
