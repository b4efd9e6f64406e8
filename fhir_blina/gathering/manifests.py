"""What the manifest of a Bulk Data export says of the files beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from fhir_blina.errors import StoreIncomplete, problem
from fhir_blina.files import loads


@dataclass(frozen=True)
class Stated:
    """A manifest: where it is, and its outputs as type, name of the file, and number of lines if it says."""

    path: Path
    outputs: tuple[tuple[str, str, int | None], ...]

    def compare(self, lines: Mapping[Path, tuple[str, int]]) -> None:
        """Compare with the files that were read.

        Where the files beside the manifest have the names that it gives, each must be there with its number
        of lines. Else (who downloads may name them otherwise) the numbers by type are compared.

        Args:
            lines: The type and number of lines of each file.

        Raises:
            StoreIncomplete: one finding for each difference.
        """
        below = {path: held for path, held in lines.items() if self.path.parent in path.parents}
        by_name = {path.name.removesuffix(".gz"): held for path, held in below.items()}
        findings = []
        if any(name in by_name for _, name, _ in self.outputs):
            for _, name, count in self.outputs:
                if name not in by_name:
                    findings.append(self._fault(f"names {name}, which is not there"))
                elif count is not None and count != by_name[name][1]:
                    findings.append(self._fault(f"says {count} lines of {name}, it has {by_name[name][1]}"))
        else:
            for kind in sorted({kind for kind, _, _ in self.outputs}):
                said = [count for one, _, count in self.outputs if one == kind]
                held = sum(count for one, count in below.values() if one == kind)
                known = [count for count in said if count is not None]
                if len(known) == len(said) and sum(known) != held:
                    findings.append(self._fault(f"says {sum(known)} {kind}, the files hold {held}"))
        if findings:
            raise StoreIncomplete(findings)

    def _fault(self, what: str) -> Any:
        return problem(str(self.path), what, "Export or download it again, or take the manifest away")


def is_manifest(text: bytes, path: Path) -> Stated | None:
    """The manifest in a ``.json`` file, None where it is none."""
    if b'"output"' not in text or b'"transactionTime"' not in text:
        return None
    try:
        stated = loads(text.decode("utf-8"))
    except ValueError:
        return None
    outputs = stated.get("output") if isinstance(stated, dict) and "resourceType" not in stated else None
    if not isinstance(outputs, list):
        return None
    found = []
    for one in outputs:
        if isinstance(one, dict) and isinstance(one.get("type"), str) and isinstance(one.get("url"), str):
            count = one.get("count")
            name = unquote(urlsplit(one["url"]).path).rpartition("/")[2].removesuffix(".gz")
            found.append((one["type"], name, count if isinstance(count, int) else None))
    return Stated(path, tuple(found))
