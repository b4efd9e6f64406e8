"""The command that has a terminology server expand value sets, and keeps what it answers beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fhir_blina.cli.reading import Options, terminal_of
from fhir_blina.errors import AnalysisError, StoreRefused, problem

if TYPE_CHECKING:
    from fhir_blina.http import Transport

SERVER = "FHIR_BLINA_TERMINOLOGY"
PAGE = 1000
MOST_CODES = 200_000
UNCLOSED = ("valueset-unclosed", "valueset-toocostly")
VERSIONS = ("version", "used-codesystem", "used-valueset")


def expand(options: Options) -> int:
    """Have a terminology server expand the value sets that choose by what only it knows."""
    from fhir_blina.files import dumps, write_whole
    from fhir_blina.http import Transport, access
    from fhir_blina.terminology import Shelf

    terminal = terminal_of(options)
    shelf = Shelf(Path(options.folder))
    wanted = list(_wanted(shelf, options.names, again=options.again))
    server = options.terminology or os.environ.get(SERVER, "")
    if wanted and not server:
        names = ", ".join(path.stem for path, _ in wanted)
        remedy = f"Give --terminology URL, or set {SERVER}"
        raise AnalysisError(
            [problem(str(shelf.folders[0]), f"no terminology server to expand {names}", remedy)]
        )
    files = []
    if wanted:
        transport = Transport(server, **access(server, options.auth_file))
        for path, content in wanted:
            kept = path.with_name(f"{path.stem}.expansion.json")
            made = expansion_of(transport, path, content)
            write_whole(kept, dumps(made, indent=2) + "\n")
            files.append(str(kept))
            terminal.note(f"{path.stem}: {len(made['expansion']['contains'])} codes, {_versions(made)}")
    terminal.answer({"files": files})
    for file in files:
        terminal.result(file)
    if not files:
        terminal.say("nothing to expand: what the value sets hold stands in their folder")
    return 0


def _wanted(shelf: Any, names: list[str], *, again: bool) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The value sets that were named, or that the folder alone does not answer."""
    from fhir_blina.files import loads

    stems = names or [path.stem for path in shelf.files() if path.parent == shelf.folders[0]]
    for name in stems:
        try:
            path, content = shelf.find(name)
        except ValueError as error:
            if not names and "is no ValueSet" in str(error):
                continue  # a CodeSystem
            raise AnalysisError([problem(str(shelf.folders[0]), str(error))]) from None
        if "expansion" in loads(path.read_text("utf-8")):
            continue
        try:
            shelf.value_set(name)
        except ValueError:
            yield path, content
            continue
        if again and path.with_name(f"{path.stem}.expansion.json").is_file():
            yield path, content


def expansion_of(transport: Transport, path: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """A ValueSet with the whole of its expansion, and the versions that it was made from.

    Args:
        transport: The terminology server.
        path: The file, for messages.
        content: What it holds.

    Raises:
        StoreRefused: the server does not expand it, gives a part of it, or too much.
    """
    from fhir_blina.files import dumps

    found: dict[tuple[str, str], dict[str, Any]] = {}
    said: set[tuple[str, str]] = set()
    first: dict[str, Any] = {}
    paged = True
    while True:
        parameters: list[dict[str, Any]] = [{"name": "valueSet", "resource": dict(content)}]
        if paged:
            parameters.append({"name": "count", "valueInteger": PAGE})
            parameters.append({"name": "offset", "valueInteger": len(found)})
        body = dumps({"resourceType": "Parameters", "parameter": parameters})
        answer = transport.request("POST", "ValueSet/$expand", body=body)
        expansion = answer.json.get("expansion") if answer.ok and isinstance(answer.json, dict) else None
        if not isinstance(expansion, dict) and paged and not found:
            paged = False  # HAPI takes count for the most that there may be, where it expands in memory
            continue
        if not isinstance(expansion, dict):
            raise StoreRefused(f"{path}: {transport.base} does not expand it: {answer.why()}")
        first = first or expansion
        if any(str(one.get("url", "")).endswith(UNCLOSED) for one in expansion.get("extension", ())):
            raise StoreRefused(f"{path}: {transport.base} gives a part of the expansion only")
        contains = expansion.get("contains", ())
        said |= {(one["system"], one["code"]) for one in _codes(contains, abstract=True)}
        page = {(one["system"], one["code"]): one for one in _codes(contains)}
        new = {key: one for key, one in page.items() if key not in found}
        found |= new
        total = first.get("total")
        if len(found) > MOST_CODES:
            raise StoreRefused(f"{path}: has more than {MOST_CODES:,} codes. Choose fewer")
        if not paged or not new or not isinstance(total, int) or len(found) >= total:
            break
    if isinstance(total, int) and len(found) < total:
        raise StoreRefused(f"{path}: {transport.base} gives {len(found)} of {total} codes, and then no more")
    for system, code in _with_themselves(content.get("compose", {})):
        if (system, code) not in said:  # a HAPI without its index of texts does that
            raise StoreRefused(
                f'{path}: {transport.base} leaves out "{code}", which a filter with is-a includes. '
                "Add an include with that code as a concept"
            )
    kept = {key: first[key] for key in ("identifier", "timestamp", "parameter") if key in first}
    named = {key: content[key] for key in ("url", "version", "name", "status", "compose") if key in content}
    listed = [found[key] for key in sorted(found)]
    expansion = kept | {"total": len(listed), "contains": listed}
    return {"resourceType": "ValueSet", **named, "expansion": expansion}


def _codes(entries: Any, *, abstract: bool = False) -> Iterator[dict[str, Any]]:
    for entry in entries:
        if "code" in entry and "system" in entry and (abstract or not entry.get("abstract")):
            yield {key: entry[key] for key in ("system", "version", "code", "display") if key in entry}
        yield from _codes(entry.get("contains", ()), abstract=abstract)


def _with_themselves(compose: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Codes that ``is-a`` puts into the set itself; none where something else could take them out."""
    for part in () if "exclude" in compose else compose.get("include", ()):
        only = part["filter"][0] if len(part.get("filter", ())) == 1 and "valueSet" not in part else {}
        if only.get("op") == "is-a" and only.get("property") in ("concept", "code"):
            yield part["system"], str(only.get("value"))


def _versions(made: Mapping[str, Any]) -> str:
    said = [
        str(one.get("valueUri") or one.get("valueString"))
        for one in made["expansion"].get("parameter", ())
        if one.get("name") in VERSIONS
    ]
    return f"of {', '.join(said)}" if said else "of a version that the server does not say"
