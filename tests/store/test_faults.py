"""Bad lines, killed processes, races: the same end state as without them."""

from __future__ import annotations

import copy
import os
import resource as limits
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_blina.cli.parser import main
from fhir_blina.errors import FhirBlinaError, StoreIncomplete, StoreRefused
from fhir_blina.files.json import loads
from fhir_blina.store import open_store
from fhir_blina.store.rest.rest import RestStore
from tests.end_state import check_whole, lines_of, patients, quick
from tests.fake_fhir import FakeFhir, resource, ward
from tests.fault_proxy import LINE, STORM, bad_line, served

ROOT = Path(__file__).parents[2]


# --- bad lines -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("faults", [LINE, STORM], ids=["line", "storm"])
def test_a_bad_line_loses_and_doubles_nothing(faults, tmp_path):
    with served(FakeFhir(page=50)) as real, bad_line(real, faults) as (url, done):
        sent = patients(300)
        quick(url, size=10).push(sent, cohort="tiny", verify="full")
        check_whole(quick(url), sent, "tiny", tmp_path)
        assert all(done[name] for name in faults), done


@pytest.mark.hapi
@pytest.mark.postgres
def test_a_bad_line_before_hapi_loses_and_doubles_nothing(hapi_on_postgres, tmp_path):
    cohort = f"line{uuid.uuid4().hex[:8]}"
    sent = patients(2000, cohort)
    with bad_line(hapi_on_postgres, LINE) as (url, done):
        quick(url, size=25).push(sent, cohort=cohort)
        check_whole(quick(url), sent, cohort, tmp_path)
    assert all(done[name] for name in LINE), done


@pytest.mark.soak
@pytest.mark.hapi
@pytest.mark.postgres
@pytest.mark.parametrize("seed", range(3))
def test_ten_thousand_over_a_bad_line_before_hapi(hapi_on_postgres, tmp_path, seed):
    cohort = f"soak{uuid.uuid4().hex[:8]}"
    sent = patients(10_000, cohort)
    start = time.monotonic()
    storm = {name: share / 3 for name, share in STORM.items()}  # more would end some pushes after 8 tries
    with bad_line(hapi_on_postgres, LINE | storm, seed=seed) as (url, done):
        quick(url, size=25).push(sent, cohort=cohort)
        took = time.monotonic() - start
        sys.stdout.write(f"\n10,000 in {took:.0f} s, {sum(done.values()) - done['']} faults: {dict(done)}\n")
        check_whole(quick(url), sent, cohort, tmp_path)
    assert all(done[name] for name in LINE | storm), done


def test_one_503_in_the_middle_of_a_pull_costs_no_row(tmp_path):
    """A peer returned 400 of 1,000 rows after one 503, another 380 of 400 with exit code 0."""
    fake = FakeFhir(page=100)
    with served(fake) as url:
        quick(url).push(patients(1000), cohort="tiny")
        pages = 0

        def once(_, request):
            nonlocal pages
            pages += b"_getpages" in request.url.query
            return httpx.Response(503) if pages == 4 and b"_getpages" in request.url.query else None

        fake.faults.append(once)
        assert quick(url).pull(tmp_path / "out", cohort="tiny").counts == {"Patient": 1000}
        assert pages > 4


