"""An interrupted pull goes on where it was, or starts anew and says why."""

from __future__ import annotations

import os
import resource as limits
import stat
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from fhir_blina.cli.parser import main
from fhir_blina.errors import StoreIncomplete, StoreRefused, StoreUnavailable
from fhir_blina.store import open_store
from fhir_blina.store.rest import pulling as module
from fhir_blina.store.rest.leftover import journal_of
from fhir_blina.store.rest.rest import RestStore
from tests.fake_fhir import BASE, FakeFhir, resource, ward
from tests.fault_proxy import served

ROOT = Path(__file__).parents[2]


class Stopped(BaseException):
    """Ctrl-C, but for one thread."""


def lines_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.ndjson"))}


def store_of(fake, **options):
    return RestStore(BASE, client=fake.client(), sleep=lambda _: None, **options)


@pytest.fixture
def fake():
    """A server with fifteen resources of six types, two on a page."""
    fake = FakeFhir(page=2)
    store_of(fake).push(ward(), cohort="tiny")
    fake.passes(10)
    fake.requests.clear()
    return fake


@pytest.fixture
def expected(tmp_path):
    open_store(tmp_path / "reference").push(ward(), cohort="tiny")
    return lines_of(tmp_path / "reference")


def pages(fake) -> list[str]:
    return [
        str(one.url.query)
        for one in fake.requests
        if "_count=1000" in str(one.url) or "_getpages" in str(one.url)
    ]


def interrupted(fake, out, after, how=Stopped, store=None, **more):
    """A pull that ends when the server has been asked for ``after`` pages."""
    seen = 0

    def stop(_, request):
        nonlocal seen
        seen += "_count=1000" in str(request.url) or "_getpages" in str(request.url)
        if seen > after:
            raise how
        return

    fake.faults.append(stop)
    with pytest.raises(how):
        (store or store_of(fake)).pull(out, cohort="tiny", **more)
    fake.faults.remove(stop)
    asked = len(pages(fake))
    fake.requests.clear()
    return asked


def test_every_page_that_came_is_not_asked_for_again(fake, tmp_path, expected):
    out = tmp_path / "out"
    store_of(fake).pull(tmp_path / "whole", cohort="tiny")
    whole = len(pages(fake))
    assert whole == 10  # AdverseEvent 2, Group 1, Observation 2, Patient 2, ResearchStudy 1, Specimen 2
    fake.requests.clear()
    interrupted(fake, out, 6)
    held = journal_of(out) / "pages"
    assert held.stat().st_size > 0
    kept = held.read_bytes().count(b'"whole":true')
    result = store_of(fake).pull(out, cohort="tiny")
    assert len(pages(fake)) == whole - kept
    assert 3 <= kept <= 6
    assert lines_of(out) == expected
    (note,) = [note for note in result.notes if "continued" in note]
    assert note.startswith("an interrupted pull was continued; ")
    assert note in result.certificate["notes"]
    assert not journal_of(out).exists()
    assert result.counts == {
        "AdverseEvent": 3,
        "Group": 1,
        "Observation": 4,
        "Patient": 3,
        "ResearchStudy": 1,
        "Specimen": 3,
    }


@pytest.mark.parametrize("after", range(1, 10))
def test_a_pull_stopped_anywhere_and_continued_gives_the_same_bytes(fake, tmp_path, expected, after):
    interrupted(fake, tmp_path / "out", after)
    assert not (tmp_path / "out").exists()
    store_of(fake).pull(tmp_path / "out", cohort="tiny")
    assert lines_of(tmp_path / "out") == expected


def test_a_pull_stopped_again_and_again_ends(fake, tmp_path, expected):
    out = tmp_path / "out"
    for _ in range(4):
        interrupted(fake, out, 2)
    store_of(fake).pull(out, cohort="tiny")
    assert lines_of(out) == expected


def test_an_old_folder_stays_until_the_new_one_is_whole(fake, tmp_path):
    out = tmp_path / "out"
    open_store(out).push(ward(1), cohort="tiny")
    before = lines_of(out)
    interrupted(fake, out, 9)
    assert lines_of(out) == before


@pytest.mark.parametrize("status", [404, 410])
def test_pages_that_are_gone_restart_their_search(fake, tmp_path, expected, status):
    out = tmp_path / "out"

    def stop(_, request):  # at a second page: that search is half there, whatever the other one did
        if "_getpages" in str(request.url):
            raise Stopped

    fake.faults.append(stop)
    with pytest.raises(Stopped):
        store_of(fake).pull(out, cohort="tiny")
    fake.faults.clear()
    fake.pages = {f"gone{number}": page for number, page in enumerate(fake.pages.values())}
    plain = fake.handle

    def handle(request):
        answer = plain(request)
        return httpx.Response(status) if answer.status_code == 410 else answer

    fake.handle = handle
    result = store_of(fake).pull(out, cohort="tiny")
    assert lines_of(out) == expected
    assert any("had expired; that search was started again" in note for note in result.notes)


