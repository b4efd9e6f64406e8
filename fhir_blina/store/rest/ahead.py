"""Iterators that run ahead of whoever reads them, in threads of their own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from queue import Empty, Queue
from typing import Any, TypeVar

T = TypeVar("T")

_END = object()


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error


def interleaved(parts: Iterable[Iterable[T]], *, workers: int = 2) -> Iterator[T]:
    """What the parts yield, ``workers`` of them at a time, each in its own order.

    At most ``workers`` things wait to be read, so memory stays flat. When the reader stops, so do the
    threads, each after what it is doing; nobody waits for them.

    Raises:
        BaseException: the first that a part raised.
    """
    todo = deque(parts)
    ready: Queue[Any] = Queue(workers)
    stop = threading.Event()

    def work() -> None:
        try:
            while todo and not stop.is_set():
                try:
                    part = todo.popleft()
                except IndexError:
                    break
                for one in part:
                    ready.put(one)
                    if stop.is_set():
                        return
        except BaseException as error:  # noqa: BLE001 - raised again where it is read
            ready.put(_Failure(error))
            return
        ready.put(_END)

    running = min(workers, len(todo))
    for number in range(running):
        threading.Thread(target=work, name=f"ahead-{number}", daemon=True).start()
    try:
        while running:
            found = ready.get()
            if found is _END:
                running -= 1
            elif isinstance(found, _Failure):
                raise found.error
            else:
                yield found
    finally:
        stop.set()
        while True:  # whoever waits to hand something over is let go
            try:
                ready.get_nowait()
            except Empty:
                break
