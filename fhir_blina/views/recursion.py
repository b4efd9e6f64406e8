"""Whether a path of ``repeat`` goes down: one that can come back to where it began never ends."""

from __future__ import annotations

from fhir_blina.fhirpath import Binary, Call, Item, Member, Node, This

# What keeps, picks or orders items and gives nothing that was not there.
_FILTERS = frozenset(
    {"where", "first", "last", "tail", "skip", "take", "single", "distinct", "ofType", "trace"}
)
_TOGETHER = frozenset({"union", "combine"})


def descends(path: Node) -> bool:
    """Whether all that a path gives lies below the element that it is read off.

    ``item``, ``item.where(x)`` and ``item | answer.item`` do. ``$this``, ``where(x)`` and ``%resource.item``
    do not, nor does anything of which it is not certain.
    """
    if isinstance(path, Member):
        return path.source is None or _within(path.source)
    if isinstance(path, Item):
        return descends(path.source)
    if isinstance(path, Binary):
        return path.operator == "|" and descends(path.left) and descends(path.right)
    if isinstance(path, Call):
        if path.name == "extension":
            return path.source is None or _within(path.source)
        below = path.source is not None and descends(path.source)
        if path.name in _TOGETHER:
            return below and all(descends(one) for one in path.arguments)
        return below and path.name in _FILTERS
    return False


def _within(path: Node) -> bool:
    """Whether what a path gives is the element itself or lies below it."""
    if isinstance(path, This):
        return True
    if isinstance(path, Call) and path.name in _FILTERS:
        return path.source is None or _within(path.source)
    if isinstance(path, Item):
        return _within(path.source)
    return descends(path)
