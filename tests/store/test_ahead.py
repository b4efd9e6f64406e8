"""Threads that run ahead: everything once, in order, no more of it than can be read."""

from __future__ import annotations

import threading
import time

import pytest

from fhir_blina.store.rest.ahead import interleaved


def test_everything_comes_once_and_each_part_in_its_order():
    parts = [[(part, number) for number in range(50)] for part in range(7)]
    found = list(interleaved(parts))
    assert sorted(found) == sorted(one for part in parts for one in part)
    for part in range(7):
        assert [number for one, number in found if one == part] == list(range(50))


def test_nothing_to_do_is_nothing():
    assert list(interleaved([])) == []
    assert list(interleaved([[], []])) == []


def test_two_parts_run_at_a_time():
    both = threading.Barrier(2, timeout=10)

    def part():
        both.wait()
        yield 1

    assert list(interleaved([part(), part()])) == [1, 1]


def test_what_waits_is_bounded():
    made = []

    def endless():
        while True:
            made.append(1)
            yield len(made)

    found = interleaved([endless(), endless()])
    for _ in range(10):
        next(found)
    # read are 10; waiting at most 2; in the hands of the two threads at most one each
    assert len(made) <= 14
    found.close()


def test_what_a_part_raises_is_raised():
    def broken():
        yield 1
        raise KeyError("x")

    found = interleaved([broken()])
    assert next(found) == 1
    with pytest.raises(KeyError, match="x"):
        next(found)


@pytest.mark.parametrize("way", ["close", "error"])
def test_the_threads_end_with_the_reader(way):
    before = threading.active_count()

    def endless():
        while True:
            yield 1

    def broken():
        raise KeyError
        yield

    if way == "close":
        found = interleaved([endless(), endless()])
        next(found)
        found.close()
    else:
        with pytest.raises(KeyError):
            for _ in interleaved([endless(), broken()]):
                pass
    for _ in range(1000):
        if threading.active_count() <= before:
            break
        time.sleep(0.01)
    assert threading.active_count() <= before