def test_a_page_that_lacks_rows_is_an_error_and_no_file(tmp_path):
    fake = FakeFhir(page=100)
    with served(fake) as url:
        quick(url).push(patients(400), cohort="tiny")
        whole = fake.page_of

        def short(token, start):
            bundle = whole(token, start)
            if start == 200:
                bundle["entry"] = bundle["entry"][:80]
            return bundle

        fake.page_of = short
        with pytest.raises(StoreIncomplete, match="counts 400 Patient and sent 380"):
            quick(url).pull(tmp_path / "out", cohort="tiny")
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("file", [True, False], ids=["into a file", "as an error"])
def test_a_poison_record_is_named_with_its_template_and_row(tiny, tmp_path, capsys, file):
    fake = FakeFhir(client_ids=True)

    def poison(_, request):
        bad = (
            b"/tiny-A-" in request.content
            and request.method == "POST"
            and b'"transaction"' in request.content
        )
        return httpx.Response(500, json={"resourceType": "OperationOutcome", "issue": []}) if bad else None

    fake.faults.append(poison)
    rejects = ["--rejects", str(tmp_path / "rejects.ndjson")] if file else []
    with served(fake) as url:
        code = main(["push", str(tiny), "--store", url, "--quiet", *rejects])
    said = capsys.readouterr().err
    assert code == 4
    assert "resources/labs.yaml" in said
    assert "data/labs.csv:" in said
    assert "refused by the server (HTTP 500)" in said
    kept = {key for key in fake.held if "tiny-A-" not in key}
    assert kept
    if file:
        lines = [loads(line) for line in (tmp_path / "rejects.ndjson").read_text().splitlines()]
        assert lines
        assert not kept & {f"{one['resource']['resourceType']}/{one['resource']['id']}" for one in lines}


@given(
    number=st.integers(0, 30),
    size=st.integers(1, 7),
    page=st.integers(0, 6),
    change=st.sampled_from(["none", "drop", "double", "circle", "empty", "last", "stranger"]),
)
def test_a_pull_is_all_of_it_or_an_error(tmp_path, number, size, page, change):
    """Whatever a server does to one of its pages, nobody gets a part for the whole."""
    fake = FakeFhir(page=size)
    for index in range(number):
        fake.put(f"Patient/p{index}", resource("Patient", f"p{index}"), fake.held)
    whole, count, changed = fake.page_of, 0, False

    def page_of(token, start):
        nonlocal count, changed
        bundle = copy.deepcopy(whole(token, start))
        entries, count = bundle["entry"], count + 1
        if count - 1 != page or change == "none":
            return bundle
        changed = True
        if change == "drop":
            changed = bool(entries)
            bundle["entry"] = entries[1:]
        elif change == "double":
            changed = bool(entries)
            bundle["entry"] = entries + entries[:1]
        elif change == "circle":
            bundle["link"] = [{"relation": "next", "url": f"{fake.host}?_getpages={token}-{start}"}]
            changed = number > 0
        elif change == "empty":
            changed = bool(entries)
            bundle["entry"] = []
        elif change == "last":
            following = [link for link in bundle["link"] if link["relation"] == "next"]
            bundle["link"], changed = [], bool(following)
        elif change == "stranger":
            entries.append({"resource": resource("Patient", "stranger"), "search": {"mode": "match"}})
        return bundle

    fake.page_of = page_of
    out = tmp_path / uuid.uuid4().hex
    store = RestStore("http://fake.test/fhir", client=fake.client(), via="search", sleep=lambda _: None)
    try:
        pulled = store.pull(out, cohort="tiny", types=["Patient"])
    except StoreRefused:
        assert number == 0
        assert not out.exists()
    except StoreIncomplete:
        assert changed
        assert not out.exists()
    else:
        assert not changed
        assert pulled.counts == ({"Patient": number} if number else {})


# --- killed --------------------------------------------------------------------------------------------

CHILD = """
import sys, pathlib
from fhir_blina.store.rest.rest import RestStore
from tests.fake_fhir import ward
store = RestStore(sys.argv[1], size=4, workers=1)
store.push(ward(), cohort="tiny")
store.pull(pathlib.Path(sys.argv[2]), cohort="tiny")
"""


def child(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )


