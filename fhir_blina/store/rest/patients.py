"""Reading what is about some patients from a server that answers searches of one patient only, as EHRs do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

from fhir_blina.errors import StoreRefused
from fhir_blina.store.contract import as_stored
from fhir_blina.store.replacing import line_of
from fhir_blina.store.rest.fetching import Fetcher
from fhir_blina.store.rest.journal import Journal
from fhir_blina.store.rest.searches import kept_link

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")


def read_patients(path: Path) -> list[str]:
    """The ids of patients in a file, one a line; they stand in no command that others can see.

    Raises:
        StoreRefused: the file is not readable, holds none, one twice, or what is no id.
    """
    try:
        lines = [line.strip() for line in path.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        raise StoreRefused(f"{path} is not readable; it holds an id of a Patient a line") from None
    ids = [line.removeprefix("Patient/") for line in lines if line]
    for number, name in enumerate(ids, start=1):
        if not _ID.fullmatch(name) or name in ids[: number - 1]:
            raise StoreRefused(f"{path}: the id number {number} is none, or stands there twice")
    if not ids:
        raise StoreRefused(f"{path} holds no id; it holds one of a Patient a line")
    return ids


@dataclass
class ByPatient:
    """Reads patient by patient, type by type, each search to its last page.

    Args:
        fetcher: Reads from the server.
        kinds: Types that are wanted.
        params: Further search parameters of some types.
        needs: Searches in place of one for all of a type, for example ``Observation?category=exam``.
    """

    fetcher: Fetcher
    kinds: Sequence[str]
    params: Mapping[str, Mapping[str, str]]
    needs: Sequence[str]

    def fetch(self, patients: Sequence[str], journal: Journal) -> None:
        """Bring all of it into the journal.

        Raises:
            StoreRefused: there is no such patient, or a search is refused.
            StoreIncomplete: as :meth:`Fetcher.pages`.
        """
        self._say_what_is_left()
        for number, patient in enumerate(patients, start=1):
            if "Patient" in self.kinds:
                found = self.fetcher.by_ids("Patient", [patient])
                if not found:
                    raise StoreRefused(f"the server has no patient of the id number {number}")
                journal.append(
                    f"Patient {number}",
                    [line_of(key, as_stored(one)) for key, one in found.items()],
                    first=True,
                    last=True,
                )
            for place, (kind, search) in enumerate(self._searches(patient)):
                self._search(f"{kind} {number} {place}", kind, search, journal)
            self.fetcher.progress("patients", number, len(patients))

    def _parameter(self, kind: str) -> str:
        """By which parameter a type is searched for a patient; empty where by none."""
        known = self.fetcher.capability.of(kind).search
        return next((name for name in ("patient", "subject") if name in known), "")

    def _say_what_is_left(self) -> None:
        left = [kind for kind in self.kinds if kind != "Patient" and not self._parameter(kind)]
        if left:
            self.fetcher.notes.append(f"not searched, because they are of no patient: {', '.join(left)}")

    def _searches(self, patient: str) -> Iterator[tuple[str, dict[str, str]]]:
        """Every search of one patient."""
        for kind in self.kinds:
            name = self._parameter(kind)
            if kind == "Patient" or not name:
                continue
            who = {name: patient if name == "patient" else f"Patient/{patient}"}
            chosen = dict(self.params.get(kind, {}))
            parts = [need.partition("?")[2] for need in self.needs if need.startswith(f"{kind}?")]
            needed = [dict(parse_qsl(part)) for part in parts]
            if needed and not any(one.keys() <= chosen.keys() for one in needed):
                yield from ((kind, who | chosen | one) for one in needed)
            else:
                yield kind, who | chosen

    def _search(self, source: str, kind: str, params: Mapping[str, str], journal: Journal) -> None:
        for page in self.fetcher.pages(kind, params, self.fetcher.count(kind, params)):
            link = page.following
            journal.append(
                source,
                [line_of(f"{kind}/{one['id']}", as_stored(one)) for one in page.resources],
                first=page.first,
                following=link if link and kept_link(link, params) else None,
                last=link is None,
            )
