"""What refers to something that could not be read, and what refers to nothing that is there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from fhir_blina.files import dumps, read_ndjson, write_whole
from fhir_blina.gathering.gathered import Gathered, Unread
from fhir_blina.r4 import targets_of

_NAMED = {name: re.compile(rf'"{name}"\s*:\s*"([^"\\]{{1,200}})"') for name in ("resourceType", "id")}
_KEY = re.compile(r"([A-Z][A-Za-z]{1,63})/[A-Za-z0-9\-.]{1,64}")


def named_in(text: str) -> str:
    """``Type/id`` of a line that may be no JSON, by the first of each in it; empty where one is missing."""
    found = [match[1] for pattern in _NAMED.values() if (match := pattern.search(text))]
    return "/".join(found) if len(found) == 2 else ""


def follow_references(found: Gathered, *, hold_back: bool) -> None:
    """Count references to what is not among the gathered, and set aside what refers to the unreadable.

    Args:
        found: What was gathered, with origins; changed in place, and so are its files.
        hold_back: Whether what refers to something that could not be read is rejected too, and whatever
            refers to that: it would be stored without what it is about.
    """
    targets = {
        f"{one['resourceType']}/{one['id']}": targets_of(one)
        for path in sorted(found.folder.glob("*.ndjson"))
        for _, one in read_ndjson(path)
    }
    lost = {
        name: f"{one.place} {name}" if _KEY.fullmatch(name) else one.place
        for one in found.rejected
        for name in (named_in(one.text), one.full_url)
        if name and name not in targets
    }
    held = _dependants(targets, lost) if hold_back else {}
    found.absent.update(
        known[1]
        for key, named in targets.items()
        if key not in held
        for target in named
        if target not in targets and target not in lost and (known := _KEY.fullmatch(target))
    )
    if held:
        _set_aside(found, held)


def _dependants(targets: Mapping[str, tuple[str, ...]], lost: Mapping[str, str]) -> dict[str, str]:
    """By ``Type/id`` of what refers to something lost, or to what does: the name of what was lost."""
    names = dict(lost)
    held: dict[str, str] = {}
    while True:
        more = {
            key: names[first]
            for key, named in targets.items()
            if key not in held and (first := next((one for one in named if one in names), ""))
        }
        if not more:
            return held
        held |= more
        names |= more


def _set_aside(found: Gathered, held: Mapping[str, str]) -> None:
    """Take resources out of the files, and put them with the rejected."""
    for kind in sorted({key.partition("/")[0] for key in held}):
        path = found.folder / f"{kind}.ndjson"
        kept: list[str] = []
        for line, key in _lines(found, kind):
            if key not in held:
                kept.append(line)
                continue
            reason = f"refers to {held[key]}, which could not be read"
            found.rejected.append(Unread(found.origins.get(key, key), reason, line.rstrip("\n")))
            found.counts[kind] -= 1
        write_whole(path, kept)
        if not kept:
            path.unlink()
            del found.counts[kind]


def _lines(found: Gathered, kind: str) -> Iterator[tuple[str, str]]:
    for _, one in read_ndjson(found.folder / f"{kind}.ndjson"):
        yield dumps(one) + "\n", f"{kind}/{one['id']}"