def test_no_resume_starts_anew(fake, tmp_path, expected):
    out = tmp_path / "out"
    interrupted(fake, out, 6)
    result = store_of(fake).pull(out, cohort="tiny", resume=False)
    assert len(pages(fake)) == 10
    assert not any("interrupted" in note for note in result.notes)
    assert lines_of(out) == expected


def changed_resource(fake):
    fake.held["Patient/tiny-P1"]["meta"]["lastUpdated"] = fake.instant()
    fake.held["Patient/tiny-P1"]["gender"] = "other"


def one_more(fake):
    one = resource("Patient", "tiny-P9", gender="male")
    fake.put("Patient/tiny-P9", one, fake.held)


def one_less(fake):
    del fake.held["Observation/tiny-all-rate"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (changed_resource, "the server has stored something since"),
        (one_more, "the server's counts are others now"),
        (one_less, "the server's counts are others now"),
    ],
)
def test_a_server_that_moved_on_is_asked_anew(fake, tmp_path, change, why):
    out = tmp_path / "out"
    interrupted(fake, out, 9)
    change(fake)
    result = store_of(fake).pull(out, cohort="tiny")
    assert f"an interrupted pull was not continued: {why}" in result.notes
    store_of(fake).pull(tmp_path / "whole", cohort="tiny")
    assert lines_of(out) == lines_of(tmp_path / "whole")


def test_a_change_in_the_second_of_the_first_answer_counts(fake, tmp_path):
    interrupted(fake, tmp_path / "out", 9)
    fake.held["Patient/tiny-P1"]["meta"]["lastUpdated"] = fake.instant()[:-5] + "Z"
    result = store_of(fake).pull(tmp_path / "out", cohort="tiny")
    assert any("not continued" in note for note in result.notes)


@pytest.mark.parametrize(
    ("heard", "moment"),
    [("Thu, 01 Jan 2026 00:00:10 GMT", "2026-01-01T00:00:09Z"), ("", None), ("soon", None)],
)
def test_the_moment_is_the_servers_or_a_day_ago(heard, moment):
    found = module._moment(heard)
    assert found == moment or (moment is None and found < module.now()[:10])


@pytest.mark.parametrize(
    "other",
    [
        {"cohort": "other"},
        {"cohort": "tiny", "types": ["Patient"]},
        {"cohort": "tiny", "since": "2020-01-01T00:00:00Z"},
        {"cohort": "tiny", "params": {"Patient": {"gender": "male"}}},
    ],
)
def test_another_pull_gets_nothing_of_it(fake, tmp_path, other):
    store_of(fake).push(ward(2, "other"), cohort="other")
    out = tmp_path / "out"
    interrupted(fake, out, 6)
    result = store_of(fake).pull(out, **other)
    assert "an interrupted pull was not continued: it was another pull" in result.notes
    store_of(fake).pull(tmp_path / "whole", **other)
    assert lines_of(out) == lines_of(tmp_path / "whole")


def test_another_server_gets_nothing_of_it(fake, tmp_path):
    interrupted(fake, tmp_path / "out", 6)
    other = RestStore("http://other.test/fhir", client=fake.client(), sleep=lambda _: None)
    assert any("another pull" in note for note in other.pull(tmp_path / "out", cohort="tiny").notes)


def test_another_tenant_gets_nothing_of_it_and_a_new_token_does(fake, tmp_path):
    out = tmp_path / "out"
    interrupted(fake, out, 4, store=store_of(fake, headers={"X-Tenant": "a"}))
    result = store_of(fake, headers={"X-Tenant": "b"}).pull(out, cohort="tiny")
    assert any("another pull" in note for note in result.notes)
    again = tmp_path / "again"
    interrupted(fake, again, 4, store=store_of(fake, headers={"Authorization": "Bearer one"}))
    result = store_of(fake, headers={"Authorization": "Bearer two"}).pull(again, cohort="tiny")
    assert any("was continued" in note for note in result.notes)


def test_what_contradicts_itself_is_not_gone_on_with(fake, tmp_path, expected):
    out = tmp_path / "out"
    whole = fake.page_of

    def again(token, start):
        bundle = whole(token, start)
        if start == 2:
            bundle["entry"] = whole(token, 0)["entry"]
        return bundle

    fake.page_of = again
    with pytest.raises(StoreIncomplete, match="on two pages"):
        store_of(fake).pull(out, cohort="tiny")
    assert not journal_of(out).exists()
    fake.page_of = whole
    store_of(fake).pull(out, cohort="tiny")
    assert lines_of(out) == expected


