"""NDJSON as others write it: which lines count, what a broken folder is."""

from __future__ import annotations

import json

import pytest

from fhir_blina.errors import StoreIncomplete
from fhir_blina.store import open_store
from fhir_blina.store.sources import NdjsonFolder
from tests.fake_fhir import ward

ONE, TWO = '{"resourceType":"Patient","id":"a"}', '{"resourceType":"Group","id":"b"}'


def folder_of(tmp_path, **files):
    for name, content in files.items():
        (tmp_path / f"{name}.ndjson").write_bytes(content.encode())
    return tmp_path


@pytest.mark.parametrize(
    "content", [f"{ONE}\n{TWO}\n", f"{ONE}\n{TWO}", f"{ONE}\r\n{TWO}\r\n", f"\n{ONE}\n\n  \n{TWO}\n\n"]
)
def test_ends_of_lines_and_empty_lines_do_not_matter(tmp_path, content):
    folder = NdjsonFolder(folder_of(tmp_path, x=content))
    assert [one["id"] for one in folder] == ["a", "b"]
    for place, line in folder.scan():
        assert folder.read(place) == line
        assert json.loads("{" + "".join(folder.content(place)) + "}")["resource"] == json.loads(line)


def test_places_are_counted_as_an_editor_counts_them(tmp_path):
    folder = NdjsonFolder(folder_of(tmp_path, b=f"\n{TWO}\n", a=f"{ONE}\nno\n{ONE}"))
    places = [str(place) for place, _ in folder.scan()]
    assert places == [
        f"{tmp_path}/{place}" for place in ("a.ndjson:1", "a.ndjson:2", "a.ndjson:3", "b.ndjson:2")
    ]


def test_the_line_after_one_that_is_too_large_is_read(tmp_path):
    large = '{"resourceType":"Patient","id":"big","x":"' + "ä" * 9 * 2**20 + '"}'
    folder = NdjsonFolder(folder_of(tmp_path, x=f"{ONE}\n{large}\n{TWO}\n"))
    places = [place for place, _ in folder.scan()]
    assert [one["id"] for one in folder] == ["a", "b"]
    assert folder.key(places[1]) == "Patient/big"
    kept = json.loads("{" + "".join(folder.content(places[1])) + "}")
    assert kept["text"] == large


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a\xc3", b"\xed\xa0\x80\\ud800", b'"\\ \x00\x1f'])
def test_any_bytes_can_be_had_again(tmp_path, content):
    (tmp_path / "x.ndjson").write_bytes(content + b"\n")
    folder = NdjsonFolder(tmp_path)
    ((place, _),) = folder.scan()
    kept = json.loads("{" + "".join(folder.content(place)) + "}")
    assert kept["text"].encode("utf-8", "surrogateescape") == content


def test_a_folder_that_lacks_what_its_manifest_names_is_not_pushed(tmp_path):
    place = tmp_path / "fhir"
    open_store(place).push(ward(), cohort="tiny")
    assert len(list(NdjsonFolder(place))) == 15
    whole = (place / "Patient.ndjson").read_bytes()
    (place / "Patient.ndjson").write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
    with pytest.raises(StoreIncomplete, match="has 2 lines, the manifest says 3"):
        list(NdjsonFolder(place))
    (place / "Patient.ndjson").unlink()
    with pytest.raises(StoreIncomplete, match=r"Patient\.ndjson: error: is in the manifest, but missing"):
        NdjsonFolder(place)


def test_what_is_no_folder_of_resources_is_said(tmp_path):
    with pytest.raises(StoreIncomplete, match="holds no NDJSON file"):
        NdjsonFolder(tmp_path)
    (tmp_path / "x.ndjson").symlink_to("/etc/hostname")
    with pytest.raises(StoreIncomplete, match="symbolic link"):
        NdjsonFolder(tmp_path)