def killed_at(step: int, moment: str, tmp_path: Path) -> bool:
    """Kill a push and pull at its ``step``-th request, do it again, compare; False when it ended before."""
    fake, seen, hit = FakeFhir(page=5), 0, threading.Event()
    process: list[subprocess.Popen[str]] = []
    started = threading.Event()

    def watch(when: str, _: httpx.Request) -> None:
        nonlocal seen
        started.wait(10)
        seen += when == moment
        if when == moment and seen == step and not hit.is_set():
            hit.set()
            process[0].send_signal(signal.SIGKILL)
            process[0].wait()

    out = tmp_path / f"{moment}-{step}"
    with served(fake, watch) as url:
        process.append(child(url, str(out)))
        started.set()
        _, said = process[0].communicate(timeout=60)
        if not hit.is_set():
            assert process[0].returncode == 0, said
            return False
        assert process[0].returncode == -signal.SIGKILL
        assert not out.exists() or lines_of(out)
        again = quick(url, size=4, workers=1)
        again.push(ward(), cohort="tiny", verify="full")
        again.pull(out, cohort="tiny")
        assert fake.versions() == {"1"}
        assert len(fake.held) == 15
        open_store(tmp_path / "reference").push(ward(), cohort="tiny")
        assert lines_of(out) == lines_of(tmp_path / "reference")
    return True


@pytest.mark.long
@pytest.mark.parametrize(("step", "moment"), [(2, "after"), (7, "before"), (7, "after"), (13, "after")])
def test_a_client_killed_at_a_request_is_completed_by_the_next(tmp_path, step, moment):
    assert killed_at(step, moment, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_client_killed_at_any_request_is_completed_by_the_next(tmp_path, moment):
    step = 1
    while killed_at(step, moment, tmp_path):
        step += 1
    sys.stdout.write(f"\n{step - 1} points of time {moment} a request is answered\n")
    assert step > 10


def test_a_process_killed_at_any_step_of_writing_leaves_the_folder_whole(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "crash_points.py"), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 20  # a file and a name for each of six types and the manifest, and the renames


def test_a_full_disk_leaves_the_old_folder_and_says_so(tmp_path):
    folder = tmp_path / "fhir"
    open_store(folder).push(ward(3), cohort="tiny")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from fhir_blina.store import open_store\n"
        "from tests.fake_fhir import ward\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))\n"
        "try:\n"
        "    open_store(Path(sys.argv[1])).push(ward(9), cohort='tiny')\n"
        "except OSError as error:\n"
        "    print(error.strerror)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "File too large\n", done.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".tmp")] == []
    assert limits.getrlimit(limits.RLIMIT_FSIZE)[0] != 1500


# --- races ---------------------------------------------------------------------------------------------


def race(url: str, sent, cohort: str) -> list[str]:
    """Sixteen writers push the same at the same moment; what failed, if anything."""
    start, failed = threading.Barrier(16), []

    def write() -> None:
        store = RestStore(url, sleep=lambda seconds: time.sleep(min(seconds, 1.0)))
        start.wait()
        try:
            store.push(sent, cohort=cohort)
        except FhirBlinaError as error:
            failed.append(str(error))

    threads = [threading.Thread(target=write) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


def test_sixteen_writers_store_one_of_each(tmp_path):
    fake = FakeFhir()
    with served(fake) as url:
        assert race(url, ward(), "tiny") == []
    assert len(fake.held) == 15
    assert fake.versions() == {"1"}


@pytest.mark.hapi
@pytest.mark.postgres
def test_sixteen_writers_store_one_of_each_in_hapi(hapi_on_postgres, tmp_path):
    cohort = f"race{uuid.uuid4().hex[:8]}"
    sent = patients(1, cohort)
    assert race(hapi_on_postgres, sent, cohort) == []
    check_whole(RestStore(hapi_on_postgres), sent, cohort, tmp_path)


def test_sixteen_processes_on_one_folder_take_turns(tmp_path):
    folder, start, failed = tmp_path / "fhir", threading.Barrier(16), []

    def write() -> None:
        start.wait()
        try:
            open_store(folder).push(ward(), cohort="tiny")
        except (FhirBlinaError, OSError) as error:
            failed.append(str(error))

    threads = [threading.Thread(target=write) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sum(open_store(folder).counts("tiny").values()) == 15
