"""The commands that only move resources: push, pull, unload, doctor, server."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from fhir_blina.cli.reading import (
    Options,
    gathered_files,
    holds_resources,
    keep_unread,
    listed,
    reads_files,
    rejecting,
    say_gathered,
    store_of,
    terminal_of,
)
from fhir_blina.cli.terminal import Terminal, counted, table_text
from fhir_blina.errors import StoreRefused


def prepared(options: Options, terminal: Terminal) -> tuple[Any, Any, Any]:
    """The cohort that the options name, checked and mapped."""
    from fhir_blina.cli.pipeline import prepare

    return prepare(options.cohort, anchor=options.anchor, profiles=options.profiles, terminal=terminal)


def push(options: Options) -> int:
    """Store the resources of a cohort, or those of files."""
    from fhir_blina.cli.pipeline import chosen_release, validated
    from fhir_blina.gathering import is_plain
    from fhir_blina.store import NdjsonFolder, cohort_of

    terminal = terminal_of(options)
    store = store_of(options)
    source = Path(options.cohort)
    if not holds_resources(source):
        if options.tag:
            raise StoreRefused(
                f"{options.cohort} is a cohort, which has a tag; --tag needs a folder of resources"
            )
        cohort, mapped, _ = prepared(options, terminal)
        validated(cohort, mapped, terminal=terminal)
        if options.definitions and not options.dry_run:
            _load_definitions(store, cohort, terminal)
        return _pushed(options, store, mapped.resources, cohort.name, terminal, mapped=mapped)
    if options.definitions or options.profiles or options.anchor:
        raise StoreRefused(
            f"{options.cohort} holds resources; --definitions, --profiles and --anchor need a cohort"
        )
    if not options.tag and is_plain(source, chosen_release(None)):
        plain = NdjsonFolder(source)
        return _pushed(options, store, plain, cohort_of(plain), terminal)
    with gathered_files(source, terminal, tag=options.tag or "", hold_back=True) as (resources, found):
        name = options.tag or cohort_of(resources)
        return _pushed(options, store, resources, name, terminal, found=found)


def _pushed(
    options: Options,
    store: Any,
    resources: Any,
    name: str,
    terminal: Terminal,
    *,
    mapped: Any = None,
    found: Any = None,
) -> int:
    """Send resources, and say what came of it."""
    from fhir_blina.cli.pipeline import located, with_origin
    from fhir_blina.cli.summaries import push_summary

    if options.dry_run:
        return _planned(store.plan(resources, cohort=name), terminal)
    rejects = Path(options.rejects or Path(options.out) / "rejects.ndjson")
    origins = {key: origin.location() for key, origin in mapped.origins.items()} if mapped else None
    with terminal.step("push") as step, located(mapped):
        result = store.push(
            resources,
            cohort=name,
            verify=options.verify,
            rejects=rejects,
            origins=found.origins if found else origins,
            progress=step.progress,
        )
        step.summary = push_summary(result)
    if mapped is None:
        sent = Counter(result.created) + Counter(result.updated) + Counter(result.unchanged)
        terminal.say(f"  stored: {listed(sent)}")
    rejected = [with_origin(finding, mapped) for finding in result.rejected]
    if found:
        rejected = keep_unread(found, rejected, rejects)
    terminal.findings(rejected)
    for note in result.notes:
        terminal.say(f"  {note}")
    terminal.answer(
        {
            "created": dict(result.created),
            "updated": dict(result.updated),
            "unchanged": dict(result.unchanged),
            "removed": dict(result.removed),
            "rejected": [finding.as_issue() for finding in rejected],
            "rejects": str(rejects) if rejected else None,
            "verified": result.verified,
            "seconds": dict(result.seconds),
        }
    )
    kept = f"; what was refused is in {rejects}" if rejected else ""
    terminal.result(f"{push_summary(result)}; {result.verified}{kept}")
    return StoreRefused.exit_code if rejected else 0


def _planned(plan: Any, terminal: Terminal) -> int:
    """Say what a push would do."""
    kinds = ("create", "update", "unchanged", "orphaned")
    counts: dict[str, Any] = {
        kind: {name: len(ids) for name, ids in getattr(plan, kind).items()} for kind in kinds
    }
    names = sorted({name for found in counts.values() for name in found})
    rows = [(name, *(str(counts[kind].get(name, 0)) for kind in kinds)) for name in names]
    terminal.findings(plan.rejected)
    for note in plan.notes:
        terminal.say(f"  {note}")
    rejected = [finding.as_issue() for finding in plan.rejected]
    terminal.answer(counts | {"rejected": rejected, "notes": list(plan.notes)})
    terminal.result(table_text(("type", *kinds), rows))
    return StoreRefused.exit_code if plan.rejected else 0


def _load_definitions(store: Any, cohort: Any, terminal: Terminal) -> None:
    """Code systems, extensions and search parameters: shared ones and the cohort's."""
    from fhir_blina.cohorts import conformance_resources

    if not hasattr(store, "load_definitions"):
        raise StoreRefused("--definitions needs a FHIR server; a folder has no use for them")
    with terminal.step("define") as step:
        changed = store.load_definitions(conformance_resources(cohort), progress=step.progress)
        step.summary = f"{sum(changed.values())} definitions stored or changed"


