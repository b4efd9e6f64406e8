"""What a resource says of its rows: for each column the texts that the cell can have held."""

from __future__ import annotations

from dataclasses import dataclass, field

Cells = dict[str, frozenset[str]]


@dataclass
class Match:
    """What one resource says of its row, and of the rows embedded in it."""

    cells: Cells = field(default_factory=dict)
    embedded: list[tuple[str, Cells]] = field(default_factory=list)

    def joined(self, other: Match) -> Match | None:
        """Both together, ``None`` where they contradict each other."""
        both = Match(dict(self.cells), list(self.embedded))
        return both if both.add(other) else None

    def add(self, other: Match) -> bool:
        """Take in what another says; False where it contradicts what is known."""
        for column, texts in other.cells.items():
            known = self.cells.get(column)
            self.cells[column] = texts if known is None else known & texts
            if not self.cells[column]:
                return False
        self.embedded += other.embedded
        return True


def settled(match: Match) -> Match:
    """Embedded rows get the columns of ``on:`` from the row around them, and give it what ``%row`` says."""
    cells = dict(match.cells)
    for _, inner in match.embedded:
        for name, texts in inner.items():
            if name.startswith("%row."):
                outer = name.removeprefix("%row.")
                cells[outer] = cells[outer] & texts if outer in cells else texts
    rows = [
        (table, {name: texts or cells.get(name, texts) for name, texts in inner.items() if name[0] != "%"})
        for table, inner in match.embedded
    ]
    return Match(cells, rows)