def test_pages_that_lack_a_row_after_the_break_are_an_error(fake, tmp_path):
    out = tmp_path / "out"
    interrupted(fake, out, 3)
    whole = fake.page_of

    def short(token, start):
        bundle = whole(token, start)
        bundle["entry"] = bundle["entry"][:-1]
        return bundle

    fake.page_of = short
    with pytest.raises(StoreIncomplete, match="counts"):
        store_of(fake).pull(out, cohort="tiny")
    assert not out.exists()
    assert not journal_of(out).exists()


def test_pages_without_end_are_given_up(fake, tmp_path):
    """Each with ids that were not there before, and always a next one."""
    number = 0

    def page_of(token, start):
        nonlocal number
        number += 1
        one = resource("Patient", f"tiny-more{number}")
        link = {"relation": "next", "url": f"{BASE}?_getpages={token}-{number}"}
        return {"resourceType": "Bundle", "entry": [{"resource": one}], "link": [link]}

    fake.page_of = page_of
    with pytest.raises(StoreIncomplete, match="counts 3 Patient and sent 4"):
        store_of(fake).pull(tmp_path / "out", cohort="tiny", types=["Patient"])
    assert number < 10
    assert not journal_of(tmp_path / "out").exists()


def test_a_page_of_before_that_comes_again_is_an_error(fake, tmp_path):
    """No id twice on the pages of a search, also when a break lies between the two."""
    out = tmp_path / "out"
    interrupted(fake, out, 1, types=["Observation"])
    whole = fake.page_of
    fake.page_of = lambda token, start: whole(token, max(start - 2, 0))
    with pytest.raises(StoreIncomplete, match="on two pages"):
        store_of(fake).pull(out, cohort="tiny", types=["Observation"])


@pytest.mark.parametrize(
    ("fault", "error", "kept"),
    [
        (httpx.Response(503), StoreUnavailable, True),
        (httpx.Response(401), StoreRefused, True),
        (httpx.Response(200, html="<h1>portal</h1>"), StoreIncomplete, True),
    ],
)
def test_what_came_stays_when_the_server_fails(fake, tmp_path, expected, fault, error, kept):
    out, seen = tmp_path / "out", []

    def fail(_, request):
        seen.extend([1] if "_getpages" in str(request.url) else [])
        return fault if len(seen) > 2 and "_getpages" in str(request.url) else None

    fake.faults.append(fail)
    with pytest.raises(error):
        store_of(fake).pull(out, cohort="tiny")
    assert journal_of(out).exists() is kept
    fake.faults.clear()
    fake.requests.clear()
    store_of(fake).pull(out, cohort="tiny")
    assert len(pages(fake)) < 10
    assert lines_of(out) == expected


def test_nothing_is_left_when_nothing_came(fake, tmp_path):
    fake.faults.append(lambda _, r: httpx.Response(400) if "_count" in str(r.url) else None)
    with pytest.raises(StoreRefused):
        store_of(fake).pull(tmp_path / "out", cohort="tiny")
    assert not journal_of(tmp_path / "out").exists()


def test_ids_of_the_server_are_ours_again_after_a_break(tmp_path, expected):
    fake = FakeFhir(page=2, client_ids=False)
    store_of(fake).push(ward(), cohort="tiny")
    fake.passes(10)
    interrupted(fake, tmp_path / "out", 6)
    store_of(fake).pull(tmp_path / "out", cohort="tiny")
    assert lines_of(tmp_path / "out") == expected


def test_two_resources_under_one_id_of_ours_are_an_error(tmp_path):
    fake = FakeFhir(client_ids=False)
    store_of(fake).push(ward(1), cohort="tiny")
    stranger = resource("Patient", "tiny-P1")
    del stranger["identifier"]
    fake.put("Patient/tiny-P1", stranger, fake.held)
    with pytest.raises(StoreRefused, match="Patient/tiny-P1 is the id of two"):
        store_of(fake).pull(tmp_path / "out", cohort="tiny")


# --- what the journal says ---------------------------------------------------------------------------------


def test_no_search_value_and_no_credential_stands_in_it(tmp_path):
    fake = FakeFhir(page=1)
    for number in range(4):
        fake.put(f"Patient/p{number}", resource("Patient", f"p{number}", gender="male"), fake.held)
    fake.passes(10)
    plain = fake.page_of

    def telling(token, start):
        bundle = plain(token, start)
        for link in bundle.get("link", []):
            link["url"] += "&gender=male&access_token=hunter2"
        return bundle

    fake.page_of = telling
    out = tmp_path / "out"
    fake.host = "https://fake.test/fhir"
    store = RestStore(fake.host, client=fake.client(), token="s3cret", headers={"X-Key": "k3y"})
    seen = []

    def stop(*_):
        seen.append(1)
        if len(seen) > 5:  # capabilities, count, three pages
            raise Stopped

    fake.faults.append(stop)
    with pytest.raises(Stopped):
        store.pull(out, params={"Patient": {"gender": "male"}})
    fake.faults.clear()
    place = journal_of(out)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    for path in place.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        heads = [line for line in path.read_bytes().splitlines() if not line.startswith(b'{"resourceType"')]
        for word in (b"gender", b"male", b"hunter2", b"s3cret", b"k3y", b"fake.test"):
            assert not any(word in head for head in heads), path.name
    store.pull(out, params={"Patient": {"gender": "male"}})
    assert len(lines_of(out)["Patient.ndjson"].splitlines()) == 4


