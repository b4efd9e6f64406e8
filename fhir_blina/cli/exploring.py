"""``explore``: what a store holds, and a starter endpoints file made from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fhir_blina.cli.reading import Options, notes_of, pulled, say_account, terminal_of
from fhir_blina.cli.terminal import Terminal, table_text

if TYPE_CHECKING:
    from fhir_blina.exploration import Inventory


def explore(options: Options) -> int:
    """Count what a store holds, and suggest what to ask it."""
    from dataclasses import replace

    from fhir_blina.cli.pipeline import chosen_release
    from fhir_blina.exploration import explore as look

    terminal = terminal_of(options)
    result = pulled(options, terminal, options.cohort)
    suppress = options.suppress or 0
    with terminal.step("explore") as step:
        known = look(
            result.folder,
            views=options.views,
            release=chosen_release(None),
            suppress=suppress,
            shown_as=options.store,
        )
        known = replace(known, notes=notes_of(result, known.notes))
        step.summary = f"{len(known.types)} types, {len(known.codes)} codes"
    files = _written(known, Path(options.out), options.top)
    if options.suggest:
        _suggested(options, result.folder, terminal)
        files.append(Path(options.suggest))
    terminal.answer(known.as_dict() | {"files": [str(file) for file in files]})
    if not terminal.json:
        _show(known, options.top, terminal)
    for file in files:
        terminal.result(str(file))
    return 0


def _written(known: Inventory, out: Path, most: int) -> list[Path]:
    """The page in its three forms."""
    from fhir_blina.exploration import page_html, page_markdown
    from fhir_blina.files import dumps, write_whole

    pages = {
        "explore.html": page_html(known, most),
        "explore.md": page_markdown(known, most),
        "explore.json": dumps(known.as_dict(), indent=1) + "\n",
    }
    for name, text in pages.items():
        write_whole(out / name, text)
    return [out / name for name in pages]


def _suggested(options: Options, folder: Path, terminal: Terminal) -> None:
    """Write a starter endpoints file, and say what was guessed."""
    from fhir_blina.cli.pipeline import tables_of
    from fhir_blina.exploration import suggest_endpoints
    from fhir_blina.files import write_whole

    with terminal.step("suggest") as step:
        tables = tables_of(folder)
        made = suggest_endpoints(tables, options.store, suppress=options.suppress or 0)
        write_whole(Path(options.suggest), made.text)
        step.summary = f"{options.suggest}: tried, it runs"
    say_account(tables.account, terminal)
    terminal.say("Guessed; change what is wrong:")
    for line in made.guessed:
        terminal.say(f"  {line}")
    asked = f"--store {options.store} --endpoints {options.suggest}"
    terminal.say(f"Next: fhir-blina report {asked}")


def _show(known: Inventory, most: int, terminal: Terminal) -> None:
    """The page on the terminal."""
    from fhir_blina.exploration import page_parts

    for part in page_parts(known, most):
        terminal.result(f"\n{part.title}")
        for words in part.words:
            terminal.result(f"  {words}")
        if part.rows:
            header = tuple(name.lstrip("#") for name in part.header)
            terminal.result(table_text(header, part.rows))
    terminal.result("")
