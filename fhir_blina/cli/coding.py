"""The command on a cohort's codes: candidates for its words, and its code maps as ConceptMaps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fhir_blina.cli.reading import Options, terminal_of
from fhir_blina.cli.terminal import table_text
from fhir_blina.errors import CohortError, Finding, did_you_mean, faults, problem

if TYPE_CHECKING:
    from fhir_blina.cohorts import Candidate, Cohort, Concept, Wanted

UCUM = "http://unitsofmeasure.org"
_FEW = 8  # words named where nothing was found


def codes(options: Options) -> int:
    """Suggest codes for the words of a cohort, or export its code maps."""
    return suggest(options) if options.action == "suggest" else export_maps(options)


def _cohort(options: Options) -> Cohort:
    """The cohort as far as its codes can be worked on: bad rows do not matter."""
    from fhir_blina.cli.pipeline import chosen_release
    from fhir_blina.cohorts import find_cohort, gather_cohort

    findings: list[Finding] = []
    cohort = gather_cohort(find_cohort(options.cohort), chosen_release(None), findings)
    if cohort is None or any("codes.csv" in one.location for one in faults(findings)):
        raise CohortError(findings)
    return cohort


def export_maps(options: Options) -> int:
    """Write each code map as a ConceptMap of R4."""
    from fhir_blina.cohorts import concept_map
    from fhir_blina.files import dumps, write_whole

    terminal = terminal_of(options)
    cohort = _cohort(options)
    maps: dict[str, list[Any]] = {}
    for line in cohort.codes.told:
        if not options.map or line.map in options.map:
            maps.setdefault(line.map, []).append(line)
    _known(options.map, cohort.codes.maps)
    files = []
    for lines in maps.values():
        try:
            made = concept_map(lines, cohort.base, cohort.name, cohort.manifest.data["title"])
        except ValueError as error:
            raise CohortError([problem(str(cohort.codes.path), str(error))]) from None
        files.append(Path(options.out) / "codes" / f"ConceptMap-{made['id']}.json")
        write_whole(files[-1], dumps(made, indent=2) + "\n")
    terminal.answer({"files": [str(file) for file in files]})
    for file in files:
        terminal.result(str(file))
    terminal.note("codes: in cohort.yaml may name such a file for a map")
    return 0


def _known(maps: Sequence[str], known: Iterable[str]) -> None:
    for name in maps:
        if name not in known:
            raise CohortError([problem("", f'no code map "{name}"', did_you_mean(name, known))])


def suggest(options: Options) -> int:
    """Find candidates for words that have no code of a standard yet; write those that were asked for."""
    from fhir_blina.cli.code_lines import CodeFile
    from fhir_blina.cohorts import ConceptIndex, sure
    from fhir_blina.mapping import words_wanted

    terminal = terminal_of(options)
    cohort = _cohort(options)
    wanted = words_wanted(cohort)
    _known(options.map, {one.map for one in wanted})
    asked = [one for one in wanted if (one.map in options.map if options.map else _lacks(one, cohort))]
    listed = list(_concepts(options, cohort))
    given = ConceptIndex(one for concepts, own in listed if not own for one in concepts)
    released = {system: ConceptIndex(concepts) for concepts, system in listed if system}
    found = {
        (one.map, one.value): _candidates(one, wanted, given, released, cohort, options.most) for one in asked
    }
    rows = [_row(one, cohort) for candidates in found.values() for one in candidates]
    without = [one for one in asked if not found[(one.map, one.value)]]
    header = ("map", "value", "system", "code", "display", "match", "source")
    if rows:
        terminal.result(table_text(header, rows))
    if without:
        names = ", ".join(f"{one.map}: {one.value}" for one in without[:_FEW])
        names += " …" * (len(without) > _FEW)
        terminal.say(f"nothing new found for {len(without)} of {len(asked)} words: {names}")
        if not options.sources:
            terminal.say("--from FILE looks in a CodeSystem or ValueSet that you have, of LOINC or SNOMED CT")
    written: list[str] = []
    if options.write or options.choose:
        chosen = sure(found) if options.write else []
        chosen += [_chosen(text, wanted, given, released) for text in options.choose]
        written = CodeFile(cohort).write(chosen, options.profiles)
        for line in written:
            terminal.say(line)
    elif rows:
        terminal.say("nothing is written: --write adds what is exact and alone, --choose MAP:VALUE=CODE more")
    terminal.answer({"candidates": [dict(zip(header, row, strict=True)) for row in rows], "written": written})
    return 0


def _lacks(wanted: Wanted, cohort: Cohort) -> bool:
    """Whether a word has no code but of the cohort's own systems and ours, and is not to have none."""
    from fhir_blina.files import CANONICAL

    own = (cohort.base + "/", CANONICAL + "/")
    return all(system.startswith(own) for system in wanted.systems)


def _concepts(options: Options, cohort: Cohort) -> Iterable[tuple[Iterable[Concept], str]]:
    """Concepts of the files, and of each system of the release that the manifest names."""
    from fhir_blina.cohorts import concepts_of_files, concepts_of_release

    findings: list[Finding] = []
    paths = [Path(one) for one in options.sources]
    yield list(concepts_of_files(paths, findings)), ""
    if findings:
        raise CohortError(findings)
    for system in dict.fromkeys(cohort.systems.values()):
        if system in cohort.release.code_systems:
            yield list(concepts_of_release(cohort.release, [system])), system


def _candidates(
    one: Wanted,
    wanted: Sequence[Wanted],
    given: Any,
    released: dict[str, Any],
    cohort: Cohort,
    most: int,
) -> list[Candidate]:
    from fhir_blina.cohorts import unit_candidate

    used = {system for other in wanted if other.map == one.map for system in other.systems}
    used |= {cohort.systems[one.map]} if one.map in cohort.systems else set()
    if UCUM in used or "unit" in one.map:
        unit = unit_candidate(one) if UCUM not in one.systems else None
        return [unit] if unit is not None else []
    found = list(given.candidates(one, most))
    for system in sorted(used & released.keys()):
        found += [candidate for candidate in released[system].candidates(one, most) if candidate.exact]
    return sorted(found, key=lambda candidate: -candidate.score)[:most]


def _row(one: Candidate, cohort: Cohort) -> tuple[str, ...]:
    from fhir_blina.cli.code_lines import short_name

    concept, word = one.concept, one.wanted
    system = short_name(cohort, concept.system) or concept.system
    return (word.map, word.value, system, concept.code, concept.display, one.match, concept.source)


def _chosen(text: str, wanted: Sequence[Wanted], given: Any, released: dict[str, Any]) -> Candidate:
    """``MAP:VALUE=CODE``, a code that a source lists."""
    from fhir_blina.cohorts import Candidate

    word, equals, code = text.rpartition("=")
    name, colon, value = word.partition(":")
    of = next((one for one in wanted if (one.map, one.value) == (name, value)), None)
    if not equals or not colon or of is None:
        remedy = "Write MAP:VALUE=CODE, for example item:hb=718-7"
        raise CohortError([problem("", f'--choose: "{text}" names no word of a code map', remedy)])
    concepts = [one for index in (given, *released.values()) for one in index.concepts if one.code == code]
    if len({one.system for one in concepts}) != 1:
        text = "no source lists this code" if not concepts else "several systems have this code"
        raise CohortError([problem("", f"--choose {name}: {text}", "Name by --from the file that has it")])
    return Candidate(wanted=of, concept=concepts[0], match="chosen", score=1.0)
