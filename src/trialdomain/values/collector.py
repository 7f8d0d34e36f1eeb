"""Pause the garbage collector during bulk reads.

Facts have no reference cycles. The collector would scan the thousands of facts of one participant again and again: a
quarter of the time of a replay (docs/adr/0009). Unused objects are still freed by reference counting.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def garbage_collector_paused() -> Iterator[None]:
    """Pause the garbage collector for all threads, and restore its state afterwards.

    If two calls overlap, the first one turns the collector off and on; the second finds it off, and changes nothing.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
