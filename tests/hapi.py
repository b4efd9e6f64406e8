"""Fixtures that need Java and Maven: HAPI's validator and a real HAPI JPA server.

Without Java or Maven they skip, with the reason. With them, whatever fails to start fails the tests.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fhir_blina import java
from fhir_blina.errors import Finding
from fhir_blina.hapi_validator import validate_with_hapi

Judge = Callable[..., list[Finding]]


def need_java() -> None:
    """Skip where Java or Maven is missing."""
    if absent := java.missing():
        pytest.skip(absent)


@pytest.fixture(scope="session")
def hapi_validator() -> Judge:
    """``validate_with_hapi(folder, profiles)`` with values in its messages, already built."""
    need_java()
    java.built("hapi-validator")

    def judge(folder: Path, profiles: list[Path] | None = None) -> list[Finding]:
        return validate_with_hapi(folder, profiles or [], values=True)

    return judge
