"""What several tests of views read."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections import defaultdict

import pytest

from fhir_blina.files import json as fhirjson


@pytest.fixture(scope="session")
def examples(tmp_path_factory):
    """A folder of NDJSON with the resources of npm's hl7.fhir.r4.examples."""
    archive = os.environ.get("FHIR_R4_EXAMPLES", "")
    folder = tmp_path_factory.mktemp("examples")
    if not archive:
        if shutil.which("npm") is None:
            pytest.skip("neither FHIR_R4_EXAMPLES (the npm package's .tgz) nor npm is there")
        command = ["npm", "pack", "hl7.fhir.r4.examples@4.0.1", "--silent"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            pytest.skip("npm cannot fetch hl7.fhir.r4.examples; set FHIR_R4_EXAMPLES to the package's .tgz")
        archive = folder / done.stdout.strip().splitlines()[-1]
    grouped, refused = defaultdict(list), []
    with tarfile.open(archive) as package:
        for member in package:
            if member.name.endswith(".json") and "/package.json" not in member.name and member.size < 200_000:
                try:
                    resource = fhirjson.loads(package.extractfile(member).read().decode())
                except ValueError:  # one example has a decimal of 1E-245, out of the range that we read
                    refused.append(member.name)
                    continue
                if isinstance(resource, dict) and "resourceType" in resource:
                    grouped[resource["resourceType"]].append(resource)
    assert len(refused) == 1
    for resource_type, resources in grouped.items():
        fhirjson.write_ndjson(folder / f"{resource_type}.ndjson", resources[:400])
    return folder
