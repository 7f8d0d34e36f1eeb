"""Pause the garbage collector during bulk reads.

Facts hold no cycles, and the collector would look through the thousands of one participant again and again while they
live: a quarter of a replay (docs/adr/0009). What is no longer used is freed as ever, by its reference count.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def garbage_collector_paused() -> Iterator[None]:
    """Pause the garbage collector for all threads, and leave it as it was.

    Of two that overlap, the first one turns it off and on again; the other finds it off, and leaves it.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
