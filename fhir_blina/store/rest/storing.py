"""What is new or changed is stored: one resource first, then all in the order of references, or nothing."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field

from fhir_blina.errors import Finding, StoreRefused, problem
from fhir_blina.http import Transport
from fhir_blina.store.order import Order, Unit, in_order, packs
from fhir_blina.store.rest.circles import complete, in_two_passes, take_back
from fhir_blina.store.rest.fetching import Fetcher
from fhir_blina.store.rest.sending import Sender
from fhir_blina.store.rest.trial import Trial
from fhir_blina.store.rest.writing import Writer


@dataclass
class Storing:
    """The writes of one push.

    Args:
        transport: To the server.
        fetcher: Reads from it.
        writer: Makes the writes.
        sender: Sends them.
        targets: What each resource refers to.
        cohort: The cohort's name.

    Attributes:
        notes: What was done otherwise than usual, a sentence each.
    """

    transport: Transport
    fetcher: Fetcher
    writer: Writer
    sender: Sender
    targets: Mapping[str, Sequence[str]]
    cohort: str
    notes: list[str] = field(default_factory=list)

    def run(self, wanted: Collection[str], *, first: bool, linked: bool) -> None:
        """Store what is new or changed; where the server refuses all of it, nothing of it stays.

        Args:
            wanted: Keys of what is new or changed.
            first: Whether the server holds nothing of the cohort yet; it is tried with one resource then.
            linked: Whether the references inside a transaction can be such as a server replaces.

        Raises:
            IdsRefused: the server takes no ids of ours; nothing is stored.
            StoreRefused: what was created is deleted again.
        """
        sender = self.sender
        sender.divide, sender.linked = in_two_passes, linked
        order = in_order(self.targets)
        circles = [unit for level in order.levels for unit in level if sender.circular(unit)]
        self.writer.circle_of |= {key: unit for unit in circles for key in unit}
        try:
            if first:
                wanted = self._tried(order, wanted)
            else:
                sender.linked = self.writer.own_ids  # nothing was tried: what is certain everywhere
            self._send_all(order, wanted)
            complete(sender, list(sender.partial))
        except StoreRefused as refused:
            if not sender.written:
                raise
            left = take_back(self.transport, sender.written, bundle=sender.bundle)
            raise StoreRefused([*refused.findings, _undone(left, len(sender.written), self.cohort)]) from None

    def _tried(self, order: Order, wanted: Collection[str]) -> set[str]:
        """Try the server with one resource; returns what is left to be sent."""
        sender = self.sender
        trial = Trial(
            transport=self.transport,
            fetcher=self.fetcher,
            writer=self.writer,
            cohort=self.cohort,
            targets=self.targets,
            bundle=sender.bundle,
            linked=sender.linked,
        )
        trial.run(order.levels, again=bool(self.writer.circle_of))
        sender.bundle, sender.linked, sender.quiet = trial.bundle, trial.linked, trial.quiet
        sender.written |= trial.written
        sender.rejected |= trial.rejected
        sender.partial |= trial.partial
        self.writer.written = sender.written
        self.notes += trial.notes
        tried = trial.written.keys() | trial.rejected.keys()
        sender.done(len(tried))
        return set(wanted) - tried

    def _send_all(self, order: Order, wanted: Collection[str]) -> None:
        """Send in the order of references: by patient where transactions hold what refers to each other."""
        sender, pace = self.sender, self.transport.pace
        if sender.bundle != "transaction" or not sender.linked:
            for level in order.levels:
                self._send_level(_wanted(level, wanted))
            return
        size = min(pace.size, max(1, -(-len(wanted) // pace.workers)))
        groups = [some for units in order.patients.values() if (some := _wanted(units, wanted))]
        sender.send(_wanted(order.first, wanted))
        sender.send_together(packs(groups, size))
        sender.send(_wanted(order.last, wanted))

    def _send_level(self, units: Sequence[Unit]) -> None:
        """Send what does not refer to each other, circles last."""
        sender, pace = self.sender, self.transport.pace
        single = [unit for unit in units if not sender.circular(unit)]
        size = pace.size if sender.bundle else -(-len(single) // pace.workers) or 1
        lanes = [single[start : start + size] for start in range(0, len(single), size)]
        if lanes:
            sender.send_together(lanes)
        sender.send([unit for unit in units if sender.circular(unit)])


def _wanted(units: Sequence[Unit], wanted: Container[str]) -> list[Unit]:
    """The units without what is not wanted."""
    kept = (tuple(key for key in unit if key in wanted) for unit in units)
    return [unit for unit in kept if unit]


def _undone(left: Sequence[str], stay: int, cohort: str) -> Finding:
    """What stays of a push that was refused."""
    if left:
        said, remedy = f"{len(left)} resources that it had created could not be deleted", f"Unload {cohort}"
    else:
        said, remedy = "what it had created is deleted again", ""
    if stay > len(left):
        said += f"; {stay - len(left)} that were there before have their new content"
    return problem("", f"the push was refused; {said}", remedy)
