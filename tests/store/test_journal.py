"""The journal of a pull: never lost, never doubled, never mixed, whole or nothing."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fhir_blina.errors import StoreRefused
from fhir_blina.store.rest import leftover as module
from fhir_blina.store.rest.journal import PAGES, Journal
from fhir_blina.store.rest.leftover import ABOUT, discard, journal_of, left_by

QUESTION = {"server": "http://fake.test/fhir", "params": {"Patient": {"family": "Canary"}}}


def begun(place: Path, question=QUESTION, **more) -> Journal:
    return Journal.begin(place, question, moment="2026-01-01T00:00:00Z", counts={"Patient": 2}, **more)


def line(kind: str, name: str, version: int = 0) -> str:
    return json.dumps({"resourceType": kind, "id": name, "n": version}, separators=(",", ":")) + "\n"


@pytest.fixture
def place(tmp_path):
    return journal_of(tmp_path / "out")


def test_it_lies_hidden_beside_the_folder_for_its_owner_only(tmp_path, place):
    begun(place).close()
    assert place == tmp_path / ".out.journal"
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in place.iterdir()} == {
        ABOUT: 0o600,
        PAGES: 0o600,
    }


def test_what_was_appended_is_there_again_sorted(place):
    one = begun(place)
    one.append(
        "Patient", [line("Patient", "b"), line("Patient", "ä".encode().hex())], first=True, following="f"
    )
    one.append("Observation", [line("Observation", "x")], first=True, last=True)
    one.close()
    again = Journal(place)
    assert list(again) == ["Observation/x", "Patient/b", "Patient/c3a4"]
    assert again.counts() == {"Observation": 1, "Patient": 2}
    assert "".join(again.lines()["Patient"]) == line("Patient", "b") + line("Patient", "c3a4")
    assert again["Patient/b"] == {"resourceType": "Patient", "id": "b", "n": 0}
    assert again.trail("Patient").following == "f"
    assert again.trail("Patient").ids == {"b", "c3a4"}
    assert again.trail("Observation").done
    assert "Patient/x" not in again
    again.close()


def test_each_page_is_on_the_disk_before_the_next_is_asked_for(place, monkeypatch):
    one, synced = begun(place), []
    monkeypatch.setattr("os.fsync", synced.append)
    one.append("Patient", [line("Patient", "a")])
    assert synced == [one._file.fileno()]
    one.close()


def test_nothing_of_the_question_stands_in_it(place):
    begun(place).close()
    text = b"".join(path.read_bytes() for path in place.iterdir())
    assert b"Canary" not in text
    assert b"fake.test" not in text
    other = (place / ABOUT).read_text()
    begun(place).close()
    assert json.loads(other)["digest"] != json.loads((place / ABOUT).read_text())["digest"]


def test_another_question_gets_nothing_of_it(place):
    begun(place).close()
    about, why = left_by(place, QUESTION)
    assert about is not None
    assert (about["counts"], about["moment"], why) == ({"Patient": 2}, "2026-01-01T00:00:00Z", "")
    other = QUESTION | {"params": {"Patient": {"family": "Other"}}}
    assert left_by(place, other) == (None, "it was another pull")


@pytest.mark.parametrize(("hours", "useful"), [(23, True), (25, False), (-1, False)])
def test_after_a_day_it_is_of_no_use(place, monkeypatch, hours, useful):
    begun(place).close()
    now = module.time.time()
    monkeypatch.setattr(module.time, "time", lambda: now + hours * 3600)
    about, why = left_by(place, QUESTION)
    assert (about is not None) is useful
    assert why == ("" if useful else "it is older than 24 hours")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"salt":"zz"}', '{"began":1}', None])
def test_one_that_was_never_begun_is_none(place, text):
    begun(place).close()
    (place / ABOUT).unlink() if text is None else (place / ABOUT).write_text(text)
    assert left_by(place, QUESTION) == (None, "")
    again = begun(place)
    assert again.blank
    again.close()


def test_there_is_none_to_begin_with(place):
    assert left_by(place, QUESTION) == (None, "")
    discard(place)


@pytest.mark.parametrize("trap", ["link", "open", "file"])
def test_a_folder_that_others_could_have_made_is_refused(tmp_path, place, trap):
    if trap == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        (tmp_path / "elsewhere" / "mine").touch()
        place.symlink_to(tmp_path / "elsewhere")
    elif trap == "open":
        place.mkdir(mode=0o755)
        place.chmod(0o755)
    else:
        place.write_text("mine")
    for attempt in (lambda: left_by(place, QUESTION), lambda: begun(place), lambda: discard(place)):
        with pytest.raises(StoreRefused, match="not a folder of ours alone"):
            attempt()
    assert place.exists()
    assert trap != "link" or (tmp_path / "elsewhere" / "mine").exists()


def test_pages_that_are_a_link_are_not_followed(tmp_path, place):
    begun(place).close()
    (tmp_path / "mine").write_text("mine")
    (place / PAGES).unlink()
    (place / PAGES).symlink_to(tmp_path / "mine")
    with pytest.raises(OSError, match="symbolic"):
        Journal(place)
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_page_that_does_not_fit_on_the_disk_leaves_those_before(place, monkeypatch):
    one = begun(place)
    one.append("Patient", [line("Patient", "a")], first=True)
    real = os.pwrite
    left = [40]

    def full(handle, data, where):
        if not left[0]:
            raise OSError(28, "No space left on device")
        size = left.pop()
        left.append(0)
        return real(handle, data[:size], where)

    with monkeypatch.context() as disk:
        disk.setattr("os.pwrite", full)
        with pytest.raises(OSError, match="No space left"):
            one.append("Patient", [line("Patient", "b")])
    assert list(one) == ["Patient/a"]
    one.append("Patient", [line("Patient", "c")], last=True)
    one.close()
    again = Journal(place)
    assert list(again) == ["Patient/a", "Patient/c"]
    again.close()


@pytest.mark.parametrize("position", range(0, 200, 7))
def test_a_byte_that_changed_ends_what_is_believed(place, position):
    one = begun(place)
    one.append("Patient", [line("Patient", "a")], first=True)
    end = (place / PAGES).stat().st_size
    one.append("Patient", [line("Patient", "b")], last=True)
    one.close()
    content = bytearray((place / PAGES).read_bytes())
    changed = end + position % (len(content) - end)
    content[changed] ^= 1
    (place / PAGES).write_bytes(content)
    again = Journal(place)
    assert list(again) == ["Patient/a"]
    assert not again.trail("Patient").done
    assert (place / PAGES).stat().st_size == end
    again.close()


KINDS = ("Patient", "Observation")
IDS = ("a", "b", "c", "d")


class Machine(RuleBasedStateMachine):
    """Pages of two searches and of files, cut anywhere, against a dict of what was whole."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(module, "ROUNDS", 1)
        self.patch.setattr("os.fsync", lambda _: None)
        self.home = Path(tempfile.mkdtemp())
        self.place = journal_of(self.home / "out")
        self.journal: Journal | None = None
        self.number = 0
        self.server = 0
        self.forget()

    def forget(self) -> None:
        self.held: dict[str, str] = {}
        self.trails: dict[str, tuple[set[str], str | None, bool]] = {}
        self.part: list[str] = []  # lines of a file that is not whole
        self.part_of = ""
        self.part_first = False
        self.steps: list[tuple[int, dict, dict]] = []  # size of the file, and what is whole then

    def question(self) -> dict:
        return {"server": self.server}

    @initialize()
    def begin(self) -> None:
        self.journal = begun(self.place, self.question())
        self.forget()
        self.remember()

    def remember(self) -> None:
        size = (self.place / PAGES).stat().st_size
        self.steps.append(
            (size, dict(self.held), {k: (set(i), f, d) for k, (i, f, d) in self.trails.items()})
        )

    def commit(self, source: str, lines: list[str], first: bool, following: str | None, last: bool) -> None:
        ids = set() if first else set(self.trails.get(source, (set(), None, False))[0])
        for text in lines:
            one = json.loads(text)
            self.held[f"{one['resourceType']}/{one['id']}"] = text
            ids.add(one["id"])
        self.trails[source] = (set() if last else ids, following, last)
        self.part, self.part_of, self.part_first = [], "", False

    def lines(self, kind: str, names: list[str]) -> list[str]:
        self.number += 1
        return [line(kind, name, self.number) for name in names]

    @precondition(lambda self: self.journal is not None)
    @rule(
        kind=st.sampled_from(KINDS),
        names=st.lists(st.sampled_from(IDS), unique=True),
        first=st.booleans(),
        following=st.sampled_from([None, "next", "ü"]),
        last=st.booleans(),
    )
    def append_page(self, kind, names, first, following, last) -> None:
        lines = self.lines(kind, names)
        self.journal.append(kind, lines, first=first, following=following, last=last)
        self.commit(kind, lines, first, following, last)
        self.remember()

    @precondition(lambda self: self.journal is not None)
    @rule(
        number=st.sampled_from(["0 file", "1 file"]),
        names=st.lists(st.sampled_from(IDS), unique=True),
        first=st.booleans(),
        last=st.booleans(),
    )
    def append_lines_of_a_file(self, number, names, first, last) -> None:
        lines = self.lines("Patient", names)
        self.journal.append(number, lines, first=first, last=last, whole=last)
        if first or number != self.part_of:
            self.part, self.part_first = [], False
        self.part_of = number
        self.part += lines
        self.part_first |= first
        if last:
            self.commit(number, self.part, self.part_first, None, True)
        self.remember()

    @precondition(lambda self: self.journal is not None)
    @rule(data=st.data(), garbage=st.binary(max_size=20))
    def crash(self, data, garbage) -> None:
        """The last write is cut off at any byte, perhaps with noise behind it."""
        self.journal.close()
        end = self.steps[-1][0]
        # a file that grew anew over one that was cut off can be shorter than before
        start = max((size for size, _, _ in self.steps[:-1] if size < end), default=end)
        cut = data.draw(st.integers(start, end))
        with (self.place / PAGES).open("r+b") as file:
            file.truncate(cut)
            file.seek(cut)
            file.write(garbage)
        if cut < end:
            _, self.held, self.trails = next(
                (size, dict(held), dict(trails)) for size, held, trails in reversed(self.steps) if size <= cut
            )
        self.part, self.part_of, self.part_first = [], "", False
        self.journal = None

    @precondition(lambda self: self.journal is not None)
    @rule()
    def stop(self) -> None:
        self.journal.close()
        self.part, self.part_of, self.part_first = [], "", False
        self.journal = None

    @precondition(lambda self: self.journal is None)
    @rule()
    def reopen(self) -> None:
        about, why = left_by(self.place, self.question())
        assert about is not None, why
        self.journal = Journal(self.place)
        self.steps = []
        self.remember()

    @precondition(lambda self: self.journal is None)
    @rule()
    def another_server(self) -> None:
        self.server += 1
        assert left_by(self.place, self.question()) == (None, "it was another pull")
        self.begin()

    @precondition(lambda self: self.journal is not None)
    @rule()
    def forget_all(self) -> None:
        self.journal.clear()
        self.forget()
        self.remember()

    @precondition(lambda self: self.journal is not None)
    @rule()
    def finish(self) -> None:
        self.journal.close()
        discard(self.place)
        assert not self.place.exists()
        assert left_by(self.place, self.question()) == (None, "")
        self.begin()

    @invariant()
    def what_was_whole_is_there(self) -> None:
        if self.journal is None:
            return
        assert list(self.journal) == sorted(self.held)
        assert {key: self.journal.line(*key.split("/")) for key in self.journal} == self.held
        assert len(self.journal) == len(self.held) == sum(self.journal.counts().values())
        assert self.journal.sources == set(self.trails)
        for source, (ids, following, done) in self.trails.items():
            trail = self.journal.trail(source)
            assert (trail.ids, trail.following, trail.done) == (ids, following, done)

    def teardown(self) -> None:
        if self.journal is not None:
            self.journal.close()
        shutil.rmtree(self.home)
        self.patch.undo()


class TestJournal(Machine.TestCase):
    """Generated orders of pages, crashes and ends."""

    settings = settings(
        max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
    )


@pytest.mark.soak
class TestJournalLong(Machine.TestCase):
    """The same, longer."""

    settings = settings(
        max_examples=1500, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
    )
