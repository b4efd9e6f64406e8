from __future__ import annotations

import threading
import time

from fhir_blina.http.pace import RECOVERY, Pace


def test_size_follows_what_the_server_takes_and_recovers():
    pace = Pace(200, 2)
    pace.too_large(200)
    pace.too_large(100)
    assert pace.size == 50
    pace.too_large(100)  # an older, larger bundle that failed late
    assert pace.size == 50
    for _ in range(RECOVERY):
        pace.well()
    assert pace.size == 100
    for _ in range(3 * RECOVERY):
        pace.well()
    assert pace.size == 200


def test_what_the_server_never_takes_is_not_tried_again():
    pace = Pace(200, 2)
    pace.never_more(50)
    for _ in range(5 * RECOVERY):
        pace.well()
    assert (pace.size, pace.most) == (50, 50)


def test_size_and_workers_stay_above_zero():
    pace = Pace(1, 1)
    pace.too_large(1)
    pace.too_fast()
    assert (pace.size, pace.workers) == (1, 1)


def test_no_more_are_in_flight_than_allowed():
    pace = Pace(workers=2)
    now, most = 0, 0
    lock = threading.Lock()

    def work():
        nonlocal now, most
        with pace.turn():
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.01)
            with lock:
                now -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2


def test_workers_come_back():
    pace = Pace(workers=4)
    pace.too_fast()
    pace.too_fast()
    assert pace.workers == 1
    for _ in range(3 * RECOVERY):
        pace.well()
    assert pace.workers == 4
