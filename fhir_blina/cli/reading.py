"""What commands read: a store, pulled; files as people have them, gathered; and the account of it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fhir_blina.cli.terminal import Terminal, counted, table_text
from fhir_blina.errors import Finding

if TYPE_CHECKING:
    from fhir_blina.cohorts import Cohort
    from fhir_blina.gathering import Gathered
    from fhir_blina.store import NdjsonFolder, PullResult
    from fhir_blina.views import ReadingAccount, Tables

Options = argparse.Namespace
SHOWN_REJECTS = 20


def terminal_of(options: Options) -> Terminal:
    """Where a command writes, as its options say."""
    return Terminal(quiet=options.quiet, verbose=options.verbose, json=options.json)


def store_of(options: Options) -> Any:
    """The store that the options name."""
    from fhir_blina.cli.pipeline import opened

    return opened(
        options.store or Path(options.out) / "fhir", auth_file=options.auth_file, audit=options.audit
    )


def pulled_folder(options: Options, terminal: Terminal, cohort: str | None) -> Path:
    """The folder that the tables are read from: the store itself, or a fresh pull of a server or of files."""
    return pulled(options, terminal, cohort).folder


def pulled(options: Options, terminal: Terminal, cohort: str | None) -> PullResult:
    """What a store holds: the store itself where it is a folder, or a fresh pull of a server or of files."""
    where = options.store or str(Path(options.out) / "fhir")
    folder = Path(options.out) / "fhir"
    from fhir_blina.cli.pipeline import pulled_into

    store = store_of(options)
    with terminal.step("pull") as step:
        result = pulled_into(
            folder if where.startswith(("http://", "https://")) or reads_files(store) else Path(where),
            store,
            Path(options.out),
            cohort=cohort,
            progress=step.progress,
            **rejecting(store, options),
        )
        bad = len(result.rejected)
        step.summary = f"{counted(result.counts)}, " + (f"{bad} could not be read" if bad else "complete")
    say_gathered(store, result, options, terminal)
    return result


def tables_read(options: Options, terminal: Terminal, cohort: Cohort | None) -> Tables:
    """The tables of what a store holds; their account has what was said of the files on the way, too."""
    from fhir_blina.cli.pipeline import tables_of

    result = pulled(options, terminal, cohort.name if cohort is not None else None)
    tables = tables_of(
        result.folder, release=cohort.release if cohort is not None else None, views=options.views
    )
    say_account(tables.account, terminal)
    tables.account = replace(tables.account, notes=notes_of(result, tables.account.notes))
    return tables


def notes_of(result: PullResult, notes: Sequence[str]) -> tuple[str, ...]:
    """The notes of a pull but for those that others say in their own way, what it rejected, and those."""
    known = {one.partition(":")[0] for one in notes}
    before = [one for one in result.notes if one.partition(":")[0] not in known]
    if result.rejected:
        before.append(f"{len(result.rejected)} lines or entries could not be read, and are left out")
    return (*before, *notes)


def reads_files(store: Any) -> bool:
    """Whether the store is files that somebody else wrote."""
    return bool(getattr(store, "reads_files", False))


def rejecting(store: Any, options: Options) -> dict[str, Any]:
    """The option of a pull of files that says where what cannot be read goes."""
    return {"rejects": _rejects_of(options)} if reads_files(store) else {}


def _rejects_of(options: Options) -> Path:
    return Path(options.out) / "rejects.ndjson"


def say_gathered(store: Any, result: Any, options: Options, terminal: Terminal) -> None:
    """What files held beside resources, and what could not be read."""
    for note in result.notes if reads_files(store) else ():
        terminal.say(f"  {note}")
    terminal.findings(result.rejected[:SHOWN_REJECTS])
    if result.rejected:
        count, file = len(result.rejected), _rejects_of(options)
        text = f"{count} lines or entries hold no resource that can be read; all of them are in {file}"
        terminal.findings([Finding("warning", "incomplete", text)])


def say_account(account: ReadingAccount, terminal: Terminal, *, rows: bool = False) -> None:
    """What was read and what reached no table; with ``rows`` how many rows each table has."""
    for line in account.sentences():
        terminal.say(f"  {line}")
    if not rows:
        terminal.say(f"  rows by table: {listed(account.rows)}")
    elif not terminal.quiet:
        full = [(name, str(count)) for name, count in account.rows.items() if count]
        empty = [name for name, count in account.rows.items() if not count]
        terminal.say(table_text(("table", "rows"), full))
        if empty:
            terminal.say(f"  without rows: {', '.join(empty)}")


def listed(counts: Mapping[str, int]) -> str:
    """``Condition 7, Patient 5``."""
    return ", ".join(f"{kind} {count}" for kind, count in sorted(counts.items()) if count) or "none"


def holds_resources(source: Path) -> bool:
    """Whether it is a file, or a folder with files of resources that is none of a cohort."""
    if not source.is_dir():
        return source.is_file()
    if (source / "cohort.yaml").exists():
        return False
    from fhir_blina.gathering import SUFFIXES

    return any(True for name in SUFFIXES for end in ("", ".gz") for _ in source.rglob(f"*{name}{end}"))


@contextmanager
def gathered_files(
    source: Path, terminal: Terminal, *, tag: str = "", hold_back: bool = False
) -> Iterator[tuple[NdjsonFolder, Gathered]]:
    """The resources of files by type in a folder that is gone afterwards, and the account of them.

    With ``hold_back`` what refers to something that could not be read is rejected with it.
    """
    from fhir_blina.cli.pipeline import chosen_release
    from fhir_blina.files import scratch
    from fhir_blina.gathering import follow_references, gather
    from fhir_blina.store import NdjsonFolder

    with scratch() as folder:
        with terminal.step("read") as step:
            found = gather(source, folder, chosen_release(None), tag=tag, origins=True)
            follow_references(found, hold_back=hold_back)
            bad = f", {len(found.rejected)} could not be read" if found.rejected else ""
            step.summary = f"{counted(found.counts)}{bad}"
        terminal.say(f"  {sum(found.counts.values())} resources read: {listed(found.counts)}")
        for note in found.sentences():
            terminal.say(f"  {note}")
        yield NdjsonFolder(folder), found


def keep_unread(found: Gathered, rejected: Sequence[Finding], rejects: Path) -> list[Finding]:
    """Add what could not be read to a file of rejects, and name each finding by the file it stands in."""
    from fhir_blina.gathering import keep_rejected

    if found.rejected:
        keep_rejected(found, rejects, after=bool(rejected))
    return [*found.findings(), *(_named(one, found) for one in rejected)]


def _named(finding: Finding, found: Gathered) -> Finding:
    key = finding.location.rpartition(" ")[2]
    origin = found.origins.get(key)
    return replace(finding, location=f"{origin} {key}") if origin else finding
