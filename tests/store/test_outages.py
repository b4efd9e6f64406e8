"""A server that is killed, and a database that is stopped, while a push runs."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest

from fhir_blina.errors import StoreUnavailable
from fhir_blina.hapi import server
from fhir_blina.store import open_store
from tests.end_state import Blow, check_whole, patients, quick
from tests.fake_fhir import ward
from tests.hapi_server import free_port

pytestmark = [pytest.mark.hapi, pytest.mark.timeout(900)]


def test_what_hapi_on_disk_acknowledged_survives_a_kill(tmp_path_factory, tmp_path):
    home, port = tmp_path_factory.mktemp("disk"), free_port()
    sent = ward(100)
    try:
        first = server.start(port=port, home=home, engine="java", database="disk")
        blow = Blow(200, lambda: os.kill(first.pid, signal.SIGKILL))
        with pytest.raises(StoreUnavailable):
            quick(first.url, size=20).push(sent, cohort="tiny", progress=blow)
        assert blow.acknowledged >= 200
        wait_for_the_end(home)
        second = server.start(port=port, home=home, engine="java", database="disk")
        assert second.pid != first.pid
        assert {path.stat().st_mode & 0o077 for path in home.iterdir()} == {0}
        store = open_store(second.url)
        assert blow.acknowledged <= sum(store.counts("tiny").values()) < len(sent)
        store.push(sent, cohort="tiny")
        check_whole(store, sent, "tiny", tmp_path)
        server.reset(home)
        assert not list(home.glob("h2*"))
    finally:
        server.stop(home)


def wait_for_the_end(home: Path) -> None:
    end = time.monotonic() + 30
    while server.status(home).running:
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.postgres
def test_a_client_that_gave_up_on_postgresql_goes_on_later(hapi_on_postgres, postgres, tmp_path):
    """Its requests still wait inside HAPI for a database, and are carried out late."""
    cohort = f"away{uuid.uuid4().hex[:8]}"
    sent = patients(400, cohort)
    store = quick(hapi_on_postgres, size=20)

    def stop() -> None:
        postgres.stop()
        store.transport._client.timeout = 0.4

    blow = Blow(100, stop)
    try:
        with pytest.raises(StoreUnavailable, match="does not answer"):
            store.push(sent, cohort=cohort, progress=blow)
    finally:
        postgres.start()
    assert 100 <= blow.acknowledged < len(sent)
    again = open_store(hapi_on_postgres)
    result = again.push(sent, cohort=cohort)
    assert sum(result.created.values()) <= len(sent) - blow.acknowledged
    check_whole(again, sent, cohort, tmp_path)


@pytest.mark.soak
@pytest.mark.postgres
def test_ten_thousand_through_stops_of_postgresql(hapi_on_postgres, postgres, tmp_path):
    """Every few thousand resources a stop, once for longer than HAPI waits for a connection."""
    cohort = f"stops{uuid.uuid4().hex[:8]}"
    sent = patients(10_000, cohort)
    pauses = [0.0, 40.0, 1.0, 5.0]
    stops: list[int] = []
    timers: list[threading.Timer] = []

    def progress(step: str, done: int, total: int) -> None:
        if step == "push" and len(stops) < len(pauses) and done >= 2000 * (len(stops) + 1):
            timers.append(threading.Timer(pauses[len(stops)], postgres.start))
            stops.append(done)
            postgres.stop()
            timers[-1].start()

    start = time.monotonic()
    store = open_store(hapi_on_postgres, workers=1)
    result = store.push(sent, cohort=cohort, progress=progress)
    sys.stdout.write(f"\n10,000 with {len(stops)} stops in {time.monotonic() - start:.0f} s\n")
    assert len(stops) == len(pauses)
    assert result.rejected == ()
    check_whole(store, sent, cohort, tmp_path)


@pytest.mark.soak
@pytest.mark.postgres
def test_ten_thousand_through_a_kill_of_hapi_on_postgresql(postgres, tmp_path_factory, tmp_path):
    home, port = tmp_path_factory.mktemp("killed"), free_port()
    cohort = f"kill{uuid.uuid4().hex[:8]}"
    sent = patients(10_000, cohort)
    try:
        first = server.start(port=port, home=home, engine="java", database=postgres.url)
        blow = Blow(4000, lambda: os.kill(first.pid, signal.SIGKILL))
        with pytest.raises(StoreUnavailable):
            quick(first.url).push(sent, cohort=cohort, progress=blow)
        wait_for_the_end(home)
        second = server.start(port=port, home=home, engine="java", database=postgres.url)
        store = open_store(second.url)
        held = sum(store.counts(cohort).values())
        assert 4000 <= blow.acknowledged <= held < len(sent)
        sys.stdout.write(f"\n{blow.acknowledged} acknowledged, {held} of them or more held after the kill\n")
        store.push(sent, cohort=cohort)
        check_whole(store, sent, cohort, tmp_path)
    finally:
        server.stop(home)
