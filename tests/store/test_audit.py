"""The audit trail: a line before and after, ids only as keyed hashes, nothing done where it cannot be written."""

from __future__ import annotations

import getpass
import hashlib
import hmac
import json
import stat

import pytest

from fhir_blina.cli.parser import main
from fhir_blina.errors import StoreRefused
from fhir_blina.store import open_store
from fhir_blina.store.audit import Audited
from tests.fake_fhir import FakeFhir, resource, ward
from tests.fault_proxy import served

KEY = b"k" * 32


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def hashed(*keys: str) -> set[str]:
    return {hmac.new(KEY, key.encode(), hashlib.sha256).hexdigest() for key in keys}


@pytest.mark.parametrize("server", [False, True])
def test_push_pull_and_unload_leave_two_lines_each(tmp_path, server):
    trail = tmp_path / "trail"
    keys = {f"{one['resourceType']}/{one['id']}" for one in ward()}
    with served(FakeFhir()) as url:
        store = Audited(open_store(url if server else tmp_path / "fhir"), trail, KEY)
        store.push(ward(), cohort="tiny")
        store.pull(tmp_path / "pulled", cohort="tiny")
        store.unload("tiny")
    found = lines(trail)
    assert [(one["action"], one["state"]) for one in found] == [
        (action, state) for action in ("push", "pull", "unload") for state in ("begun", "done")
    ]
    for one in found[1::2]:
        assert set(one["ids"]) == hashed(*keys)
        assert (one["user"], one["cohort"]) == (getpass.getuser(), "tiny")
        assert one["store"] == store.location
    assert "tiny-P1" not in trail.read_text()
    assert stat.S_IMODE(trail.stat().st_mode) == 0o600


def test_a_failure_is_in_the_trail(tmp_path):
    store = Audited(open_store(tmp_path / "fhir"), tmp_path / "trail", KEY)
    with pytest.raises(StoreRefused):
        store.push([resource("Patient", "a_b")], cohort="tiny")
    assert [one["state"] for one in lines(tmp_path / "trail")] == ["begun", "failed: StoreRefused"]


def test_without_a_trail_nothing_is_done(tmp_path):
    (tmp_path / "target").write_text("mine")
    (tmp_path / "trail").symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match="symbolic link"):
        Audited(open_store(tmp_path / "fhir"), tmp_path / "trail", KEY).push(ward(), cohort="tiny")
    assert (tmp_path / "target").read_text() == "mine"
    assert not (tmp_path / "fhir").exists()


def test_the_command_line_keeps_a_trail(tiny, tmp_path):
    trail, out = tmp_path / "trail", tmp_path / "out"
    assert main(["push", str(tiny), "--out", str(out), "--audit", str(trail), "--quiet"]) == 0
    assert main(["tables", "--out", str(out), "--audit", str(trail), "--quiet"]) == 0
    assert [one["action"] for one in lines(trail)] == ["push", "push", "pull", "pull"]
    assert len(lines(trail)[1]["ids"]) == 10
