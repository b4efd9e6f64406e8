"""FHIR JSON: resources as plain dicts, decimals exact, files whole or absent.

Numbers without a fraction are ``int``, all others ``decimal.Decimal``; ``14.00`` stays ``14.00``.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from decimal import Decimal
from glob import escape
from pathlib import Path
from typing import Any

import simplejson

from fhir_blina.errors import StoreIncomplete
from fhir_blina.files.named import naming
from fhir_blina.files.regular import open_regular

Resource = dict[str, Any]

YOUNG_SECONDS = 1.0
MAX_LINE_BYTES = 16 * 2**20
MAX_DEPTH = 64
MAX_DIGITS = 40


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not a JSON number")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an object has the same key twice")
    return result


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS} digits")
    return int(text)


def _decimal(text: str) -> Decimal:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS} digits")
    number = Decimal(text)
    if abs(number.adjusted()) > MAX_DIGITS:
        raise ValueError("a number is out of range")
    return number


_DECODER = json.JSONDecoder(
    object_pairs_hook=_no_duplicates,
    parse_float=_decimal,
    parse_int=_integer,
    parse_constant=_no_constant,
)


def depth(value: Any) -> int:
    """How deep objects and lists nest: 0 for a number or string, 1 for an empty list."""
    deepest, stack = 0, [(value, 1)]
    while stack:
        node, level = stack.pop()
        if isinstance(node, dict):
            deepest = max(deepest, level)
            stack.extend((child, level + 1) for child in node.values())
        elif isinstance(node, list):
            deepest = max(deepest, level)
            stack.extend((child, level + 1) for child in node)
    return deepest


def loads(text: str) -> Any:
    """Read JSON text.

    Raises:
        ValueError: malformed, NaN or Infinity, a key twice, a NUL or lone surrogate,
            a number of more than 40 digits, nesting deeper than 64.
    """
    try:
        value = _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if text.count("{") + text.count("[") > MAX_DEPTH and depth(value) > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    if "\\u" in text or "\x00" in text:
        check_text(value)
    return value


def check_text(value: Any) -> None:
    """Refuse what no FHIR server stores: NUL and lone surrogates in a string.

    Raises:
        ValueError: saying which of the two.
    """
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            if "\x00" in node:
                raise ValueError("a string holds a NUL character")
            try:
                node.encode()
            except UnicodeEncodeError as error:
                raise ValueError("a string holds a lone surrogate") from error
        elif isinstance(node, dict):
            stack.extend(node)
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)


def dumps(value: Any, *, indent: int | None = None, sort_keys: bool = False, ascii_only: bool = False) -> str:
    """Write JSON text, ``Decimal`` with every digit.

    Args:
        value: Dicts, lists, strings, numbers, booleans, None.
        indent: Spaces a level; None for one line.
        sort_keys: Whether keys are written in their order.
        ascii_only: Other characters escaped, which a lone surrogate needs; else as they are.
    """
    separators = (",", ":") if indent is None else (",", ": ")
    text: str = simplejson.dumps(
        value,
        use_decimal=True,
        ensure_ascii=ascii_only,
        allow_nan=False,
        separators=separators,
        indent=indent,
        sort_keys=sort_keys,
    )
    return text


def resource_of(line: bytes) -> Resource:
    """The resource that stands in one line of NDJSON.

    Raises:
        ValueError: what is wrong, without a value of the line.
    """
    try:
        resource = loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        raise ValueError("not readable as JSON: not UTF-8") from None
    except ValueError as error:
        raise ValueError(f"not readable as JSON: {getattr(error, 'msg', None) or error}") from None
    if not isinstance(resource, dict) or "resourceType" not in resource:
        raise ValueError("not a FHIR resource (no resourceType)")
    return resource


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield ``(line number, line)`` for each line of an NDJSON file.

    Raises:
        StoreIncomplete: a line that is too long or not whole, with file and line.
    """
    with open_regular(path) as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""), start=1):
            where = f"{path}:{number}"
            if len(line) > MAX_LINE_BYTES:
                raise StoreIncomplete(f"{where}: line longer than {MAX_LINE_BYTES // 2**20} MiB")
            if not line.endswith(b"\n"):
                raise StoreIncomplete(f"{where}: the last line is cut off. Write or pull the folder again")
            yield number, line


def read_ndjson(path: Path) -> Iterator[tuple[int, Resource]]:
    """Yield ``(line number, resource)`` for each line of an NDJSON file.

    Raises:
        StoreIncomplete: a line that is not one whole JSON object, with file and line.
    """
    for number, line in read_lines(path):
        try:
            yield number, resource_of(line)
        except ValueError as error:
            raise StoreIncomplete(f"{path}:{number}: {error}") from None


def write_whole(path: Path, text: str | bytes | Iterable[str]) -> None:
    """Write a file so that it is there whole or not at all.

    A temporary file in the same folder is written, synced and renamed; mode 0600.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.is_symlink():
        raise OSError(f"{path} is a symbolic link; it is not written through")
    _sweep(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with naming(path), os.fdopen(handle, "wb") as file:
            _hold(file.fileno())
            for part in [text] if isinstance(text, (str, bytes)) else text:
                file.write(part if isinstance(part, bytes) else part.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _hold(handle: int) -> None:
    """Lock a file for as long as it is open, or this process lives.

    Raises:
        BlockingIOError: another process holds it.
    """
    import fcntl

    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _sweep(path: Path) -> None:
    """Remove what processes that were killed while they wrote a file left beside it."""
    for left in path.parent.glob(f".{escape(path.name)}.*.tmp"):
        with suppress(OSError):
            handle = os.open(left, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                found = os.fstat(handle)
                young = time.time() - found.st_mtime < YOUNG_SECONDS  # made just now, about to be locked
                if stat.S_ISREG(found.st_mode) and not young:
                    _hold(handle)
                    left.unlink()
            finally:
                os.close(handle)


def same(one: Any, other: Any) -> bool:
    """Whether two values of JSON are equal to the last digit: 14.0 is not 14.00; order of keys apart."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Decimal) or isinstance(other, Decimal):
        return str(one) == str(other)
    if isinstance(one, str) and isinstance(other, str):
        return one == other
    return type(one) is type(other) and bool(one == other)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_ndjson(path: Path, resources: Iterable[Resource]) -> None:
    """Write one resource a line, whole or not at all."""
    write_whole(path, (dumps(resource) + "\n" for resource in resources))
