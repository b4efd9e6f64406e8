"""The secret behind hashed ids: made once, kept in a file that only its owner can read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from fhir_blina.errors import CohortError, problem

MIN_BYTES = 32


def id_key_path() -> Path:
    """``FHIR_BLINA_ID_KEY_FILE``, or ``fhir-blina/id-key`` in the user's configuration folder."""
    given = os.environ.get("FHIR_BLINA_ID_KEY_FILE")
    if given:
        return Path(given)
    config = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(config) / "fhir-blina" / "id-key"


def id_key() -> bytes:
    """The key, of 32 bytes or more; made on first use.

    Whoever has the key can tell which id belongs to which subject; whoever loses it gets other ids.

    Raises:
        CohortError: the file is too short, or cannot be read or made.
    """
    path = id_key_path()
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_hex(MIN_BYTES).encode())
        key = path.read_bytes().strip()
    except OSError as error:
        raise CohortError([problem(str(path), f"the key for ids cannot be used: {error.strerror}")]) from None
    if len(key) < MIN_BYTES:
        remedy = f"Put at least {MIN_BYTES} random bytes into it"
        raise CohortError([problem(str(path), "the key for ids is too short", remedy)])
    return key
