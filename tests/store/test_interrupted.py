"""Pushes and pulls that die at any request, in any order: the next one that ends leaves what a folder has."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import httpx
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from fhir_blina.store import open_store
from fhir_blina.store.rest.rest import RestStore
from tests.end_state import lines_of
from tests.fake_fhir import FakeFhir, resource

NAMES = st.integers(1, 6).map(lambda number: f"tiny-P{number}")
GENDERS = st.sampled_from(["male", "female", "other", "unknown"])


class Died(BaseException):
    """The client, as by SIGKILL: no handler of ours runs on."""


class Interrupted(RuleBasedStateMachine):
    """A cohort that changes, a server, and a client that dies before or after a request."""

    def __init__(self):
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="interrupted-"))
        self.server = FakeFhir(page=3)
        described = self.server.metadata()
        (rest,) = described["rest"]
        rest["resource"] = [one for one in rest["resource"] if one["type"] in {"Observation", "Patient"}]
        self.server.metadata = lambda: described  # two types: quick
        self.wanted: dict[str, dict] = {}
        self.changes: dict[str, int] = {}
        self.left = -1  # requests until it dies; below zero it lives
        self.answered = True

    def teardown(self):
        shutil.rmtree(self.place)

    def store(self):
        def handle(request: httpx.Request) -> httpx.Response:
            self.left -= self.left >= 0
            dies = self.left == 0
            if dies and not self.answered:
                raise Died
            response = self.server.handle(request)
            if dies:
                raise Died
            return response

        client = httpx.Client(transport=httpx.MockTransport(handle))
        return RestStore(
            "http://fake.test/fhir", client=client, size=3, workers=1, via="search", sleep=lambda _: None
        )

    def dying(self, after, answered, work):
        """Do it with a client that dies at a request; whether it lived to the end."""
        self.left, self.answered = after, answered
        try:
            work(self.store())
        except Died:
            return False
        finally:
            self.left = -1
        return True

    def push(self, store):
        return store.push(list(self.wanted.values()), cohort="tiny", remove_orphans=True, verify="full")

    @initialize()
    def one_patient(self):
        self.change("tiny-P1", "male")

    @rule(name=NAMES, gender=GENDERS)
    def change(self, name, gender):
        key = f"Patient/{name}"
        before = self.wanted.get(key)
        self.wanted[key] = resource("Patient", name, gender=gender)
        self.wanted[f"Observation/{name}-o"] = resource(
            "Observation", f"{name}-o", status="final", code={"text": "x"}, subject={"reference": key}
        )
        for changed in [key] if before else [key, f"Observation/{name}-o"]:
            self.changes[changed] = self.changes.get(changed, 0) + 1

    @precondition(lambda self: len(self.wanted) > 2)
    @rule(data=st.data())
    def remove(self, data):
        key = data.draw(st.sampled_from(sorted(key for key in self.wanted if key.startswith("Patient/"))))
        for gone in (key, f"Observation/{key.removeprefix('Patient/')}-o"):
            del self.wanted[gone]
            self.changes[gone] += 1

    @rule(after=st.integers(1, 14), answered=st.booleans())
    def push_and_die(self, after, answered):
        self.dying(after, answered, self.push)

    @rule()
    def push_to_the_end(self):
        self.push(self.store())
        held = {key: one for key, one in self.server.held.items() if one}
        assert held.keys() == self.wanted.keys()
        versions = {key: int(one["meta"]["versionId"]) for key, one in held.items()}
        assert all(version <= self.changes[key] for key, version in versions.items())
        again = self.push(self.store())
        assert not again.created
        assert not again.updated
        assert versions == {
            key: int(one["meta"]["versionId"]) for key, one in self.server.held.items() if one
        }

    @precondition(lambda self: any(self.server.held.values()))
    @rule(after=st.integers(1, 10), answered=st.booleans())
    def pull_and_die(self, after, answered):
        before = lines_of(self.place / "out")
        if not self.dying(after, answered, lambda store: store.pull(self.place / "out", cohort="tiny")):
            assert lines_of(self.place / "out") == before

    @rule()
    def push_and_pull_to_the_end(self):
        self.push_to_the_end()
        self.store().pull(self.place / "out", cohort="tiny")
        open_store(self.place / "folder").push(list(self.wanted.values()), cohort="tiny", remove_orphans=True)
        assert lines_of(self.place / "out") == lines_of(self.place / "folder")


TestInterrupted = pytest.mark.long(Interrupted.TestCase)
TestInterrupted.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
