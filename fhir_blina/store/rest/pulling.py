"""One pull from a server: into the journal, compared with the server's counts, then into the folder.

What an interrupted pull left is used when the same is pulled from the same server within a day, the server
counts the same, and it has stored nothing of it since.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from fhir_blina.errors import StoreInconsistent, StoreRefused
from fhir_blina.files import locked
from fhir_blina.http import Origin
from fhir_blina.store.contract import PullResult, as_stored, belongs_to, not_here
from fhir_blina.store.manifest import now, refuse_foreign
from fhir_blina.store.replacing import line_of, save_pull
from fhir_blina.store.rest.ahead import interleaved
from fhir_blina.store.rest.exporting import Export
from fhir_blina.store.rest.fetching import Fetcher, Selection
from fhir_blina.store.rest.identity import gave_ids, our_names, renamed
from fhir_blina.store.rest.journal import Journal
from fhir_blina.store.rest.leftover import discard, journal_of, left_by
from fhir_blina.store.rest.patients import ByPatient
from fhir_blina.store.rest.profiles import UNKNOWN, Profile
from fhir_blina.store.rest.searches import kept_link

EXPORT_ABOVE = 100_000


@dataclass
class Pull:
    """One pull; made by :class:`fhir_blina.store.rest.rest.RestStore`.

    Args:
        fetcher: Reads from the server.
        selection: What to fetch.
        cohort: Only resources with this cohort's tag; None for all.
        group: Id of a Group, whose members are exported; None for none.
        via: ``search``, ``export`` or ``auto``.
        headers: Sent with every request; another tenant's pull is another pull.
        files_from: Further origins that files of an export may come from.
        own_ids: Whether the server takes our ids of these types.
        profile: What is known of such servers.
        patients: Ids of the patients of whom all is read, one after the other; empty for no such choice.
    """

    fetcher: Fetcher
    selection: Selection
    cohort: str | None
    group: str | None
    via: str
    headers: Mapping[str, str]
    files_from: Collection[Origin]
    own_ids: Callable[[Sequence[str]], bool]
    profile: Profile = UNKNOWN
    patients: Sequence[str] = ()
    _export: Export | None = field(default=None, init=False)

    def save(self, folder: Path, *, resume: bool) -> PullResult:
        """Make ``folder`` hold what the server has of the selection, or leave it as it is.

        Args:
            folder: The target.
            resume: Whether to go on with an interrupted pull.

        Raises:
            StoreRefused: a target that is not a store folder, or the server said no.
            StoreUnavailable: the server does not answer, or another process pulls to the folder.
            StoreIncomplete: what came is not all, or contradicts itself. In the second case the journal goes.
        """
        release = self.fetcher.capability.release
        refuse_foreign(folder, release)
        counts, moment = self._counted()
        way, reason = self._way(sum(counts.values()))
        place = journal_of(folder)
        with locked(place.with_name(f"{place.name}.lock")):
            if not resume:
                discard(place)
            journal = self._journal(place, counts, way, moment)
            try:
                certificate = self._fetch(journal, counts, way, reason)
                save_pull(folder, self._lines(journal, counts), certificate, release)
                if self._export:
                    self._export.close()
            except StoreInconsistent:
                discard(place)
                raise
            except BaseException:
                if journal.blank:
                    discard(place)
                raise
            finally:
                journal.close()
            discard(place)
        return PullResult(certificate["counts"], folder, certificate, tuple(certificate["notes"]))

    def _counted(self) -> tuple[dict[str, int], str]:
        """What there is, and an instant of the server's clock before any of it was asked for.

        Raises:
            StoreRefused: nothing has the cohort's tag.
        """
        transport = self.fetcher.transport
        if not transport.heard:
            transport.get("metadata")
        moment = _moment(transport.heard)
        counts = {} if self.group or self.patients else self.fetcher.counts(self.selection)
        if self.cohort and not self.group and not self.patients and not self.selection.since and not counts:
            raise not_here(transport.base, self.cohort)
        return counts, moment

    def _way(self, total: int) -> tuple[str, str]:
        """``search`` or ``export``, and why."""
        can, base = self.fetcher.capability, self.fetcher.transport.base
        if self.patients:
            return "search", f"by search of {len(self.patients)} patients, one after the other"
        if self.group:
            known = "export" in can.of("Group").operations or can.exports
            if not known and self.profile.value("group_export") is not True:
                raise StoreRefused(f"{base} has no $export of a Group; select by tag or parameters")
            return "export", f"by $export of Group/{self.group}"
        if self.via == "export" and not can.exports:
            raise StoreRefused(f"{base} has no $export; pull by search")
        if self.via in {"search", "export"}:
            return self.via, f"by {self.via}, as asked"
        if total > EXPORT_ABOVE and can.exports:
            return "export", f"by $export: {total} resources, more than {EXPORT_ABOVE}"
        return "search", f"by search: {total} resources" + (
            "" if can.exports else "; the server has no $export"
        )

    def _journal(self, place: Path, counts: Mapping[str, int], way: str, moment: str) -> Journal:
        """What an interrupted pull left, if it is of use, else a new journal."""
        question = {
            "server": self.fetcher.transport.base,
            "params": {kind: dict(some) for kind, some in self.selection.params.items()},
            "since": self.selection.since,
            "cohort": self.cohort,
            "group": self.group,
            "patients": list(self.patients),
            "way": way,
            "headers": {
                name: value for name, value in self.headers.items() if name.lower() != "authorization"
            },
        }
        about, useless = left_by(place, question)
        useless = self._moved(about, counts) if about else useless
        if about and not useless:
            journal = Journal(place)
            note = f"an interrupted pull was continued; {len(journal)} resources were here already"
            self.fetcher.notes.append(note)
            return journal
        if useless:
            self.fetcher.notes.append(f"an interrupted pull was not continued: {useless}")
        return Journal.begin(place, question, moment=moment, counts=counts)

    def _moved(self, about: Mapping[str, Any], counts: Mapping[str, int]) -> str:
        """What happened on the server since the journal was begun; "" for nothing."""
        if self.patients:
            return "a pull by patient begins anew"
        if about["counts"] != dict(counts):
            return "the server's counts are others now"
        kinds = counts or self.selection.params
        since = Selection({kind: self.selection.params[kind] for kind in kinds}, about["moment"])
        return "the server has stored something since" if self.fetcher.counts(since) else ""

    def _fetch(self, journal: Journal, counts: Mapping[str, int], way: str, reason: str) -> dict[str, Any]:
        """Complete the journal, compare it, and say so."""
        if way == "export" and (counts or self.group):
            self._export = Export(
                fetcher=self.fetcher,
                selection=self.selection,
                counts=counts,
                journal=journal,
                group=self.group,
                cohort=self.cohort,
                files_from=self.files_from,
            )
            self._export.fetch()
        elif self.patients:
            params = {kind: self.selection.of(kind) for kind in self.selection.params}
            needs = self.profile.value("search_needs") or ()
            ByPatient(self.fetcher, sorted(params), params, needs).fetch(self.patients, journal)
        else:
            self._search(journal, counts)
        held = journal.counts()
        if not self.patients:
            self.fetcher.compare(held, held if self.group else counts, self.selection)
        return {
            "server": self.fetcher.transport.base,
            "software": self.fetcher.capability.software,
            "query": _query(self.selection, self.group, every=len(self.fetcher.capability.types))
            + (f" of {len(self.patients)} patients" if self.patients else ""),
            "way": way,
            "time": now(),
            "transactionTime": self._export.moment
            if self._export and self._export.moment
            else journal.moment,
            "counts": held,
            "total": len(journal),
            "compared_with": "the members of the Group as exported"
            if self.group
            else "_summary=count of each type"
            if self.fetcher.counting
            else "every page of each search, followed twice: the server gives no totals",
            "requests": self.fetcher.transport.requests,
            "notes": [reason, *self.fetcher.notes],
        }

    def _search(self, journal: Journal, counts: Mapping[str, int]) -> None:
        params = {kind: self.selection.of(kind) for kind in sorted(counts)}
        trails = {kind: journal.trail(kind) for kind in params}
        todo = []
        for kind, trail in trails.items():
            if trail.done:
                continue
            walked = frozenset(trail.ids) if trail.following else ()
            todo.append(
                self.fetcher.pages(kind, params[kind], counts[kind], begin=trail.following, walked=walked)
            )
        total = sum(counts.values())
        self.fetcher.progress("pull", len(journal), total)
        for page in interleaved(todo):
            kind = page.kind
            if self.cohort and any(not belongs_to(one, self.cohort) for one in page.resources):
                raise StoreRefused(
                    f"{self.fetcher.transport.base} ignores _tag, so one cohort cannot be told from another"
                )
            link = page.following
            journal.append(
                kind,
                [line_of(f"{kind}/{one['id']}", as_stored(one)) for one in page.resources],
                first=page.first,
                following=link if link and kept_link(link, params[kind]) else None,
                last=link is None,
            )
            self.fetcher.progress("pull", len(journal), total)

    def _lines(self, journal: Journal, counts: Mapping[str, int]) -> dict[str, Iterator[str]]:
        """The lines of the folder: as they are in the journal, or under our ids in place of the server's."""
        assigned = not self.own_ids(sorted(counts)) or gave_ids(journal.values())
        names = our_names(journal) if assigned else {}
        if not names:
            return journal.lines()
        order: dict[str, list[tuple[str, str]]] = {}
        for ours, theirs in sorted((names.get(key, key), key) for key in journal):
            kind = ours.split("/", 1)[0]
            if order.setdefault(kind, []) and order[kind][-1][0] == ours:
                raise StoreRefused(f"{ours} is the id of two resources of {self.fetcher.transport.base}")
            order[kind].append((ours, theirs))

        def lines(some: Sequence[tuple[str, str]]) -> Iterator[str]:
            for ours, theirs in some:
                yield line_of(ours, as_stored(renamed(journal[theirs], names)))

        return {kind: lines(some) for kind, some in order.items()}


def _moment(heard: str) -> str:
    """A second before an answer's ``Date``; a day before our own clock where the server has none."""
    try:
        moment = parsedate_to_datetime(heard).astimezone(UTC) - timedelta(seconds=1)
    except (ValueError, TypeError):
        moment = datetime.now(UTC) - timedelta(days=1)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _query(selection: Selection, group: str | None, *, every: int) -> str:
    """What was asked, as one would type it; all types are not named."""
    parts = [f"Group={group}"] if group else []
    parts += [f"_since={selection.since}"] if selection.since else []
    shared = {tuple(sorted(params.items())) for params in selection.params.values()}
    if len(shared) == 1:
        parts += [f"{name}={value}" for name, value in next(iter(shared))]
        if len(selection.params) < every:
            parts.append(f"_type={','.join(sorted(selection.params))}")
        return "&".join(parts) or "all"
    parts += [
        f"{kind}?" + "&".join(f"{name}={value}" for name, value in params.items())
        for kind, params in sorted(selection.params.items())
    ]
    return " ".join(parts)
