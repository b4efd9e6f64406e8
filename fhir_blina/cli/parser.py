"""The command line: ``fhir-blina COMMAND``. Only the parser; what commands do stands in ``commands``."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from fhir_blina.cli.authoring_options import add_authoring, add_new
from fhir_blina.cli.shared_options import (
    USAGE_ERROR,
    CommandParser,
    access_options,
    at_least_one,
    cohort_options,
    store_options,
    threshold_options,
    voice_options,
)

PICTURE = """\
 mappings/cohorts/<cohort>/                                  mappings/views/
 data/*.csv --> rows --> resources --> store --> resources --> tables --> results --> report
            check     map         validate  push/pull     tables    analyze    report   (run = all)
"""

EXIT_CODES = """\
exit codes:
  0 done   1 other failure   2 cohort folder   3 validation   4 store   5 view   6 analysis
  7 cells differ after the round trip   64 wrong use of the command line   130 interrupted
"""

INTERRUPTED = 130


def build_parser() -> argparse.ArgumentParser:
    """The parser of every command, each with an example in its help."""
    parser = CommandParser(
        prog="fhir-blina",
        description="Turn a published cohort into FHIR R4, store it, pull it back, recompute its numbers.",
        epilog=PICTURE + "\n" + EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=CommandParser)

    voice, cohort, access, store = voice_options(), cohort_options(), access_options(), store_options()
    few = threshold_options

    def add(name: str, text: str, example: str, *parents: CommandParser) -> argparse.ArgumentParser:
        return commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            epilog=f"example:\n  fhir-blina {example}\n\n{EXIT_CODES}",
            parents=[*parents, voice],
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    add("cohorts", "list the cohorts that come with the package", "cohorts")
    add_new(add)
    simulate = add(
        "simulate",
        "write a synthetic cohort of any size in the shape of a cohort",
        "simulate mycohort big --patients 1000",
        cohort,
    )
    simulate.add_argument("folder", help="the folder to make; its name becomes the synthetic cohort's name")
    simulate.add_argument("--patients", type=int, required=True, metavar="N", help="how many patients")
    simulate.add_argument("--seed", type=int, default=1, metavar="S", help="of the draws (default: 1)")
    checking = add("check", "find everything wrong with a cohort folder", "check mycohort", cohort)
    checking.add_argument("--quick", action="store_true", help="no way back of cells and no trial analysis")
    checking.add_argument("--watch", action="store_true", help="--quick, again at each change of a file")
    add_authoring(add, cohort)
    mapping = add("map", "turn the cohort's rows into FHIR resources", "map mycohort --out out", cohort)
    mapping.add_argument("--out", metavar="DIR", help="write NDJSON by resource type there (default: stdout)")
    validate = add("validate", "check every resource against FHIR R4", "validate mycohort", cohort, access)
    validate.add_argument("--server", metavar="URL", help="ask this server's $validate as well")
    push = add(
        "push",
        "store the resources of a cohort, or of files: NDJSON, Bundles, single resources",
        "push mycohort --store http://127.0.0.1:8080/fhir",
        cohort,
        store,
    )
    push.add_argument("--tag", metavar="NAME", help="for files: give each resource the tag of this cohort")
    push.add_argument("--dry-run", action="store_true", help="say what would change, and stop")
    push.add_argument("--definitions", action="store_true", help="code systems and search parameters first")
    push.add_argument("--verify", choices=("sample", "full"), default="sample", help="content compared after")
    push.add_argument("--rejects", metavar="FILE", help="for refused resources (default: OUT/rejects.ndjson)")
    pull = add(
        "pull", "fetch a cohort's resources into a folder", "pull mycohort --store URL --out out", store
    )
    pull.add_argument("cohort", nargs="?", help="name of the cohort whose tag selects (default: everything)")
    pull.add_argument("--types", metavar="A,B", help="only these resource types")
    pull.add_argument("--since", metavar="INSTANT", help="only what changed since then")
    pull.add_argument("--search", action="append", default=[], metavar="TYPE?QUERY", help="a FHIR search")
    pull.add_argument("--patients", metavar="FILE", help="these patients (an id a line), by searches of each")
    pull.add_argument("--group", metavar="ID", help="only members of this Group, by $export")
    pull.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="go on with an interrupted pull (default); --no-resume starts anew",
    )
    pull.add_argument(
        "--files-from",
        action="append",
        default=[],
        metavar="URL",
        help="another server that files of an export may come from; it gets no credentials",
    )
    unload = add("unload", "remove a cohort from a store, by its tag", "unload mycohort --store URL", store)
    unload.add_argument("cohort", help="name of the cohort whose tag selects the resources")
    unload.add_argument("--yes", action="store_true", help="remove; without it, only say what would go")
    tables = add(
        "tables", "run the views over a store's resources", "tables --store out/fhir --out out", store
    )
    tables.add_argument("--cohort", metavar="NAME", help="only resources with this cohort's tag")
    tables.add_argument("--format", choices=("csv", "parquet", "duckdb"), default="csv", help="default: csv")
    tables.add_argument(
        "--engine", choices=("duckdb", "python", "spark"), default="duckdb", help="default: duckdb"
    )
    tables.add_argument("--keep-going", action="store_true", help="bad lines to tables/rejects, not an end")
    tables.add_argument("--views", metavar="DIR", help="views of your own beside the shared ones")
    tables.add_argument("--sql", metavar="VIEW", help="print the SQL of a view, and stop")
    analyze = add(
        "analyze",
        "compute response and survival from a store",
        "analyze mycohort --store out/fhir",
        store,
        few(),
    )
    export = add(
        "export",
        "write the results for R, spreadsheets and manuscripts",
        "export mycohort --store out/fhir",
        store,
    )
    report = add(
        "report",
        "write the report from a store",
        "report --store https://server.example/fhir --endpoints endpoints.yaml",
        store,
    )
    for command in (analyze, export, report):
        command.add_argument(
            "cohort", nargs="?", help="name of a cohort, or its folder (default: all resources)"
        )
        command.add_argument(
            "--endpoints", metavar="FILE", help="definitions of your own; without a cohort they are needed"
        )
        command.add_argument("--views", metavar="DIR", help="views of your own beside the shared ones")
    report.add_argument("--title", default="", metavar="TEXT", help="of the report (default: the cohort's)")
    share = add(
        "share",
        "write counts and survival as tables without a patient in them",
        "share mycohort --store out/fhir",
        cohort,
        store,
        few(11),
    )
    share.add_argument(
        "--no-suppress", action="store_const", dest="suppress", const=None, help="show every count as it is"
    )
    share.add_argument("--endpoint", default="", metavar="NAME", help="whose survival (default: the first)")
    explore = add(
        "explore",
        "say what a store holds, and suggest what to ask it",
        "explore https://server.example/fhir --suggest endpoints.yaml",
        access,
        few(),
    )
    explore.add_argument("store", help="folder, file or base URL of a FHIR server")
    explore.add_argument("--cohort", metavar="NAME", help="only resources with this cohort's tag")
    explore.add_argument("--out", default="out", metavar="DIR", help="where the page goes (default: out)")
    explore.add_argument(
        "--top", type=at_least_one, default=10, metavar="N", help="codes of an element (default: 10)"
    )
    explore.add_argument("--suggest", metavar="FILE", help="write a starter endpoints file that runs")
    explore.add_argument("--views", metavar="DIR", help="views of your own beside the shared ones")
    explore.set_defaults(audit=None)
    run = add(
        "run", "do all of it, from the cohort's files to the report", "run mycohort", cohort, store, few()
    )
    for command in (report, run):
        command.add_argument("--png", action="store_true", help="write each figure as PNG as well")
    run.add_argument(
        "--engine", choices=("duckdb", "python", "spark"), default="duckdb", help="default: duckdb"
    )
    doctor = add("doctor", "say what a FHIR server can do, and what we do about it", "doctor URL", access)
    doctor.add_argument("url", help="base URL of a FHIR server")
    expand = add(
        "expand",
        "have a terminology server expand value sets, and keep its answers",
        "expand mycohort --terminology https://tx.example/fhir",
        access,
    )
    expand.add_argument("folder", help="folder that has value_sets/")
    expand.add_argument("names", nargs="*", help="value sets (default: those that no file answers)")
    expand.add_argument("--terminology", metavar="URL", help="base URL (default: $FHIR_BLINA_TERMINOLOGY)")
    expand.add_argument("--again", action="store_true", help="kept expansions too, as the server has it now")
    server = add("server", "start and stop a real HAPI server on this machine", "server start")
    server.add_argument("action", choices=("start", "stop", "status", "logs", "reset"))
    server.add_argument("--address", default="127.0.0.1", metavar="IP", help="default: this machine only")
    server.add_argument("--port", type=int, help="default: the one that runs, 8080 for a start")
    server.add_argument("--database", default="disk", help="disk, memory or postgresql://user@host:port/name")
    server.add_argument("--engine", choices=("auto", "docker", "java"), default="auto", help="default: auto")
    server.add_argument("--wait", type=float, default=180, metavar="SECONDS", help="for it to be ready")
    add(
        "roundtrip",
        "rebuild the cohort's tables from a store and compare every cell",
        "roundtrip mycohort",
        cohort,
        store,
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code says how it ended."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.version:
        from importlib.metadata import version

        sys.stdout.write(f"fhir-blina {version('fhir-blina')}\n")
        return 0
    if options.command is None:
        parser.print_help()
        return USAGE_ERROR
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal of ASCII ends no run
    before = os.umask(0o077)  # whatever is written is for whoever ran it
    try:
        from fhir_blina.cli import commands
        from fhir_blina.errors import FhirBlinaError, gathered, printable

        try:
            return commands.COMMANDS[options.command](options)
        except FhirBlinaError as error:
            for line in gathered(error.findings):
                sys.stderr.write(f"{line}\n")
            return error.exit_code
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            sys.stderr.write(printable(f"{where}{error.strerror or error}") + "\n")
            return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED
    finally:
        os.umask(before)
