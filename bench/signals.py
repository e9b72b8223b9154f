"""Ending by a signal without leaving anything behind."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

# A shell's background job ignores SIGINT, so it is set too.
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_AGAIN = 1.0  # seconds


def end_cleanly() -> None:
    """From now on a signal is a KeyboardInterrupt: `with` blocks clean up on the way out.

    It is raised again each second until the program has ended, because one that falls into a destructor
    is swallowed by the interpreter.
    """
    for number in (*_ENDING, signal.SIGALRM):
        signal.signal(number, _interrupt)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Holds signals back for the length of a step that must be whole."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (*_ENDING, signal.SIGALRM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _interrupt(_number: int, _frame: object) -> None:
    signal.setitimer(signal.ITIMER_REAL, _AGAIN, _AGAIN)
    raise KeyboardInterrupt
