"""HAPI's R4 validator over a folder of NDJSON, without a network.

It knows FHIR R4 and what the given profile folders define; of LOINC, SNOMED CT and other large code
systems it knows nothing and says so in a warning.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from fhir_blina.errors import FhirBlinaError, Finding
from fhir_blina.files import open_regular, scratch
from fhir_blina.hapi.java import Say, built, java_command
from fhir_blina.r4 import findings_of

VALIDATE_SECONDS = 3600


def validate_with_hapi(
    folder: Path, profiles: Sequence[Path] = (), *, values: bool = False, say: Say | None = None
) -> list[Finding]:
    """Judge every resource of every ``*.ndjson`` below ``folder``.

    Args:
        folder: NDJSON files, one resource a line.
        profiles: Folders with CodeSystem, ValueSet and StructureDefinition as ``*.json``. An extension
            that none of them defines is an error.
        values: Keep quoted values in the messages. They can be a patient's.
        say: Told when the validator has to be built first.

    Returns:
        Findings of every severity, each at ``Type/id``, in the order of files and lines.

    Raises:
        FhirBlinaError: Java or Maven is missing, the build failed, or the program did.
    """
    jar = built("hapi-validator", say=say)
    with scratch() as place:
        output = place / "outcomes.ndjson"
        command = [java_command(), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
        command += ["-jar", str(jar), str(output), str(folder), *map(str, profiles)]
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=VALIDATE_SECONDS, check=False
        )
        if done.returncode or not output.is_file():
            last = done.stderr.strip().splitlines()[:3]
            raise FhirBlinaError("HAPI's validator stopped: " + " ".join(last))
        outcomes = [json.loads(line) for line in output.read_text("utf-8").split("\n") if line]
    names = list(_names(folder))
    if len(names) != len(outcomes):
        raise FhirBlinaError(f"HAPI's validator judged {len(outcomes)} of {len(names)} lines of {folder}")
    return [
        finding
        for name, outcome in zip(names, outcomes, strict=True)
        for finding in findings_of(outcome, name, values=values)
    ]


def _names(folder: Path) -> Iterator[str]:
    """``Type/id`` of each line, ``file:line`` where the line has none, in the validator's order."""
    for path in sorted(folder.rglob("*.ndjson"), key=str):
        with open_regular(path) as file:
            for number, line in enumerate(file, start=1):
                try:
                    resource = json.loads(line)
                    yield f"{resource['resourceType']}/{resource['id']}"
                except (ValueError, KeyError, TypeError):
                    yield f"{path.name}:{number}"
