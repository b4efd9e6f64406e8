"""ViewDefinitions from files: one, or all of a folder by name."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from fhir_blina.errors import ViewError
from fhir_blina.files import loads, read_regular
from fhir_blina.r4 import R4, FhirRelease
from fhir_blina.views.definition import View
from fhir_blina.views.reader import read_view


def load_view(path: Path, release: FhirRelease = R4) -> View:
    """Read and check one ViewDefinition file, of resources of a release.

    Raises:
        ViewError: not readable, not JSON, or wrong; with file and JSON path.
    """
    try:
        definition = loads(read_regular(path).decode("utf-8"))
    except OSError as error:
        raise ViewError(f"{path}: not readable: {error.strerror}") from None
    except ValueError as error:
        raise ViewError(f"{path}: not JSON: {error}") from None
    name = path.stem.removeprefix("ViewDefinition-")
    return read_view(definition, source=str(path), name=name, release=release, beside=path.parent)


def load_views(folder: Path, release: FhirRelease = R4) -> dict[str, View]:
    """All ``ViewDefinition-*.json`` of a folder by name, sorted, of resources of a release.

    Raises:
        ViewError: no view, a wrong one, or two of one name.
    """
    found = [load_view(path, release) for path in sorted(folder.glob("ViewDefinition-*.json"))]
    if not found:
        raise ViewError(f"{folder}: no ViewDefinition-*.json there")
    twice = [name for name, count in Counter(view.name for view in found).items() if count > 1]
    if twice:
        raise ViewError(f"{folder}: more than one view is called {', '.join(twice)}")
    return {view.name: view for view in sorted(found, key=lambda view: view.name)}
