"""Lines kept outside memory, and folder stores whose content is larger than what memory may hold of it."""

import gc
import warnings

import pytest

from fhir_blina.files import COHORT_SYSTEM, read_ndjson
from fhir_blina.files.json import write_ndjson
from fhir_blina.store import NdjsonFolder, choosing, kept, open_store
from fhir_blina.store.kept import ChosenLines, KeptLines, SortedLines

TAG = {"system": COHORT_SYSTEM, "code": "tiny"}


@pytest.fixture(params=[10, 2**20], ids=["on disk", "in memory"])
def bound(request, monkeypatch):
    monkeypatch.setattr(kept, "IN_MEMORY", request.param)
    monkeypatch.setattr(choosing, "HELD_BYTES", request.param)


@pytest.mark.usefixtures("bound")
def test_lines_come_back_whatever_the_order(tmp_path):
    lines = KeptLines()
    texts = {f"Patient/p{number}": f'{{"id":"p{number}","x":"{"ö" * number}"}}\n' for number in range(30)}
    for key, text in texts.items():
        lines.keep(key, text.encode())
    assert dict(lines) == texts
    assert list(SortedLines(sorted(texts, reverse=True), lines)) == [
        texts[key] for key in sorted(texts)[::-1]
    ]
    lines.keep("Patient/p3", b"again\n")
    lines.drop("Patient/p4")
    lines.drop("Patient/unknown")
    assert (lines["Patient/p3"], "Patient/p4" in lines, len(lines)) == ("again\n", False, 29)
    other = KeptLines()
    other.keep("Group/g", b"g\n")
    chosen = ChosenLines({"Group/g": other, "Patient/p5": lines})
    assert dict(chosen) == {"Group/g": "g\n", "Patient/p5": texts["Patient/p5"]}
    assert len(chosen) == 2


def test_the_file_is_closed_when_nobody_needs_it(monkeypatch):
    monkeypatch.setattr(kept, "IN_MEMORY", 1)
    lines = KeptLines()
    lines.keep("Patient/p", b"more than one byte\n")
    file = lines._file
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del lines
        gc.collect()
    assert file.closed


def observation(number, text=""):
    return {
        "resourceType": "Observation",
        "id": f"o{number:04d}",
        "meta": {"tag": [TAG]},
        "status": "final",
        "code": {"text": text or f"c{number}"},
    }


@pytest.mark.usefixtures("bound")
def test_a_folder_takes_changes_and_gives_back_what_it_holds(tmp_path):
    (tmp_path / "in").mkdir()
    resources = [observation(number) for number in range(60)]
    write_ndjson(tmp_path / "in" / "Observation.ndjson", reversed(resources))
    store = open_store(tmp_path / "store")
    assert store.push(NdjsonFolder(tmp_path / "in"), cohort="tiny").created == {"Observation": 60}
    found = [one for _, one in read_ndjson(tmp_path / "store" / "Observation.ndjson")]
    assert found == resources
    assert store.push(NdjsonFolder(tmp_path / "in"), cohort="tiny").unchanged == {"Observation": 60}
    changed = [*resources[5:], observation(3, "new")]
    result = store.push(changed, cohort="tiny")
    assert (result.updated, result.removed, result.unchanged) == (
        {"Observation": 1},
        {"Observation": 4},
        {"Observation": 55},
    )
    pulled = store.pull(tmp_path / "pulled", cohort="tiny")
    assert list(pulled.resources()) == sorted(changed, key=lambda one: one["id"])
    assert (tmp_path / "pulled" / "Observation.ndjson").read_bytes() == (
        tmp_path / "store" / "Observation.ndjson"
    ).read_bytes()
    assert len(store.held("tiny")) == 56
    assert store.unload("tiny") == {"Observation": 56}
