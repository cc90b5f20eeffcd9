"""What a process has to do again after it was forked."""

import os
import weakref
from collections.abc import Callable


def call_after_fork(method: Callable[[], None]) -> None:
    """Call a bound method in every forked child, as long as its object lives."""
    reference = weakref.WeakMethod(method)

    def call() -> None:
        if living := reference():
            living()

    os.register_at_fork(after_in_child=call)