def _searches(options: Options) -> dict[str, Any]:
    """The options of ``pull`` that only a server knows."""
    from urllib.parse import parse_qsl

    chosen: dict[str, Any] = {}
    params: dict[str, dict[str, str]] = {}
    for search in options.search:
        kind, mark, query = search.partition("?")
        pairs = parse_qsl(query, keep_blank_values=True)
        if not mark or not kind.isalpha() or not pairs:
            raise StoreRefused('a search is written TYPE?QUERY, for example "Observation?code=11150-0"')
        params.setdefault(kind, {}).update(pairs)
    if params:
        chosen["params"] = params
    if options.patients:
        from fhir_blina.store.rest import read_patients

        chosen["patients"] = read_patients(Path(options.patients))
    if options.group:
        chosen["group"] = options.group
    if options.files_from:
        chosen["files_from"] = options.files_from
    server = (options.store or "").startswith(("http://", "https://"))
    if chosen and not server:
        raise StoreRefused("--search, --patients, --group and --files-from need a FHIR server in --store")
    return chosen | ({"resume": options.resume} if server else {})


def pull(options: Options) -> int:
    """Fetch a cohort's resources into a folder."""
    from fhir_blina.store.rest import journal_of

    terminal = terminal_of(options)
    types = options.types.split(",") if options.types else None
    folder = Path(options.out) / "fhir"
    store = store_of(options)
    try:
        with terminal.step("pull") as step:
            result = store.pull(
                folder,
                cohort=options.cohort,
                types=types,
                since=options.since,
                progress=step.progress,
                **_searches(options),
                **rejecting(store, options),
            )
            step.summary = counted(result.counts)
    except BaseException:
        if journal_of(folder).exists():
            terminal.say(f"what came is kept in {journal_of(folder)}; the same command goes on with it")
        raise
    for note in () if reads_files(store) else result.notes:
        terminal.note(note)
    say_gathered(store, result, options, terminal)
    terminal.answer({"folder": str(result.folder), "counts": dict(result.counts)})
    terminal.result(f"{result.folder}: {counted(result.counts)}")
    return 0


def unload(options: Options) -> int:
    """Remove a cohort from a store, by its tag."""
    terminal = terminal_of(options)
    store = store_of(options)
    counts = store.counts(options.cohort)
    if not options.yes:
        terminal.answer({"would_remove": counts})
        terminal.result(f"would remove {counted(counts)}; say --yes to do it")
        return 0
    with terminal.step("unload") as step:
        removed = store.unload(options.cohort, progress=step.progress)
        step.summary = counted(removed)
    terminal.answer({"removed": removed})
    terminal.result(f"removed {counted(removed)}")
    return 0


def doctor(options: Options) -> int:
    """Say what a FHIR server can do, and what we do about it."""
    from fhir_blina.errors import StoreError
    from fhir_blina.http import access
    from fhir_blina.store.rest import examine

    terminal = terminal_of(options)
    found = examine(options.url, **access(options.url, options.auth_file))
    terminal.answer(found.as_json())
    rows = [(line.topic, line.found, line.consequence) for line in found.lines]
    terminal.result(table_text(("about", "the server says", "so fhir-blina"), rows))
    if not found.usable:
        terminal.say("not usable: see above")
    return 0 if found.usable else StoreError.exit_code
