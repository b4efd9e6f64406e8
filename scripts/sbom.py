"""Write sbom.json, a CycloneDX bill of the pinned dependencies with their checksums.

Run from the repository::

    python scripts/sbom.py [FILE]

The same locks/run.txt gives the same bytes.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pip_requirements_parser import InstallRequirement, RequirementsFile

ROOT = Path(__file__).resolve().parent.parent


def main(target: Path) -> int:
    """Read locks/run.txt and pyproject.toml, write the bill; returns an exit code."""
    pinned = RequirementsFile.from_file(str(ROOT / "locks" / "run.txt"))
    if pinned.invalid_lines:
        sys.stderr.write("".join(f"{line.dumps()}\n" for line in pinned.invalid_lines))
        return 1
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    bill = Bom(components=[library(one) for one in pinned.requirements])
    bill.serial_number, bill.metadata.timestamp = None, None
    root = Component(
        name=project["name"], version=project["version"], type=ComponentType.APPLICATION, bom_ref="root"
    )
    bill.metadata.component = root
    direct = {canonicalize_name(Requirement(one).name) for one in project["dependencies"]}
    bill.register_dependency(root, [one for one in bill.components if canonicalize_name(one.name) in direct])
    target.write_text(JsonV1Dot6(bill).output_as_string(indent=2) + "\n", "utf-8")
    return 0


def library(pinned: InstallRequirement) -> Component:
    """One line of locks/run.txt."""
    version = pinned.get_pinned_version
    url = PackageURL("pypi", name=pinned.name, version=version)
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(str(url)),
        hashes=[
            HashType(alg=HashAlgorithm.SHA_256, content=one.removeprefix("sha256:"))
            for one in pinned.hash_options
        ],
    )
    return Component(
        name=pinned.name, version=version, bom_ref=str(url), purl=url, external_references=[files]
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "sbom.json")))
