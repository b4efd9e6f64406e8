"""Small counts are hidden, and none can be worked out: checked by trying every answer."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fhir_blina.disclosure.life_table import life_table
from fhir_blina.disclosure.suppression import recoverable, suppress
from fhir_blina.errors import AnalysisError


def table(counts: dict[tuple[str, str], int]) -> dict[tuple[str, str], frozenset[int]]:
    """Rows by columns with both totals; each cell holds patients of its own."""
    cells: dict[tuple[str, str], frozenset[int]] = {}
    start = 0
    for key, count in counts.items():
        cells[key] = frozenset(range(start, start + count))
        start += count
    whole = dict(cells)
    for row in {row for row, _ in whole}:
        cells[row, "all"] = frozenset().union(*(one for key, one in whole.items() if key[0] == row))
    for column in {column for _, column in whole}:
        cells["all", column] = frozenset().union(*(one for key, one in whole.items() if key[1] == column))
    cells["all", "all"] = frozenset().union(*whole.values())
    return cells


def answers(cells, shown) -> dict[tuple[str, str], set[int]]:
    """Every value that each hidden count could have, by trying all fillings of a 2 by 2 or 2 by 3 table."""
    inner = [key for key in cells if "all" not in key]
    most = len(cells["all", "all"]) + (3 if shown["all", "all"] is None else 0)
    found: dict[tuple[str, str], set[int]] = {key: set() for key in shown if shown[key] is None}
    possible = [[n for n in range(most + 1) if cells[key] or n == 0] for key in inner]
    for filling in product(*possible):
        value = dict(zip(inner, filling, strict=True))
        for key in cells:
            if "all" in key:
                value[key] = sum(
                    number
                    for (row, column), number in zip(inner, filling, strict=True)
                    if key[0] in (row, "all") and key[1] in (column, "all")
                )
        if all(value[key] == count if count is not None else value[key] >= 1 for key, count in shown.items()):
            for key, known in found.items():
                known.add(value[key])
    return found


def test_a_lone_small_count_takes_others_with_it():
    cells = table({("f", "a"): 2, ("f", "b"): 6, ("m", "a"): 5, ("m", "b"): 5})
    shown = suppress(cells, 5)
    assert shown["f", "a"] is None
    assert sum(count is None for count in shown.values()) >= 4
    assert all(len(found) > 1 for found in answers(cells, shown).values())


def test_what_is_large_or_zero_stays():
    cells = table({("f", "a"): 20, ("f", "b"): 0, ("m", "a"): 30, ("m", "b"): 40})
    assert suppress(cells) == {key: len(one) for key, one in cells.items()}


def test_the_threshold_itself_may_be_shown():
    cells = {"x": frozenset(range(11)), "y": frozenset(range(20, 30)), "z": frozenset(range(40, 50))}
    assert suppress(cells) == {"x": 11, "y": None, "z": None}


def test_a_small_complement_is_recovered_from_the_rest_so_the_rest_is_hidden():
    everyone = frozenset(range(50))
    cells = {"all": everyone, "yes": everyone - {1}, "no": frozenset({1})}
    assert recoverable(cells, ["no"], "no")
    shown = suppress(cells)
    assert shown["no"] is None
    assert list(shown.values()).count(None) == 2


def test_a_small_difference_of_two_large_counts_is_not_left():
    """30 have it, 27 of them badly: 3 have it mildly, though no cell counts those."""
    ill = frozenset(range(30))
    shown = suppress({"all": frozenset(range(100)), "ill": ill, "badly": ill - {0, 1, 2}})
    assert None in (shown["ill"], shown["badly"])
    assert shown["all"] == 100


def test_a_small_rest_of_a_partition_is_not_left():
    """Three responses of 100 patients, and 4 who have none: total less the three."""
    cells = {"all": frozenset(range(100)), "cr": frozenset(range(40)), "pr": frozenset(range(40, 70))}
    shown = suppress({**cells, "nr": frozenset(range(70, 96))})
    assert list(shown.values()).count(None) == 1
    assert suppress({**cells, "nr": frozenset(range(70, 89))})["nr"] == 19  # 11 without: they may be seen


def test_what_must_stay_stays_where_something_else_helps():
    ill = frozenset(range(30))
    cells = {"all": frozenset(range(100)), "ill": ill, "badly": ill - {0, 1, 2}}
    for kept in ("ill", "badly"):
        assert suppress(cells, keep=[kept])[kept] is not None


def test_a_threshold_of_one_is_refused():
    with pytest.raises(AnalysisError, match="hides nothing"):
        suppress({}, 1)


@settings(max_examples=settings.default.max_examples // 5)
@given(st.lists(st.integers(0, 4), min_size=4, max_size=4))
@example([0, 0, 0, 1])
@example([1, 1, 0, 0])
@example([4, 4, 4, 1])
def test_no_hidden_count_of_a_2_by_2_table_follows_from_the_others(counts):
    keys = [("f", "a"), ("f", "b"), ("m", "a"), ("m", "b")]
    cells = table(dict(zip(keys, counts, strict=True)))
    shown = suppress(cells, 3)
    assert all(not 0 < count < 3 for count in shown.values() if count is not None)
    assert all(len(found) > 1 or not cells[key] for key, found in answers(cells, shown).items())


def test_steps_are_as_wide_as_it_takes():
    steps = life_table([10, 20, 30, 40], [6, 6, 5, 7], [0, 0, 0, 12], 11)
    assert [(one.start, one.end, one.at_risk, one.events, one.censored) for one in steps] == [
        (0, 20, 36, 12, 0),
        (20, 40, 24, 12, 12),
    ]
    assert steps[0].survival == pytest.approx(24 / 36)


def test_steps_that_would_leave_a_small_rest_are_not_shown():
    assert life_table([10, 20, 30, 40], [6, 6, 5, 7], [0, 0, 0, 6], 11) == []
    assert life_table([10], [10], [0], 11) == []


def test_the_actuarial_estimate_counts_the_censored_half():
    """Worked out by hand: 1 - 20 / (100 - 30 / 2), then 1 - 25 / 50."""
    steps = life_table([1, 2], [20, 25], [30, 25], 11)
    assert [round(one.survival, 6) for one in steps] == [
        round(65 / 85, 6),
        round(65 / 85 * (1 - 25 / 37.5), 6),
    ]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=40), st.integers(2, 12))
def test_no_number_of_the_steps_or_after_them_is_small(points, threshold):
    events, censored = [one for one, _ in points], [one for _, one in points]
    steps = life_table(range(1, len(points) + 1), events, censored, threshold)
    left = sum(events) + sum(censored)
    shown = [number for one in steps for number in (one.at_risk, one.events, one.censored)]
    if steps:
        shown += [sum(events) - sum(one.events for one in steps)]
        shown += [sum(censored) - sum(one.censored for one in steps)]
        assert steps[0].at_risk == left
    assert all(number == 0 or number >= threshold for number in shown)
