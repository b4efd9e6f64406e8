"""What compiled views call by name, as macros of DuckDB."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator

import sqlglot
from sqlglot import exp

from fhir_blina.views.definition import MAX_DEPTH, MAX_ROWS
from fhir_blina.views.faults import Fault
from fhir_blina.views.sql import tree
from fhir_blina.views.sql.tree import Sql

_ZONE = r"'(Z|[+-]\d\d:\d\d)$'"


def _error(fault: Fault) -> str:
    return tree.raised(fault).sql("duckdb", normalize_functions=False)


MACROS: dict[str, str] = {
    # the one value of a list; several are an error. A list that stands here once is worked out once, and
    # lists of lists of lists do not double at each level
    "fhir_only(items, message)": (
        "list_transform([items], lambda list: "
        "CASE WHEN len(list) > 1 THEN error(message) ELSE list[1] END)[1]"
    ),
    # each value of a list once, in its first place
    "fhir_distinct(items)": (
        "list_transform([items], lambda list: list_filter(list, "
        "lambda x, i: x IS NULL OR list_position(list, x) = i))[1]"
    ),
    # whether levels that are crossed stay a table
    "fhir_bounded(sizes)": (
        f"CASE WHEN list_aggregate(sizes, 'product') > {MAX_ROWS} THEN {_error(Fault.ROWS)} ELSE true END"
    ),
    "fhir_deep(place)": (f"CASE WHEN len(place) > {MAX_DEPTH} THEN {_error(Fault.DEPTH)} ELSE true END"),
    # whether objects and lists stand where R4 has them; from_json would pass over others
    "fhir_shaped(line, paths, kinds)": (
        "CASE WHEN list_bool_and(list_transform(list_zip(json_type(line, paths), kinds), "
        "lambda p: p[1] IS NULL OR p[1] = 'NULL' OR p[1] = p[2])) THEN true "
        f"ELSE {_error(Fault.NESTING)} END"
    ),
    # the id in a literal reference, of any type or of one
    "fhir_any_key(reference)": (
        "nullif(CASE WHEN reference LIKE '#%' OR reference LIKE 'urn:%' THEN '' "
        "ELSE regexp_extract(reference, '/([^/]+)(?:/_history/.*)?$', 1) END, '')"
    ),
    "fhir_key(reference, kind)": (
        "nullif(CASE WHEN reference LIKE '#%' OR reference LIKE 'urn:%' THEN '' "
        "ELSE regexp_extract(reference, '(?:^|/)' || kind || '/([^/]+)(?:/_history/.*)?$', 1) END, '')"
    ),
    # a decimal, kept as text, as a number to compare or to count with
    "fhir_number(digits)": (
        "CASE WHEN fhir_small(digits) THEN CAST(TRY_CAST(digits AS DECIMAL(18, 6)) AS DECIMAL(38, 18)) "
        "ELSE fhir_long(digits) END"
    ),
    "fhir_integer(digits)": (
        "CASE WHEN digits IS NULL THEN NULL WHEN CAST(TRY_CAST(digits AS BIGINT) AS VARCHAR) = digits "
        f"THEN TRY_CAST(digits AS BIGINT) ELSE {_error(Fault.NO_INTEGER)} END"
    ),
    # TRY_CAST, since DuckDB may look at a branch for rows that are not meant
    "fhir_scale(digits)": (
        "fhir_places(split_part(upper(digits), 'E', 1)) "
        "- coalesce(TRY_CAST(split_part(upper(digits), 'E', 2) AS INTEGER), 0)"
    ),
    "fhir_long(digits)": (
        f"CASE WHEN fhir_scale(digits) > 18 THEN {_error(Fault.DECIMALS)} "
        "WHEN digits IS NULL OR TRY_CAST(digits AS DECIMAL(38, 18)) IS NOT NULL "
        "THEN TRY_CAST(digits AS DECIMAL(38, 18)) "
        f"ELSE {_error(Fault.DIGITS)} END"
    ),
    # up to 6 decimals and 12 characters: DuckDB casts these much faster through DECIMAL(18, 6)
    "fhir_small(digits)": (
        "length(digits) < 13 AND fhir_places(digits) < 7 AND NOT contains(upper(digits), 'E')"
    ),
    "fhir_factor(digits)": (
        "CASE WHEN digits IS NULL OR CAST(digits AS DECIMAL(38, 18)) = CAST(digits AS DECIMAL(28, 10)) "
        f"THEN CAST(digits AS DECIMAL(28, 10)) ELSE {_error(Fault.FACTOR)} END"
    ),
    "fhir_decimal(digits)": (
        "CASE WHEN digits IS NULL THEN NULL "
        f"WHEN fhir_small(digits) THEN CAST(coalesce(TRY_CAST(digits AS DECIMAL(18, 6)), "
        f"{_error(Fault.NO_NUMBER)}) AS DECIMAL(38, 12)) "
        "WHEN fhir_long(digits) = CAST(TRY_CAST(digits AS DECIMAL(32, 12)) AS DECIMAL(38, 18)) "
        "THEN CAST(TRY_CAST(digits AS DECIMAL(32, 12)) AS DECIMAL(38, 12)) "
        f"ELSE {_error(Fault.COLUMN_DECIMALS)} END"
    ),
    "fhir_quotient(one, other)": (
        "CASE WHEN other = 0 OR one IS NULL OR other IS NULL THEN NULL "
        "WHEN CAST(CAST(one / other AS DECIMAL(18, 9)) AS DECIMAL(28, 10)) * other "
        "= one * CAST(1 AS DECIMAL(28, 10)) "
        "THEN CAST(one / other AS DECIMAL(18, 9)) "
        f"ELSE {_error(Fault.QUOTIENT)} END"
    ),
    "fhir_digits(number)": (
        "CASE WHEN contains(CAST(number AS VARCHAR), '.') "
        "THEN rtrim(rtrim(CAST(number AS VARCHAR), '0'), '.') ELSE CAST(number AS VARCHAR) END"
    ),
    # dates, dateTimes and times as text: without zone, in UTC where there is a zone
    "fhir_clock(moment)": f"regexp_replace(moment, {_ZONE}, '')",
    "fhir_zoned(moment)": f"contains(moment, 'T') AND regexp_matches(moment, {_ZONE})",
    "fhir_zone(moment, otherwise)": (
        "CASE WHEN fhir_zoned(moment) THEN substr(moment, length(fhir_clock(moment)) + 1) ELSE otherwise END"
    ),
    "fhir_offset(moment)": (
        "CASE WHEN moment LIKE '%Z' THEN 0 "
        "ELSE (CASE WHEN left(right(moment, 6), 1) = '-' THEN -1 ELSE 1 END) * ("
        "CAST(left(right(moment, 5), 2) AS INTEGER) * 60 + CAST(right(moment, 2) AS INTEGER)) END"
    ),
    "fhir_utc(moment)": (
        "CASE WHEN fhir_zoned(moment) AND fhir_offset(moment) <> 0 THEN left(strftime("
        "CAST(left(fhir_clock(moment) || substr('0000-01-01T00:00:00', "
        "length(fhir_clock(moment)) + 1), 19) AS TIMESTAMP) - to_minutes(fhir_offset(moment)), "
        "'%Y-%m-%dT%H:%M:%S'), least(length(fhir_clock(moment)), 19)) || substr(fhir_clock(moment), 20) "
        "WHEN contains(moment, 'T') THEN fhir_clock(moment) ELSE moment END"
    ),
    "fhir_fraction(moment)": (
        "CASE WHEN contains(moment, '.') THEN rtrim(rtrim(moment, '0'), '.') ELSE moment END"
    ),
    # -1, 0 or 1; NULL where precision or zone leave it open
    "fhir_text_order(one, other, seconds)": (
        "CASE WHEN least(length(one), seconds) = least(length(other), seconds) "
        "THEN CASE WHEN fhir_fraction(one) < fhir_fraction(other) THEN -1 "
        "WHEN fhir_fraction(one) > fhir_fraction(other) THEN 1 ELSE 0 END "
        "WHEN left(one, length(other)) < left(other, length(one)) THEN -1 "
        "WHEN left(one, length(other)) > left(other, length(one)) THEN 1 END"
    ),
    "fhir_order(one, other)": (
        "CASE WHEN one IS NULL OR other IS NULL THEN NULL "
        "WHEN (substr(one, 3, 1) = ':') <> (substr(other, 3, 1) = ':') THEN NULL "
        "WHEN substr(one, 3, 1) = ':' THEN fhir_text_order(one, other, 8) "
        "WHEN contains(one, 'T') AND contains(other, 'T') THEN "
        "CASE WHEN fhir_zoned(one) = fhir_zoned(other) "
        "THEN fhir_text_order(fhir_utc(one), fhir_utc(other), 19) END "
        "ELSE fhir_text_order(fhir_clock(one), fhir_clock(other), 19) END"
    ),
    # the earliest and the latest moment, the least and the greatest number, that the text can mean
    "fhir_low_date(day)": "left(day || substr('0000-01-01', length(day) + 1), 10)",
    "fhir_high_date(day)": (
        "CASE length(day) WHEN 4 THEN day || '-12-31' "
        "WHEN 7 THEN strftime(last_day(CAST(day || '-01' AS DATE)), '%Y-%m-%d') ELSE left(day, 10) END"
    ),
    "fhir_low_time(clock)": (
        "CASE WHEN length(clock) < 9 THEN clock || substr('00:00:00.000', length(clock) + 1) "
        "ELSE rpad(clock, CAST(greatest(length(clock), 12) AS INTEGER), '0') END"
    ),
    "fhir_high_time(clock)": (
        "CASE WHEN length(clock) < 9 THEN clock || substr('23:59:59.999', length(clock) + 1) "
        "ELSE rpad(clock, CAST(greatest(length(clock), 12) AS INTEGER), '9') END"
    ),
    "fhir_low_moment(moment)": (
        "CASE WHEN contains(moment, 'T') "
        "THEN left(moment, 11) || fhir_low_time(substr(fhir_clock(moment), 12)) "
        "|| fhir_zone(moment, '+14:00') "
        "ELSE fhir_low_date(moment) || 'T00:00:00.000+14:00' END"
    ),
    "fhir_high_moment(moment)": (
        "CASE WHEN contains(moment, 'T') "
        "THEN left(moment, 11) || fhir_high_time(substr(fhir_clock(moment), 12)) "
        "|| fhir_zone(moment, '-12:00') "
        "ELSE fhir_high_date(moment) || 'T23:59:59.999-12:00' END"
    ),
    "fhir_places(digits)": (
        "CASE WHEN contains(digits, '.') THEN length(digits) - strpos(digits, '.') ELSE 0 END"
    ),
    "fhir_edge(digits, side)": (
        "CASE WHEN regexp_matches(digits, '[eE]') OR fhir_places(digits) > 7 "
        f"THEN {_error(Fault.BOUNDARY)} "
        "ELSE CAST(CAST(digits AS DECIMAL(28, 8)) + side * list_extract([0.5, 0.05, 0.005, 0.0005, 0.00005, "
        "0.000005, 0.0000005, 0.00000005], fhir_places(digits) + 1) AS DECIMAL(28, 8)) END"
    ),
}
_BY_NAME = {signature.partition("(")[0]: signature for signature in MACROS}


def _calls(sql: Sql) -> Iterator[str]:
    return (one.name for one in sql.find_all(exp.Anonymous))


@functools.cache
def _called(name: str) -> tuple[str, ...]:
    """The macros that a macro calls, read from its parsed tree."""
    body = sqlglot.parse_one(MACROS[_BY_NAME[name]], dialect="duckdb")
    return tuple(one for one in _calls(body) if one in _BY_NAME)


def create_macros(queries: Iterable[Sql]) -> list[str]:
    """``CREATE`` statements of the macros that queries call, in an order that works."""
    found: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in _BY_NAME and name not in found:
            for one in _called(name):
                visit(one)
            found[name] = None

    for query in queries:
        for name in _calls(query):
            visit(name)
    signatures = [_BY_NAME[name] for name in found]
    return [f"CREATE OR REPLACE TEMP MACRO {one} AS\n  {MACROS[one]}" for one in signatures]