@pytest.mark.parametrize(
    ("link", "params", "kept"),
    [
        ("http://x/fhir?_getpages=1f&_getpagesoffset=1000&_count=1000", {"gender": "male"}, True),
        ("http://x/fhir?_pageId=a&_getpages=1f", {}, True),
        ("http://x/fhir/Patient?_tag=a%7Cb&page=2", {"_tag": "a|b"}, True),
        ("http://x/fhir/Patient?_tag=a%7Cb&ct=W3siY", {"_tag": "a|b"}, True),
        ("http://x/fhir/Patient?gender=male&ct=W3siY", {"gender": "male"}, False),
        ("http://x/fhir/Patient?ct=W3siY", {"gender": "male"}, False),
        ("http://x/fhir?_getpages=1f&access_token=hunter2", {}, False),
        ("http://x/fhir?_getpages=1f&identifier=", {}, False),
    ],
)
def test_a_link_is_kept_unless_it_could_tell(link, params, kept):
    assert module.kept_link(link, params) is kept


# --- two processes, full disks, the command line -----------------------------------------------------------


def test_a_second_pull_to_the_folder_waits(fake, tmp_path, expected):
    """Eight at once: each takes the journal's lock in turn, none takes another's pages."""
    out, failed, start = tmp_path / "out", [], threading.Barrier(8)

    def pull():
        start.wait()
        try:
            store_of(fake).pull(out, cohort="tiny")
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=pull) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert lines_of(out) == expected
    assert not journal_of(out).exists()


def killed_at_each(folder: Path, way: str, stride: int) -> int:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "pull_crash_points.py"), str(folder), way, str(stride)],
        capture_output=True,
        text=True,
        check=False,
        timeout=540,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return int(done.stdout)


@pytest.mark.long
@pytest.mark.parametrize("way", ["search", "export"])
def test_a_pull_killed_while_it_writes_is_completed_by_the_next(tmp_path, way):
    assert killed_at_each(tmp_path, way, 12) >= 5


@pytest.mark.soak
@pytest.mark.parametrize("way", ["search", "export"])
def test_a_pull_killed_at_any_step_is_completed_by_the_next(tmp_path, way):
    points = killed_at_each(tmp_path, way, 1)
    sys.stdout.write(f"\n{points} points at which a pull by {way} was killed\n")
    assert points > 50


def test_a_full_disk_keeps_what_came(fake, tmp_path, expected):
    code = (
        "import resource, sys, pathlib\n"
        "from fhir_blina.store.rest.rest import RestStore\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))\n"
        "try:\n"
        "    RestStore(sys.argv[1]).pull(pathlib.Path(sys.argv[2]), cohort='tiny')\n"
        "except OSError as error:\n"
        "    print(error.strerror, error.filename)\n"
    )
    out = tmp_path / "out"
    with served(fake) as url:
        done = subprocess.run(
            [sys.executable, "-c", code, url, str(out)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        pages_file = tmp_path / ".out.journal" / "pages"
        assert done.stdout == f"File too large {pages_file}\n", done.stderr
        assert not out.exists()
        asked = len(pages(fake))
        result = RestStore(url).pull(out, cohort="tiny")
        assert len(pages(fake)) - asked < 10
    assert any("continued" in note for note in result.notes)
    assert lines_of(out) == expected
    assert limits.getrlimit(limits.RLIMIT_FSIZE)[0] != 3000


def test_the_command_says_where_it_is_kept_and_goes_on(fake, tmp_path, expected, capsys):
    arguments = ["pull", "tiny", "--out", str(tmp_path), "--verbose"]

    def fail(server, request):  # the second page of Patients
        token = request.url.params.get("_getpages", "").partition("-")[0]
        return httpx.Response(401) if token and server.pages[token][0] == "Patient" else None

    with served(fake) as url:
        fake.faults.append(fail)
        assert main([*arguments, "--store", url]) == 4
        said = capsys.readouterr().err
        assert f"what came is kept in {tmp_path / '.fhir.journal'}; the same command goes on with it" in said
        fake.faults.clear()
        assert main([*arguments, "--store", url]) == 0
        assert "an interrupted pull was continued" in capsys.readouterr().err
        assert main([*arguments, "--store", url, "--no-resume"]) == 0
    assert lines_of(tmp_path / "fhir") == expected
