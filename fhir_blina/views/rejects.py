"""Lines that are no resources, set aside so that the rest can be read (``--keep-going``)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from fhir_blina.files import MAX_LINE_BYTES, dumps, loads, open_regular, scratch, write_whole


def fault_of(line: bytes, resource_type: str) -> str:
    """What is wrong with a line, empty where it is a resource of the type."""
    if len(line) > MAX_LINE_BYTES:
        return f"longer than {MAX_LINE_BYTES // 2**20} MiB"
    if not line.endswith(b"\n"):
        return "cut off"
    try:
        resource = loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return "not UTF-8"
    except ValueError as error:
        return f"not readable as JSON: {getattr(error, 'msg', None) or error}"
    if not isinstance(resource, dict) or resource.get("resourceType") != resource_type:
        return f"not a {resource_type}"
    return ""


@contextlib.contextmanager
def bad_lines_aside(
    folder: Path, rejects: Path, resource_types: Iterable[str]
) -> Iterator[tuple[Path, dict[str, int]]]:
    """A folder with the readable lines only.

    Args:
        folder: Of ``<Type>.ndjson``.
        rejects: Where ``<Type>.rejects.ndjson`` goes: one object a line with ``line`` (its number),
            ``reason`` and ``text`` (the line as it was, unreadable bytes replaced). Written only
            where there is something to reject.
        resource_types: Types to look through.

    Yields:
        The folder to read, gone afterwards, and the number of lines rejected by type.
    """
    counts: dict[str, int] = {}
    with scratch() as clean:
        for resource_type in sorted(set(resource_types)):
            path = folder / f"{resource_type}.ndjson"
            if not path.exists():
                continue
            found: list[str] = []
            with open_regular(path) as file, (clean / path.name).open("wb") as kept:
                for number, line in enumerate(file, start=1):
                    reason = fault_of(line, resource_type)
                    if reason:
                        text = line.decode("utf-8", errors="replace").rstrip("\r\n")
                        found.append(dumps({"line": number, "reason": reason, "text": text}) + "\n")
                    else:
                        kept.write(line)
            if found:
                counts[resource_type] = len(found)
                write_whole(rejects / f"{resource_type}.rejects.ndjson", found)
        yield clean, counts
