"""A full disk says of which file."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from fhir_blina.files import naming


def test_an_error_without_a_name_gets_one_and_one_with_a_name_keeps_it():
    with pytest.raises(OSError, match="No space") as caught, naming(Path("a")):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == "a"
    with pytest.raises(OSError, match="No space") as caught, naming(Path("a")):
        raise OSError(errno.ENOSPC, "No space left on device", "b")
    assert caught.value.filename == "b"
